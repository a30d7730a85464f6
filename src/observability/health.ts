/** The parts of the service that `/health` names, in its order. */
export const PARTS = ['broker', 'index', 'projector', 'rebuild', 'aggregates'] as const;
export type PartName = (typeof PARTS)[number];

export const PART_STATES = ['up', 'degraded', 'down', 'off'] as const;

/** `off`: this instance does not run the part, so it says nothing about the service. */
export interface PartReport {
  readonly state: (typeof PART_STATES)[number];
  /** Why, in a sentence an operator can act on; absent when up. */
  readonly reason?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** What a part says of itself. */
export interface PartHealth extends PartReport {
  readonly state: Exclude<PartReport['state'], 'off'>;
  /** What is around it holds it up, as the reason says: it goes on by itself once that is over. */
  readonly isHeldUp?: boolean;
}

export interface HealthReport {
  /** The worst of the parts. */
  readonly status: 'up' | 'degraded' | 'down';
  /** Whether requests should be sent here. */
  readonly ready: boolean;
  readonly parts: Readonly<Record<PartName, PartReport>>;
}

/**
 * Without the index there are no answers, with a projector that is stuck they are wrong in silence. A lost broker, or an index that takes
 * no writes, only makes them older, which every answer says. It must not take all instances out of service at once.
 */
function canServe({ index, projector }: Reported): boolean {
  return index?.state !== 'down' && (projector?.state !== 'down' || projector.isHeldUp === true);
}

type Reported = Readonly<Partial<Record<PartName, PartReport & Pick<PartHealth, 'isHeldUp'>>>>;

/** Combines what the parts say of themselves; a part that says nothing is not run by this instance. */
export function combineHealth(reported: Reported): HealthReport {
  const partOf = (name: PartName): PartReport => {
    const { isHeldUp: _, ...part } = reported[name] ?? { state: 'off', reason: 'not run by this instance' };
    return part;
  };
  const parts = {
    broker: partOf('broker'),
    index: partOf('index'),
    projector: partOf('projector'),
    rebuild: partOf('rebuild'),
    aggregates: partOf('aggregates'),
  };
  const states = Object.values(parts).map((part) => part.state);
  const worst = states.includes('down') ? 'down' : states.includes('degraded') ? 'degraded' : 'up';
  return { status: worst, ready: canServe(reported), parts };
}

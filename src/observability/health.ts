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
}

export interface HealthReport {
  /** The worst of the parts. */
  readonly status: 'up' | 'degraded' | 'down';
  /** Whether requests should be sent here. */
  readonly ready: boolean;
  readonly parts: Readonly<Record<PartName, PartReport>>;
}

/**
 * What answers need: without the index there are none, with a stuck projector they are wrong in silence. A lost broker only makes
 * them older, which every answer says, so it must not take all instances out of service at once.
 */
const NEEDED_TO_SERVE: readonly PartName[] = ['index', 'projector'];

/** Combines what the parts say of themselves; a part that says nothing is not run by this instance. */
export function combineHealth(reported: Readonly<Partial<Record<PartName, PartReport>>>): HealthReport {
  const partOf = (name: PartName): PartReport => reported[name] ?? { state: 'off', reason: 'not run by this instance' };
  const parts = {
    broker: partOf('broker'),
    index: partOf('index'),
    projector: partOf('projector'),
    rebuild: partOf('rebuild'),
    aggregates: partOf('aggregates'),
  };
  const states = Object.values(parts).map((part) => part.state);
  const worst = states.includes('down') ? 'down' : states.includes('degraded') ? 'degraded' : 'up';
  return { status: worst, ready: NEEDED_TO_SERVE.every((name) => parts[name].state !== 'down'), parts };
}

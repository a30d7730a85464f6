import type { PartHealth } from '../observability/health.ts';
import { IndexUnavailableError } from '../order-index/port.ts';
import type { RollupState } from './state.ts';

export type NamedState = readonly [name: string, state: RollupState];

/** Each aggregate and what it lacks. Never throws for an outage of the index: then nothing is known of them. */
export async function rollupsHealth(
  states: () => Promise<readonly NamedState[]>,
  silentMs: number,
  failures: ReadonlyMap<string, string>,
): Promise<PartHealth> {
  try {
    const known = await states();
    const details = Object.fromEntries(known.map(([name, state]) => [name, detailsOf(state)]));
    const [reason] = known.flatMap((one) => staleness(one, silentMs, failures) ?? []);
    return reason === undefined ? { state: 'up', details } : { state: 'degraded', reason, details };
  } catch (error) {
    if (!(error instanceof IndexUnavailableError)) throw error;
    return { state: 'degraded', reason: `nothing is known of the aggregates: ${error.message}` };
  }
}

/** What keeps readers from the newest of an aggregate, if anything. */
function staleness(
  [name, { live, building }]: NamedState,
  silentMs: number,
  failures: ReadonlyMap<string, string>,
): string | undefined {
  const failure = failures.get(name);
  if (!live) {
    if (!building) return `${name} is not there yet: it is built once the orders are folded by the present code`;
    return `${name} is being built for the first time${failure === undefined ? '' : `, and it fails: ${failure}`}`;
  }
  const silentForMs = Date.now() - live.refreshedAt;
  if (silentForMs >= silentMs) {
    const why = failure ?? 'no projector leads, or Elasticsearch does not let it';
    return `${name} was not refreshed for ${Math.round(silentForMs / 1_000)} s: ${why}`;
  }
  return failure === undefined ? undefined : `the last turn of ${name} has failed: ${failure}`;
}

function detailsOf({ live, building }: RollupState) {
  return {
    ...(live && { generation: live.generation, asOf: live.asOf }),
    ...(building && {
      building: { generation: building.generation, processed: building.processed, total: building.total },
    }),
  };
}

import type { Metrics } from './observability/metrics.ts';
import type { RunRecords } from './rebuild/records.ts';
import type { RunState } from './rebuild/state.ts';
import { viewOf, type RunView } from './rebuild/view.ts';

const NO_WISHES = { paused: false, cancelled: false };

/** A rebuild that reaches its end counts once, where it was run. One that fails or is cancelled says nothing of how long they take, nor does an activation. */
export function observeDuration({ kind, step, startedAt, finishedAt }: RunState, metrics: Metrics): void {
  if (kind !== 'rebuild' || step !== 'DONE' || finishedAt === undefined) return;
  metrics.rebuildDurationSeconds.observe((finishedAt - startedAt) / 1_000);
}

/**
 * Of the rebuild that was begun last, as operators are shown it, whichever instance runs it; zeros where there is none.
 * @param now epoch ms
 * @throws IndexUnavailableError
 */
export async function lastProgress(
  records: Pick<RunRecords, 'ids' | 'read'>,
  now: number,
): Promise<Pick<RunView, 'processed' | 'total'>> {
  for (const id of await records.ids()) {
    const kept = await records.read(id);
    if (kept?.state.kind === 'rebuild') return viewOf(kept, NO_WISHES, now);
  }
  return { processed: 0, total: 0 };
}

import type { Metrics } from '../observability/metrics.ts';
import { NO_INTENT, type Kept, type RunRecords } from './records.ts';
import { isOver, type RunState } from './state.ts';
import { viewOf, type RunView } from './view.ts';

/**
 * A rebuild that reaches its end counts once, where it was run. One that fails or is cancelled says nothing of how long they take, nor does
 * an activation.
 */
export function observeDuration({ kind, step, startedAt, finishedAt }: RunState, metrics: Metrics): void {
  if (kind !== 'rebuild' || step !== 'DONE' || finishedAt === undefined) return;
  metrics.rebuildDurationSeconds.observe((finishedAt - startedAt) / 1_000);
}

export interface RebuildMeasures extends Pick<RunView, 'processed' | 'total'> {
  /** Whether a run is under way, an activation too, and nothing moves. */
  readonly isStalled: boolean;
}

/**
 * How far the rebuild has come that was begun last, as operators are shown it, whichever instance runs it; zeros where there is none.
 * @param now epoch ms
 * @throws IndexUnavailableError
 */
export async function measureRebuilds(
  records: Pick<RunRecords, 'ids' | 'read' | 'intent'>,
  now: number,
): Promise<RebuildMeasures> {
  let isStalled = false;
  for (const [before, id] of (await records.ids()).entries()) {
    const kept = await records.read(id);
    // None is begun while another one is not over.
    if (kept && before === 0) isStalled = await isHeldUp(records, kept, now);
    if (kept?.state.kind !== 'rebuild') continue;
    const { processed, total } = viewOf(kept, NO_INTENT, now);
    return { isStalled, processed, total };
  }
  return { isStalled, processed: 0, total: 0 };
}

async function isHeldUp(records: Pick<RunRecords, 'intent'>, kept: Kept, now: number): Promise<boolean> {
  if (isOver(kept.state)) return false;
  return viewOf(kept, await records.intent(kept.state.id), now).stalled !== null;
}

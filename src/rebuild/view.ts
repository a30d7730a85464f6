import type { Intent, Kept } from './records.ts';
import { canBeCancelled, isEnd, type RebuildRequest, type RunState } from './state.ts';

/** A run as operators see it (contract §3). */
export interface RunView extends RebuildRequest {
  readonly id: string;
  readonly kind: RunState['kind'];
  readonly state: RunState['step'];
  readonly generation: string;
  readonly processed: number;
  readonly total: number | null;
  readonly ratePerSecond: number | null;
  readonly etaSeconds: number | null;
  readonly lagSeconds: number | null;
  readonly paused: boolean;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly error: string | null;
  readonly stalled: string | null;
  readonly withoutBeginning: number;
  readonly unparseable: number;
}

/** A run of which nothing is written for so long has no runner; a runner writes every second. */
const SILENT_MS = 15_000;
/** An outage that holds it up for so long is worth saying. */
const HELD_MS = 10_000;

export function viewOf({ state, beatAt }: Kept, { paused }: Intent, now: number): RunView {
  const { id, kind, request, step, generation, replay, error = null, finishedAt } = state;
  const isUnderWay = finishedAt === undefined && !isEnd(step);
  // A pause that was asked for too late has no effect.
  const isPaused = isUnderWay && paused && canBeCancelled(state);
  return {
    ...request,
    id,
    kind,
    state: step,
    generation,
    ...progressOf(state, isUnderWay && !isPaused),
    lagSeconds: replay.readTo === undefined || !isUnderWay ? null : Math.max(0, (now - replay.readTo) / 1_000),
    paused: isPaused,
    startedAt: new Date(state.startedAt).toISOString(),
    finishedAt: finishedAt === undefined ? null : new Date(finishedAt).toISOString(),
    error,
    stalled: finishedAt === undefined && !isPaused ? stalledBy(state, beatAt, now) : null,
    withoutBeginning: replay.withoutBeginning,
    unparseable: replay.unparseable,
  };
}

function progressOf({ request, copy, replay, step, rate }: RunState, isMoving: boolean) {
  const processed = copy.copied + replay.processed;
  const isPartial = request.source !== 'index' && replay.total === undefined;
  const total = copy.total === undefined || isPartial ? null : Math.max(processed, copy.total + (replay.total ?? 0));
  const isCopying = isMoving && (step === 'COPY' || step === 'ROLLUPS') && rate !== undefined && rate > 0;
  return {
    processed,
    total,
    ratePerSecond: isCopying ? Math.round(rate) : null,
    etaSeconds: isCopying && total !== null ? Math.round((total - processed) / rate) : null,
  };
}

function stalledBy({ held }: RunState, beatAt: number, now: number): string | null {
  if (held && now - held.since >= HELD_MS) return held.reason;
  const silentSeconds = Math.round((now - beatAt) / 1_000);
  return now - beatAt < SILENT_MS ? null : `no instance has gone on with it for ${silentSeconds} s`;
}

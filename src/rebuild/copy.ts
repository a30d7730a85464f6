import { setImmediate as turn } from 'node:timers/promises';
import type { StringsOf } from '../order/flatten.ts';
import { foldStored } from '../order/fold.ts';
import { rememberStrings } from '../order/remember-strings.ts';
import { documentWrite } from '../order-index/document-write.ts';
import { nextPageSize } from '../order-index/page-size.ts';
import { SnapshotLostError } from '../order-index/port.ts';
import type { DocumentWrite, Snapshot, StoredOrder } from '../order-index/port.ts';
import type { CopyProgress, RebuildIndex } from './state.ts';
import { RefusedError, writeUntilStored } from './write-until-stored.ts';

export interface CopyDependencies {
  readonly index: RebuildIndex;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  /** Told after each page that is written. */
  readonly onProgress: (progress: CopyProgress) => void;
  readonly reached: (point: 'rebuild refreshed' | 'rebuild page') => Promise<void>;
}

const FIRST_PAGE = 50;

/**
 * Folds every document of the live generation's own events with the present code, into another generation: in slices side by side,
 * each from where it was. What was written before the generation became a write target must be visible in the live one (design §2:
 * register, refresh, snapshot), so it is refreshed before each snapshot.
 * @throws RefusedError, LostTargetError, IndexUnavailableError, the signal's reason
 */
export async function copyLive(
  generation: string,
  progress: CopyProgress,
  deps: CopyDependencies,
): Promise<CopyProgress> {
  const stringsOf = rememberStrings();
  let current = progress;
  const report = (change: (before: CopyProgress) => CopyProgress): void => {
    current = change(current);
    deps.onProgress(current);
  };
  while (current.slices.some(({ done }) => !done)) {
    const { live } = await deps.index.registry();
    await deps.index.generations.refresh(live.generation);
    await deps.reached('rebuild refreshed');
    const snapshot = await deps.index.generations.openSnapshot(live.generation);
    try {
      await allOrFirstFailure(
        current.slices.map(({ done, after }, number) => async (signal: AbortSignal) => {
          const slice = { number, slices: current.slices.length };
          if (!done) await copySlice({ snapshot, slice, after, generation, report, stringsOf, ...deps, signal });
        }),
        deps.signal,
      );
    } catch (error) {
      if (!(error instanceof SnapshotLostError)) throw error;
      // After a pause: another one goes on where this one was.
    } finally {
      await snapshot.close();
    }
  }
  return current;
}

/** The others are told to stop when one fails, and waited for: nothing of them runs on afterwards. */
async function allOrFirstFailure(
  tasks: readonly ((signal: AbortSignal) => Promise<void>)[],
  outer: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([outer, failed.signal]);
  const results = await Promise.allSettled(
    tasks.map((task) =>
      task(signal).catch((error: unknown) => {
        failed.abort(error);
        throw error;
      }),
    ),
  );
  if (results.every(({ status }) => status === 'fulfilled')) return;
  outer.throwIfAborted();
  throw failed.signal.reason;
}

interface SliceCopy extends CopyDependencies {
  readonly snapshot: Snapshot;
  readonly slice: { readonly number: number; readonly slices: number };
  readonly after: string | undefined;
  readonly generation: string;
  readonly report: (change: (before: CopyProgress) => CopyProgress) => void;
  readonly stringsOf: StringsOf;
}

/** The next page is being read while one is written. */
async function copySlice(copy: SliceCopy): Promise<void> {
  const { snapshot, slice, report, signal } = copy;
  signal.throwIfAborted();
  let { after } = copy;
  let size = FIRST_PAGE;
  const begin = (): Promise<readonly StoredOrder[]> => {
    const page = snapshot.orders({ slice, after, size });
    page.catch(() => undefined); // It is asked for later, or not at all where the write before it fails.
    return page;
  };
  let reading = begin();
  try {
    for (let orders = await reading; orders.length > 0; orders = await reading) {
      signal.throwIfAborted();
      const { writes, bytes } = await fold(orders, copy.now(), copy.stringsOf);
      after = orders.at(-1)?.orderId;
      const written = { ...(after !== undefined && { after }), done: false };
      size = nextPageSize(size, orders.length, bytes);
      reading = begin();
      await writeUntilStored(copy.index, copy.generation, writes, signal);
      await copy.reached('rebuild page');
      report((before) => withSlice(before, slice.number, written, orders.length));
    }
  } finally {
    await reading.catch(() => undefined); // Nothing of it runs on afterwards.
  }
  report((before) => withSlice(before, slice.number, { ...(after !== undefined && { after }), done: true }, 0));
}

function withSlice(
  progress: CopyProgress,
  number: number,
  slice: CopyProgress['slices'][number],
  copied: number,
): CopyProgress {
  return { ...progress, copied: progress.copied + copied, slices: progress.slices.with(number, slice) };
}

/** How many orders are folded in one turn of the event loop: some milliseconds. */
const FOLDED_A_TURN = 50;

/**
 * Lets live events and searches through meanwhile.
 * @returns `bytes`: the size of the events as JSON
 * @throws RefusedError where events that are stored do not fold by the present code
 */
export async function fold(
  orders: readonly StoredOrder[],
  now: Date,
  stringsOf?: StringsOf,
): Promise<{ readonly writes: DocumentWrite[]; readonly bytes: number }> {
  const writes: DocumentWrite[] = [];
  const failed: { orderId: string; reason: string }[] = [];
  let bytes = 0;
  for (const [at, { orderId, events, aggregateKeys }] of orders.entries()) {
    if (at > 0 && at % FOLDED_A_TURN === 0) await turn();
    try {
      const state = foldStored(orderId, events, aggregateKeys);
      bytes += state.eventBytes;
      writes.push(documentWrite(state, now, stringsOf));
    } catch (error) {
      failed.push({ orderId, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  if (failed.length > 0) throw new RefusedError(failed);
  return { writes, bytes };
}

import { setTimeout as delay } from 'node:timers/promises';
import type { Arrival, AwaitedVersion, OrderIndex } from './port.ts';
import type { VersionWaits } from './version-waits.ts';

/** Between two looks where nobody tells of the write: another process's projector may have made it. */
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1_000;
/** However many wait, no more than so often is refreshed for them. */
const REFRESH_SPACING_MS = 100;

/**
 * Waits until readers see an order at a version: through the read alias and as of the last refresh, like every read, so that none
 * goes back. A write of this process wakes the reader and is made visible at once, by one refresh for all who wait; a write of
 * another process is looked for with a growing pause, and seen with the next refresh (`REFRESH_INTERVAL`, or the next heartbeat).
 * `late` where that takes longer than `waitMs`. Nobody waits on while the service stops.
 * @throws IndexUnavailableError, or the reason of the asker's own signal
 */
export function createVersionAwaiter(
  index: Pick<OrderIndex, 'getAny' | 'refresh'>,
  waits: Pick<VersionWaits, 'waitFor'>,
  stopping: AbortSignal,
): (awaited: AwaitedVersion) => Promise<Arrival> {
  const refresh = spaced(() => index.refresh());
  return async ({ orderId, version, waitMs, counts, signal }) => {
    const untilMs = performance.now() + waitMs;
    const found = new AbortController();
    const over = AbortSignal.any([signal, stopping, found.signal]);
    try {
      for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
        const leftMs = untilMs - performance.now();
        // Begun before the look, so that no write falls between the two.
        const written = waits.waitFor(orderId, version, Math.min(pauseMs, leftMs), over);
        const document = await index.getAny(orderId, signal);
        if (document && document.version >= version && counts(document)) return 'visible';
        if (leftMs <= 0) return 'late';
        if (stopping.aborted) return 'stopping';
        if (await written) await refresh();
        signal.throwIfAborted();
      }
    } finally {
      found.abort();
    }
  };
}

/** Calls that come while one is about to begin share it; those that come once it has begun get the next one. */
function spaced(refresh: () => Promise<void>): () => Promise<void> {
  let coming: Promise<void> | undefined;
  let begunAtMs = -Infinity;
  const next = async (): Promise<void> => {
    await delay(Math.max(0, begunAtMs + REFRESH_SPACING_MS - performance.now()));
    coming = undefined;
    begunAtMs = performance.now();
    await refresh();
  };
  return () => (coming ??= next());
}

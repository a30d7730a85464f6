import { setTimeout as delay } from 'node:timers/promises';

/** @throws the signal's reason when it is aborted first: Node's own delay throws an error that wraps it */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
}

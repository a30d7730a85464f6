import { setTimeout as delay } from 'node:timers/promises';

/** Whether the time has passed, and not rather the signal was aborted: then it says so at once. */
export async function passed(ms: number, signal: AbortSignal): Promise<boolean> {
  await delay(ms, undefined, { signal }).catch(() => undefined); // Aborted: the answer tells.
  return !signal.aborted;
}

/** @throws the signal's reason when it is aborted first: Node's own delay throws an error that wraps it */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
}

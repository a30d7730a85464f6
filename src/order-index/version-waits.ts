/** Readers who wait for a write of this process's projector. */
export interface VersionWaits {
  /** The live generation has just taken an order's version. Costs next to nothing where nobody waits for it. */
  wrote(orderId: string, version: number): void;
  /** True as soon as this version or a newer one is written from now on; false after `timeoutMs`, or once `signal` is aborted. */
  waitFor(orderId: string, version: number, timeoutMs: number, signal: AbortSignal): Promise<boolean>;
}

interface Waiting {
  readonly version: number;
  readonly end: (written: boolean) => void;
}

export function createVersionWaits(): VersionWaits {
  const waiting = new Map<string, Set<Waiting>>();

  const add = (orderId: string, one: Waiting): void => {
    waiting.set(orderId, (waiting.get(orderId) ?? new Set()).add(one));
  };
  const remove = (orderId: string, one: Waiting): void => {
    const others = waiting.get(orderId);
    others?.delete(one);
    if (others?.size === 0) waiting.delete(orderId);
  };

  return {
    wrote: (orderId, version) => {
      for (const one of waiting.get(orderId) ?? []) if (one.version <= version) one.end(true);
    },
    waitFor: (orderId, version, timeoutMs, signal) => {
      if (timeoutMs <= 0 || signal.aborted) return Promise.resolve(false);
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const end = (written: boolean): void => {
        remove(orderId, one);
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        resolve(written);
      };
      const giveUp = (): void => end(false);
      const one: Waiting = { version, end };
      const timer = setTimeout(giveUp, timeoutMs);
      signal.addEventListener('abort', giveUp);
      add(orderId, one);
      return promise;
    },
  };
}

/** What a bench has to end and to delete, however it ends itself. */
export interface Leftovers {
  /**
   * Call it before the thing is made. What it returns takes it away now; else it happens at the end, the newest first. @throws Error once
   * the bench was interrupted
   */
  add(remove: () => Promise<void>): () => Promise<void>;
}

const INTERRUPTED_EXIT_CODE = 130;

/**
 * Runs a bench; whether it ends, fails or is interrupted (Ctrl-C, SIGTERM), nothing of it is left. A second signal ends the process at
 * once.
 */
export async function runBench(bench: (leftovers: Leftovers) => Promise<void>): Promise<void> {
  const steps = new Set<() => Promise<void>>();
  const interrupted = new AbortController();
  const leftovers: Leftovers = {
    add(remove) {
      interrupted.signal.throwIfAborted();
      let removal: Promise<void> | undefined;
      const once = () => (removal ??= remove().finally(() => steps.delete(once)));
      steps.add(once);
      return once;
    },
  };
  const { promise: interruption, resolve } = Promise.withResolvers<'interrupted'>();
  const interrupt = () => {
    interrupted.abort(new Error('interrupted'));
    resolve('interrupted');
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  try {
    const outcome = await Promise.race([bench(leftovers), interruption]);
    if (outcome === 'interrupted') console.error('interrupted: taking away what there is');
  } finally {
    await removeAll(steps);
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
  // The bench itself goes on where it was, and would fail for want of what was taken away.
  if (interrupted.signal.aborted) process.exit(INTERRUPTED_EXIT_CODE);
}

/** What cannot be removed is told, and keeps nothing else from being removed. */
async function removeAll(steps: ReadonlySet<() => Promise<void>>): Promise<void> {
  for (const step of [...steps].reverse()) {
    try {
      await step();
    } catch (error) {
      console.error('left behind:', error);
      process.exitCode = 1;
    }
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import { IndexUnavailableError } from '../order-index/port.ts';
import type { RebuildView } from './dependencies.ts';
import type { ServerSentEvent } from './event-stream.ts';
import { isOver } from './rebuild-answers.ts';

export interface ProgressPace {
  /** How often each stream looks whether something has changed. */
  readonly pollMs: number;
  readonly keepAliveMs: number;
  /** At a time: each asks the index on its own. */
  readonly maxStreams: number;
}

export const PROGRESS_PACE: ProgressPace = { pollMs: 500, keepAliveMs: 15_000, maxStreams: 32 };

type Look = () => Promise<RebuildView | undefined>;

interface ProgressStreams {
  /** What happens to a rebuild from now on, until it is over or the signal is aborted; undefined where too many follow already. */
  open(first: RebuildView, look: Look, signal: AbortSignal): AsyncIterable<ServerSentEvent> | undefined;
}

/** Streams of progress, of which only so many are open at a time. A stream counts until its signal is aborted. */
export function progressStreams({ pollMs, maxStreams }: ProgressPace): ProgressStreams {
  const open = new Set<AbortSignal>();
  return {
    open(first, look, signal) {
      if (open.size >= maxStreams) return undefined;
      if (!signal.aborted) {
        open.add(signal);
        signal.addEventListener('abort', () => open.delete(signal), { once: true });
      }
      return progressOf(first, look, { pollMs, signal });
    },
  };
}

/** Each state that differs from the last one told, the final one too, and then `end`. Ids count from 1. */
async function* progressOf(
  first: RebuildView,
  look: Look,
  { pollMs, signal }: { readonly pollMs: number; readonly signal: AbortSignal },
): AsyncGenerator<ServerSentEvent> {
  let told = '';
  let id = 0;
  let rebuild: RebuildView | undefined = first;
  while (rebuild && !signal.aborted) {
    const data = JSON.stringify(rebuild);
    if (data !== told) {
      told = data;
      id += 1;
      yield { event: 'progress', id: String(id), data };
    }
    if (isOver(rebuild)) break;
    // Aborted: nobody listens any more.
    await delay(pollMs, undefined, { signal }).catch(() => undefined);
    rebuild = await latest(look, rebuild);
  }
  // One that is no longer kept is over too.
  yield { event: 'end', id: String(id + 1), data: told };
}

/** While the index is away nothing is known to have changed. */
async function latest(look: Look, known: RebuildView): Promise<RebuildView | undefined> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof IndexUnavailableError) return known;
    throw error;
  }
}

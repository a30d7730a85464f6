import { z } from 'zod';
import { passed } from '../back-off/pause.ts';
import { isOver, rebuildAnswer } from '../http/rebuild-answers.ts';
import type { CliContext } from './context.ts';
import type { ProgressView } from './rebuild-progress.ts';
import { ServiceProblem, ServiceUnreachableError } from './service-client.ts';
import type { ServiceClient } from './service-client.ts';
import { printable } from './table.ts';

/** A newer service may say more, and name other steps: both are passed on. It may be replaced while it is followed. */
export const rebuildSchema = z.looseObject({ ...rebuildAnswer.shape, state: z.string() });
export type Rebuild = z.output<typeof rebuildSchema>;

export interface FollowOptions {
  readonly pollMs: number;
  /** How long to try while the service does not answer. */
  readonly giveUpAfterMs: number;
}

/** A small index is built anew within a second. */
const FIRST_POLL_MS = 100;
/** A service that hangs is asked again sooner than a command would give up. */
const TIMEOUT_MS = 10_000;

/**
 * Shows a rebuild until it is over, and returns its end; undefined when it is interrupted, which leaves the rebuild alone. It asks
 * again and again instead of holding a stream: so it outlives a restart of the service, and proxies that buffer.
 * @throws ServiceProblem, ServiceUnreachableError where the service refuses, or stays away for longer than `giveUpAfterMs`
 */
export async function followRebuild(
  first: Rebuild,
  client: ServiceClient,
  view: ProgressView<Rebuild>,
  context: Pick<CliContext, 'interrupted' | 'backOffMs' | 'stderr'>,
  options: FollowOptions,
): Promise<Rebuild | undefined> {
  const { interrupted } = context;
  const look = patientLook(first.id, client, view, context, options);
  try {
    let rebuild = first;
    for (let looks = 0; ; looks += 1) {
      view.show(rebuild);
      if (isOver(rebuild)) return rebuild;
      const isTime = await passed(Math.min(options.pollMs, FIRST_POLL_MS * 2 ** looks), interrupted);
      const next = isTime ? await look() : undefined;
      if (next === undefined) return undefined;
      rebuild = next;
    }
  } finally {
    view.clear();
  }
}

/** Asks until there is an answer; undefined when it is interrupted. */
function patientLook(
  id: string,
  client: ServiceClient,
  view: ProgressView<Rebuild>,
  { interrupted, backOffMs, stderr }: Pick<CliContext, 'interrupted' | 'backOffMs' | 'stderr'>,
  { giveUpAfterMs }: FollowOptions,
): () => Promise<Rebuild | undefined> {
  const path = `/admin/rebuilds/${encodeURIComponent(id)}`;
  const say = (text: string) => {
    view.clear();
    stderr.write(`${printable(text)}\n`);
  };
  return async () => {
    const sinceMs = performance.now();
    for (let attempt = 0; ; attempt += 1) {
      try {
        const rebuild = await client.request({ path, answer: rebuildSchema, timeoutMs: TIMEOUT_MS });
        if (attempt > 0) say('the service answers again');
        return rebuild;
      } catch (error) {
        if (interrupted.aborted) return undefined;
        if (!isPassing(error) || performance.now() - sinceMs > giveUpAfterMs) throw error;
        if (attempt === 0) say(`${error.message}; trying again`);
      }
      if (!(await passed(backOffMs(attempt), interrupted))) return undefined;
    }
  };
}

/** What a restart, an outage of the index, or a limit of requests looks like. */
function isPassing(error: unknown): error is ServiceProblem | ServiceUnreachableError {
  if (error instanceof ServiceProblem) return error.status >= 500 || error.status === 429;
  return error instanceof ServiceUnreachableError;
}

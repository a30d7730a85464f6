import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

export const MINUTE_MS = 60_000;
const LOOK_MS = 5_000;

export interface Ended {
  /** The exit code, or the signal that ended it. */
  readonly end: number | NodeJS.Signals | null;
  readonly tookMs: number;
}

interface RunOptions {
  readonly limitMs: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly quiet?: boolean;
  /** Whether it has done all that it does: it is killed where it does not go away within a minute of that. */
  readonly isOver?: () => boolean;
  /** Where its output goes, instead of the terminal. */
  readonly logFile?: string;
}

/** Runs a command to its end; beyond `limitMs` its whole process group is killed. */
export async function run(command: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  const { limitMs, env, quiet = false, isOver, logFile } = options;
  const startedMs = performance.now();
  const output = logFile === undefined ? (quiet ? 'ignore' : 'inherit') : openSync(logFile, 'w');
  const child = spawn(command, args, {
    stdio: ['ignore', output, output],
    detached: true,
    env: { ...process.env, ...env },
  });
  const killGroup = (signal: NodeJS.Signals): void => {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  };
  const interrupt = (): void => {
    killGroup('SIGTERM');
    process.exitCode = 130;
  };
  let limit = setTimeout(killGroup, limitMs, 'SIGKILL');
  const watch = setInterval(() => {
    if (isOver?.() !== true) return;
    clearInterval(watch);
    clearTimeout(limit);
    limit = setTimeout(killGroup, MINUTE_MS, 'SIGKILL');
  }, LOOK_MS);
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const { promise, resolve, reject } = Promise.withResolvers<number | NodeJS.Signals | null>();
  child.once('error', reject).once('exit', (code, signal) => resolve(signal ?? code));
  try {
    return { end: await promise, tookMs: performance.now() - startedMs };
  } finally {
    clearTimeout(limit);
    clearInterval(watch);
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    if (typeof output === 'number') closeSync(output);
  }
}

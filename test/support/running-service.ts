import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { eventually } from './eventually.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const MAIN_WITH_FAULTS = new URL('./main-with-faults.ts', import.meta.url).pathname;

/** The service as an operator starts it: a process of its own. */
export interface RunningService {
  readonly url: string;
  readonly pid: number;
  /** Resolves with the exit code or signal when it has ended. */
  readonly ended: Promise<number | NodeJS.Signals>;
  readonly log: () => string;
  /** GET, and the body as JSON. */
  get<T = unknown>(path: string): Promise<{ status: number; body: T }>;
  /** SIGKILL, as a crash would; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves when it has stopped in good order. */
  stop(): Promise<void>;
}

export type Environment = Readonly<Record<string, string>>;

export interface ServiceOptions {
  /** Then its coverage is lost with it: it starts in half the time without. By default so is what has a fault point that kills it. */
  readonly isToBeKilled?: boolean;
}

/**
 * Starts `src/main.ts` on a port of its own, or `main-with-faults.ts` where ORDER_SEARCH_FAULT_POINT is set; resolves when it listens.
 * @throws Error with its output when it ends before that
 */
export async function startService(
  env: Readonly<Record<string, string | undefined>>,
  options: ServiceOptions = {},
): Promise<RunningService> {
  const fault = env['ORDER_SEARCH_FAULT_POINT'];
  const { isToBeKilled = fault?.endsWith(':kill') ?? false } = options;
  const child = spawn(process.execPath, [fault === undefined ? MAIN : MAIN_WITH_FAULTS], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited(isToBeKilled), HOST: '127.0.0.1', PORT: '0', AUTH: 'off', ...env },
  });
  const lines: string[] = [];
  const ended = endOf(child);
  const port = await Promise.race([portOf(child, lines), ended.then(() => undefined)]);
  if (port === undefined) throw new Error(`the service ended before it listened:\n${lines.join('\n')}`);
  const url = `http://127.0.0.1:${port}`;
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await ended;
  };
  return {
    url,
    pid: child.pid ?? 0,
    ended,
    log: () => lines.join('\n'),
    get: async <T>(path: string) => {
      const response = await fetch(`${url}${path}`);
      return { status: response.status, body: (await response.json()) as T };
    },
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  };
}

/** Waits until it can do its work. */
export async function untilReady(service: RunningService, timeoutMs?: number): Promise<void> {
  await eventually(async () => {
    const { status, body } = await service.get('/health/ready');
    if (status !== 200) throw new Error(JSON.stringify(body));
  }, timeoutMs);
}

/** The system's own, and the coverage folder; nothing that configures the service. */
function inherited(isToBeKilled: boolean): Record<string, string | undefined> {
  const { PATH, HOME, TMPDIR, NODE_V8_COVERAGE } = process.env;
  if (isToBeKilled) return { PATH, HOME, TMPDIR };
  // Of code that comes from the cache V8 does not count every block.
  const NODE_DISABLE_COMPILE_CACHE = NODE_V8_COVERAGE === undefined ? undefined : '1';
  return { PATH, HOME, TMPDIR, NODE_V8_COVERAGE, NODE_DISABLE_COMPILE_CACHE };
}

function endOf(child: ChildProcess): Promise<number | NodeJS.Signals> {
  return once(child, 'exit').then(([code, signal]) => (signal ?? code) as number | NodeJS.Signals);
}

async function portOf(child: ChildProcess, lines: string[]): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number>();
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      const port = /"port":(\d+),.*"msg":"listening"/.exec(line)?.[1];
      if (port !== undefined) resolve(Number(port));
    });
  }
  return promise;
}

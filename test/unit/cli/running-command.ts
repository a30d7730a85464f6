import { Readable } from 'node:stream';
import type { Command } from 'commander';
import type { CliContext } from '../../../src/cli/context.ts';

export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** What is typed, a line each; then the end of input. */
  readonly typed?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Sees each piece that is written to standard output, with all before it. */
  readonly onOutput?: (stdout: string) => void;
  /** Likewise, to standard error. */
  readonly onError?: (stderr: string) => void;
}

export interface Run {
  readonly exitCode: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in this process against a service, as `cli.ts` does. */
export async function runCommand(
  commandOf: (context: CliContext) => Command,
  args: readonly string[],
  url: string,
  terminal: Terminal = {},
  interrupted: AbortSignal = new AbortController().signal,
): Promise<Run> {
  const { isTTY = false, columns, typed = [], env = {}, onOutput, onError } = terminal;
  const run = { exitCode: undefined as number | undefined, stdout: '', stderr: '' };
  const window = { isTTY, ...(columns !== undefined && { columns }) };
  const context: CliContext = {
    env: { ORDER_SEARCH_URL: url, ...env },
    stdin: Object.assign(Readable.from(typed.map((line) => `${line}\n`)), { isTTY }),
    stdout: {
      ...window,
      write(text) {
        run.stdout += text;
        onOutput?.(run.stdout);
      },
    },
    stderr: {
      ...window,
      write(text) {
        run.stderr += text;
        onError?.(run.stderr);
      },
    },
    interrupted,
    createBroker: () => {
      throw new Error('no broker is needed');
    },
    backOffMs: () => 5,
    setExitCode: (code) => (run.exitCode = code),
  };
  await commandOf(context).parseAsync(args, { from: 'user' });
  return run;
}

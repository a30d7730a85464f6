import type { Readable } from 'node:stream';
import type { Broker } from '../broker/port.ts';
import type { Tracing } from '../observability/tracing.ts';
import type { BrokerSettings } from './broker-settings.ts';

/** What a command may use of its process: handed to it by `cli.ts`, so that commands are run in tests as they are. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Output;
  /** Progress, warnings and errors. */
  readonly stderr: Output;
  /** Ctrl-C. */
  readonly interrupted: AbortSignal;
  readonly createBroker: (
    settings: BrokerSettings,
    warn: (message: string) => void,
    tracing: Tracing | undefined,
  ) => Broker;
  readonly backOffMs: (attempt: number) => number;
  readonly setExitCode: (code: ExitCode) => void;
}

export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/**
 * What the shell is told. `misconfigured`: a wrong usage too. `refused`: the service is busy with another one, or what is asked for
 * would hurt. `cancelled`: the rebuild was.
 */
export const EXIT = {
  done: 0,
  failed: 1,
  misconfigured: 2,
  unavailable: 3,
  refused: 4,
  cancelled: 5,
  interrupted: 130,
  /** As SIGPIPE, which Node ignores, would have it: 128 and its number. */
  unread: 141,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

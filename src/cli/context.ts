import type { Readable } from 'node:stream';
import type { Broker } from '../broker/port.ts';
import type { BrokerSettings } from './broker-settings.ts';

/** What a command has of the world: handed to it by `cli.ts`, so that commands are run in tests as they are. */
export interface CliContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable;
  readonly stdout: Output;
  /** Progress, warnings and errors. */
  readonly stderr: Output & { readonly isTTY?: boolean; readonly columns?: number };
  /** Ctrl-C. */
  readonly interrupted: AbortSignal;
  readonly createBroker: (settings: BrokerSettings, warn: (message: string) => void) => Broker;
  readonly backOffMs: (attempt: number) => number;
  readonly setExitCode: (code: ExitCode) => void;
}

export interface Output {
  write(text: string): unknown;
}

/** What the shell is told. `misconfigured`: a wrong usage too. */
export const EXIT = { done: 0, failed: 1, misconfigured: 2, unavailable: 3, interrupted: 130 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

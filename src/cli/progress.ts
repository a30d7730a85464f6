import type { CliContext } from './context.ts';
import { printable } from './table.ts';

export interface ProgressState {
  readonly published: number;
  readonly bytesRead: number;
  /** Undefined where it is not known beforehand, as for standard input. */
  readonly bytesTotal: number | undefined;
}

export interface Progress {
  /** A line of its own, between those of the progress. */
  say(message: string): void;
  stop(): void;
}

const BAR_WIDTH = 24;
const REDRAW_MS = 100;
const LINE_MS = 5_000;

/** A bar that is drawn again in place on a terminal, a plain line every few seconds elsewhere. */
export function showProgress(stderr: CliContext['stderr'], read: () => ProgressState): Progress {
  const begunMs = performance.now();
  const onTerminal = stderr.isTTY === true;
  const draw = (): void => {
    const text = describe(read(), (performance.now() - begunMs) / 1_000);
    if (onTerminal) stderr.write(`\r${text.slice(0, (stderr.columns ?? 80) - 1)}\u001b[K`);
    else stderr.write(`${text}\n`);
  };
  const clear = (): void => {
    if (onTerminal) stderr.write('\r\u001b[K');
  };
  const timer = setInterval(draw, onTerminal ? REDRAW_MS : LINE_MS).unref();
  return {
    say(message) {
      clear();
      stderr.write(`${printable(message)}\n`);
    },
    stop() {
      clearInterval(timer);
      clear();
    },
  };
}

function describe({ published, bytesRead, bytesTotal }: ProgressState, seconds: number): string {
  const rate = seconds > 0 ? Math.round(published / seconds) : 0;
  const counts = `${published} events, ${rate}/s`;
  if (bytesTotal === undefined || bytesTotal === 0) return counts;
  const share = Math.min(1, bytesRead / bytesTotal);
  const filled = Math.round(share * BAR_WIDTH);
  return `[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}] ${Math.floor(share * 100)} % of the file read, ${counts}`;
}

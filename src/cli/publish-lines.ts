import { setTimeout as delay } from 'node:timers/promises';
import { BrokerPermissionError, BrokerUnavailableError, UnroutableError } from '../broker/port.ts';
import type { OutgoingEvent } from '../broker/port.ts';
import type { EventLine } from './event-lines.ts';

export interface PublishOptions {
  /** Leaves out the lines that cannot be published, instead of stopping at the first. */
  readonly skipInvalid: boolean;
  readonly eventsPerSecond?: number;
  /** How long to go on without a single confirm before giving up. */
  readonly giveUpAfterMs: number;
  readonly maxInFlight: number;
  readonly maxInFlightBytes: number;
}

export interface PublishDependencies {
  readonly publish: (event: OutgoingEvent) => Promise<void>;
  /** How long to wait before the given try, from 0. */
  readonly backOffMs: (attempt: number) => number;
  readonly onSkipped: (line: number, problem: string) => void;
  /** The broker is unavailable; called again before each try. */
  readonly onTrouble: (reason: string, unconfirmed: number) => void;
  readonly onRecovered: () => void;
  /** Reads no further, and gives up what is in flight after a short while. Whoever reads the lines ends their wait for input too. */
  readonly signal: AbortSignal;
}

/** Grows while lines are published; what it says holds too when publishing fails. */
export interface PublishCounts {
  /** Confirmed by the broker. */
  published: number;
  skipped: number;
  /** Sent, and not confirmed. */
  unconfirmed: number;
}

/** A line that cannot be published: everything before it is. */
export class InvalidLineError extends Error {
  override readonly name = 'InvalidLineError';
  readonly line: number;

  constructor(line: number, problem: string) {
    super(problem);
    this.line = line;
  }
}

interface Entry {
  readonly line: number;
  readonly event: OutgoingEvent;
}

const INTERRUPT_PATIENCE_MS = 5_000;

/**
 * Publishes every line, many in flight. What the broker did not confirm is sent again, in the order of the lines and before
 * any later line, until it is; also while the next line is waited for.
 * @throws InvalidLineError, BrokerPermissionError at once, BrokerUnavailableError once it gives up, and whatever reading rejects with;
 *   only after all lines before have been confirmed, unless the broker is unavailable or refuses them
 */
export async function publishLines(
  lines: AsyncIterable<EventLine>,
  counts: PublishCounts,
  options: PublishOptions,
  deps: PublishDependencies,
): Promise<void> {
  const window = new SendWindow(counts, options, deps);
  const leaveOut = (line: number, problem: string): void => {
    if (!options.skipInvalid) throw new InvalidLineError(line, problem);
    counts.skipped += 1;
    deps.onSkipped(line, problem);
  };
  const tellRefused = (): void => {
    for (const { line, problem } of window.takeRefused()) leaveOut(line, problem);
  };
  const givenUp = new AbortController();
  const signal = AbortSignal.any([deps.signal, givenUp.signal]);
  try {
    for await (const line of attended(inStep(lines, options.eventsPerSecond, signal), window, tellRefused)) {
      if (line.kind === 'invalid') leaveOut(line.number, line.problem);
      else await window.send({ line: line.number, event: line.event });
      tellRefused();
    }
  } finally {
    givenUp.abort();
    await window.drain();
  }
  tellRefused();
}

/** The lines, no faster than so many a second, until the signal. */
async function* inStep(
  lines: AsyncIterable<EventLine>,
  perSecond: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<EventLine> {
  const begunMs = performance.now();
  let count = 0;
  try {
    for await (const line of lines) {
      const earlyMs = perSecond === undefined ? 0 : begunMs + (count * 1_000) / perSecond - performance.now();
      if (earlyMs > 1) await delay(earlyMs, undefined, { signal });
      if (signal.aborted) return;
      count += 1;
      yield line;
    }
  } catch (error) {
    // The signal breaks off reading and waiting alike.
    if (!signal.aborted) throw error;
  }
}

/** The lines; what becomes of those before is attended to while the next one is waited for. */
async function* attended(
  lines: AsyncGenerator<EventLine>,
  window: SendWindow,
  tellRefused: () => void,
): AsyncGenerator<EventLine> {
  let isReading = false;
  try {
    for (;;) {
      isReading = true;
      const next = await window.meanwhile(lines.next(), tellRefused);
      isReading = false;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // It would wait for a line that may never come.
    if (!isReading) await lines.return(undefined);
  }
}

/** What is in flight: bounded in number and bytes. */
class SendWindow {
  readonly #counts: PublishCounts;
  readonly #options: PublishOptions;
  readonly #deps: PublishDependencies;
  #inFlight = 0;
  #inFlightBytes = 0;
  #failed: Entry[] = [];
  #refused: { readonly line: number; readonly problem: string }[] = [];
  #reason = '';
  #denial: BrokerPermissionError | undefined;
  #lastConfirmMs = performance.now();
  #changed = Promise.withResolvers<void>();

  constructor(counts: PublishCounts, options: PublishOptions, deps: PublishDependencies) {
    this.#counts = counts;
    this.#options = options;
    this.#deps = deps;
    // Whoever waits for a confirm looks at the signal again.
    deps.signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  /**
   * Resolves when it is on its way, not when it is confirmed; without sending it where it is interrupted before. @throws
   * BrokerPermissionError, BrokerUnavailableError
   */
  async send(entry: Entry): Promise<void> {
    while (!this.#isInterrupted() && (this.#failed.length > 0 || this.#isFull(entry))) {
      if (this.#failed.length > 0) await this.#recover();
      else await this.#changed.promise;
    }
    if (this.#isInterrupted()) return;
    if (this.#inFlight === 0) this.#lastConfirmMs = performance.now();
    this.#dispatch(entry);
  }

  /**
   * Settles like what is waited for; what fails until then is sent again, and `look` is called after each that has been decided.
   * @throws BrokerPermissionError, BrokerUnavailableError, and whatever `look` throws
   */
  async meanwhile<T>(awaited: Promise<T>, look: () => void): Promise<T> {
    const outcome = { isThere: false };
    const settled = (): void => {
      outcome.isThere = true;
      this.#wake();
    };
    awaited.then(settled, settled);
    while (!outcome.isThere) {
      look();
      if (this.#failed.length > 0 && !this.#isInterrupted()) await this.#recover();
      else await this.#changed.promise;
    }
    return await awaited;
  }

  /** Resolves when everything sent is confirmed, or was refused. @throws BrokerPermissionError, BrokerUnavailableError */
  async drain(): Promise<void> {
    const { signal } = this.#deps;
    let patience: AbortSignal | undefined;
    while (this.#inFlight + this.#failed.length > 0) {
      if (signal.aborted) patience ??= AbortSignal.timeout(INTERRUPT_PATIENCE_MS);
      if (patience !== undefined && (patience.aborted || this.#failed.length > 0)) return;
      if (this.#failed.length > 0) await this.#recover();
      else await Promise.race([this.#changed.promise, delay(100, undefined, { ref: false })]);
    }
  }

  /** The lines that the broker could not route since the last time. */
  takeRefused(): readonly { readonly line: number; readonly problem: string }[] {
    const refused = this.#refused;
    this.#refused = [];
    return refused;
  }

  #isFull({ event }: Entry): boolean {
    const { maxInFlight, maxInFlightBytes } = this.#options;
    if (this.#inFlight === 0) return false;
    return this.#inFlight >= maxInFlight || this.#inFlightBytes + event.body.length > maxInFlightBytes;
  }

  #dispatch(entry: Entry): void {
    const bytes = entry.event.body.length;
    this.#inFlight += 1;
    this.#inFlightBytes += bytes;
    this.#counts.unconfirmed += 1;
    const settled = (): void => {
      this.#inFlight -= 1;
      this.#inFlightBytes -= bytes;
      this.#wake();
    };
    this.#deps.publish(entry.event).then(
      () => {
        this.#counts.published += 1;
        this.#counts.unconfirmed -= 1;
        this.#lastConfirmMs = performance.now();
        settled();
      },
      (error: unknown) => {
        this.#keep(entry, error);
        settled();
      },
    );
  }

  #isInterrupted(): boolean {
    return this.#deps.signal.aborted;
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #keep(entry: Entry, error: unknown): void {
    if (error instanceof UnroutableError) {
      this.#counts.unconfirmed -= 1;
      this.#refused.push({ line: entry.line, problem: `cannot be routed: ${error.message}` });
      return;
    }
    if (!(error instanceof BrokerUnavailableError)) {
      // A bug: it must end the process.
      queueMicrotask(() => {
        throw error;
      });
      return;
    }
    this.#reason = error.message;
    if (error instanceof BrokerPermissionError) this.#denial ??= error;
    this.#failed.push(entry);
  }

  /** Sends again what was not confirmed, once the rest has been decided; less than that where it is interrupted. */
  async #recover(): Promise<void> {
    const { onTrouble, onRecovered, backOffMs, signal } = this.#deps;
    for (let attempt = 0; ; attempt += 1) {
      while (this.#inFlight > 0 && !this.#isInterrupted()) await this.#changed.promise;
      if (this.#isInterrupted()) return;
      if (this.#failed.length === 0) break;
      if (this.#denial !== undefined) throw this.#denial;
      if (performance.now() - this.#lastConfirmMs > this.#options.giveUpAfterMs) {
        throw new BrokerUnavailableError(this.#reason);
      }
      onTrouble(this.#reason, this.#failed.length);
      await delay(backOffMs(attempt), undefined, { signal }).catch(() => undefined);
      if (this.#isInterrupted()) return;
      const again = this.#failed.sort((one, other) => one.line - other.line);
      this.#failed = [];
      this.#counts.unconfirmed -= again.length;
      for (const entry of again) this.#dispatch(entry);
    }
    onRecovered();
  }
}

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import type { Readable } from 'node:stream';
import { Command, InvalidArgumentError } from 'commander';
import {
  BrokerAccessError,
  BrokerPermissionError,
  BrokerTopologyError,
  BrokerUnavailableError,
} from '../broker/port.ts';
import type { Broker } from '../broker/port.ts';
import { startTracing } from '../observability/start-tracing.ts';
import { readBrokerSettings } from './broker-settings.ts';
import type { BrokerFlags } from './broker-settings.ts';
import { EXIT } from './context.ts';
import type { CliContext, ExitCode } from './context.ts';
import { readEventLines } from './event-lines.ts';
import { showProgress } from './progress.ts';
import type { Progress } from './progress.ts';
import { InvalidLineError, publishLines } from './publish-lines.ts';
import type { PublishCounts } from './publish-lines.ts';
import { printable } from './table.ts';

interface PublishFlags extends BrokerFlags {
  readonly rate?: number;
  readonly skipInvalid: boolean;
  readonly giveUpAfter: number;
  readonly json: boolean;
}

interface Outcome {
  readonly exitCode: ExitCode;
  /** What went wrong and what to do about it. */
  readonly problem?: string;
}

/** Where the events come from. */
interface Source {
  readonly name: string;
  readonly chunks: Readable;
  readonly bytesTotal: number | undefined;
  bytesRead: number;
}

const INTERRUPTED: Outcome = { exitCode: EXIT.interrupted, problem: 'interrupted' };
const MAX_IN_FLIGHT = 1_000;
const MAX_IN_FLIGHT_BYTES = 32 * 1_048_576;

export function publishCommand(context: CliContext): Command {
  return new Command('publish')
    .description('put the events of an NDJSON file into the exchange, confirmed by the broker')
    .argument('<file>', 'CloudEvents, one a line; plain or gzip; - for standard input')
    .option('--amqp-url <url>', 'RabbitMQ, several hosts separated by commas (AMQP_URL)')
    .option('--exchange <name>', 'the exchange to publish to (EXCHANGE, else the prefix)')
    .option('--prefix <prefix>', 'what the queues are named by (PREFIX)')
    .option('--rate <events/s>', 'publish no faster', readRate)
    .option('--skip-invalid', 'leave out lines that cannot be published, and say which', false)
    .option('--give-up-after <seconds>', 'how long to try while the broker confirms nothing', readSeconds, 300)
    .option('--json', 'print the summary as JSON', false)
    .action(async (file: string, flags: PublishFlags) => {
      context.setExitCode(await publishFile(file, flags, context));
    });
}

async function publishFile(file: string, flags: PublishFlags, context: CliContext): Promise<ExitCode> {
  const read = readBrokerSettings(context.env, flags);
  if (!read.ok) {
    for (const problem of read.problems) context.stderr.write(`${problem}\n`);
    return EXIT.misconfigured;
  }
  const begunMs = performance.now();
  const counts: PublishCounts = { published: 0, skipped: 0, unconfirmed: 0 };
  const source = await openSource(file, context.stdin);
  if (typeof source === 'string') {
    context.stderr.write(`${source}\n`);
    return EXIT.failed;
  }
  const progress = showProgress(context.stderr, () => ({ ...counts, ...source }));
  const say = (message: string): void => progress.say(message);
  const tracing = await startTracing(read.settings.config.otlpEndpoint, 'order-search-publish', {
    warn: (fields, message) => say(`${message}: ${'reason' in fields ? String(fields.reason) : ''}`),
  });
  const broker = context.createBroker(read.settings, say, tracing);
  try {
    const outcome = await attempt(() => publishSource(source, broker, counts, flags, { ...context, progress }), source);
    progress.stop();
    report(counts, (performance.now() - begunMs) / 1_000, outcome, flags, context);
    return outcome.exitCode;
  } finally {
    progress.stop();
    source.chunks.destroy();
    await broker.close();
    await tracing?.close();
  }
}

async function openSource(file: string, stdin: Readable): Promise<Source | string> {
  if (file === '-') return { name: 'standard input', chunks: stdin, bytesTotal: undefined, bytesRead: 0 };
  try {
    const { size } = await stat(file);
    return { name: file, chunks: createReadStream(file), bytesTotal: size, bytesRead: 0 };
  } catch (error) {
    return `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Rejects once it is interrupted: input that it waits for may never come. */
async function* countedChunks(source: Source, interrupted: AbortSignal): AsyncGenerator<Buffer> {
  for await (const chunk of addAbortSignal(interrupted, source.chunks) as AsyncIterable<Buffer>) {
    source.bytesRead += chunk.length;
    yield chunk;
  }
}

async function publishSource(
  source: Source,
  broker: Broker,
  counts: PublishCounts,
  flags: PublishFlags,
  context: CliContext & { readonly progress: Progress },
): Promise<Outcome> {
  const { progress, interrupted, backOffMs } = context;
  if (!(await isDoneBefore(interrupted, broker.open()))) return INTERRUPTED;
  await publishLines(
    readEventLines(countedChunks(source, interrupted)),
    counts,
    {
      skipInvalid: flags.skipInvalid,
      giveUpAfterMs: flags.giveUpAfter * 1_000,
      maxInFlight: MAX_IN_FLIGHT,
      maxInFlightBytes: MAX_IN_FLIGHT_BYTES,
      ...(flags.rate === undefined ? {} : { eventsPerSecond: flags.rate }),
    },
    {
      publish: (event) => broker.publish([event]),
      backOffMs,
      onSkipped: (line, problem) => progress.say(`${source.name}:${line}: ${problem}; left out`),
      onTrouble: onceEach((reason, unconfirmed) => progress.say(`${reason}; ${unconfirmed} events are sent again`)),
      onRecovered: () => progress.say('the broker confirms again'),
      signal: interrupted,
    },
  );
  return interrupted.aborted ? INTERRUPTED : { exitCode: EXIT.done };
}

/** Settles with the work, or is false as soon as it is interrupted. */
async function isDoneBefore(interrupted: AbortSignal, work: Promise<void>): Promise<boolean> {
  const aborted = Promise.withResolvers<void>();
  const onAbort = (): void => aborted.resolve();
  interrupted.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([work, aborted.promise]);
    return !interrupted.aborted;
  } finally {
    interrupted.removeEventListener('abort', onAbort);
  }
}

/** Not the same sentence at each try. */
function onceEach(say: (reason: string, unconfirmed: number) => void): (reason: string, unconfirmed: number) => void {
  let last = '';
  return (reason, unconfirmed) => {
    if (reason !== last) say(reason, unconfirmed);
    last = reason;
  };
}

async function attempt(publish: () => Promise<Outcome>, source: Source): Promise<Outcome> {
  try {
    return await publish();
  } catch (error) {
    if (error instanceof InvalidLineError) {
      const remedy =
        'Repair the line (a CloudEvent with "id", "type" and "subject"), or leave such lines out with --skip-invalid';
      return { exitCode: EXIT.failed, problem: `${source.name}:${error.line}: ${error.message}. ${remedy}` };
    }
    if (error instanceof BrokerTopologyError) {
      const remedy =
        "See that --exchange (EXCHANGE) and --prefix (PREFIX) are the service's, and that it was started once";
      return { exitCode: EXIT.misconfigured, problem: `${error.message}. ${remedy}` };
    }
    if (error instanceof BrokerAccessError) {
      return { exitCode: EXIT.misconfigured, problem: `${error.message}. See to AMQP_URL or --amqp-url` };
    }
    if (error instanceof BrokerPermissionError) {
      const remedy = 'Give this user write on the exchange (docs/permissions.md), or name another one by --exchange';
      return { exitCode: EXIT.misconfigured, problem: `${error.message}. ${remedy}` };
    }
    if (error instanceof BrokerUnavailableError) return { exitCode: EXIT.unavailable, problem: error.message };
    // Of the file system, or of zlib: anything else is a bug.
    if (error instanceof Error && 'code' in error && typeof error.code === 'string' && /^[EZ]/.test(error.code)) {
      return { exitCode: EXIT.failed, problem: `${source.name} cannot be read to its end: ${error.message}` };
    }
    throw error;
  }
}

function report(
  counts: PublishCounts,
  seconds: number,
  outcome: Outcome,
  flags: PublishFlags,
  context: CliContext,
): void {
  const { problem } = outcome;
  const { published, skipped, unconfirmed } = counts;
  if (problem !== undefined) context.stderr.write(`${printable(problem)}\n`);
  if (flags.json) {
    const summary = {
      published,
      skipped,
      unconfirmed,
      seconds: Number(seconds.toFixed(3)),
      ok: problem === undefined,
      ...(problem === undefined ? {} : { problem }),
    };
    context.stdout.write(`${JSON.stringify(summary)}\n`);
    return;
  }
  const left = skipped === 0 ? '' : `, left out ${skipped} lines`;
  const lost = unconfirmed === 0 ? '' : `, ${unconfirmed} sent without a confirm`;
  const rest = problem === undefined ? '' : ', then stopped. Publishing the whole file again does no harm';
  context.stdout.write(`published ${published} events in ${seconds.toFixed(1)} s${left}${lost}${rest}\n`);
}

function readRate(text: string): number {
  const rate = Number(/^(\d+(?:\.\d+)?)(?:\/s)?$/.exec(text)?.[1]);
  if (!(rate > 0)) throw new InvalidArgumentError('use events a second, such as 500 or 500/s.');
  return rate;
}

function readSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('use a whole number of seconds.');
  return seconds;
}

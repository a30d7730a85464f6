import { createReadStream, type ReadStream } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { createGunzip, type Gunzip } from 'node:zlib';
import { QueueGoneError, type Broker, type HistoryStart } from '../broker/port.ts';

/** One message of a history or one line of a file. */
export interface SourceEvent {
  /** Grows from message to message; reading can begin at any. */
  readonly position: number;
  readonly body: Uint8Array;
  /** When the broker took it, where that is known. */
  readonly publishedAt?: Date;
}

/** Events that are kept in the order of their publishing, to be folded again. */
export interface EventSource {
  /** From a position to what is the end when it begins. @throws EventSourceError, BrokerUnavailableError, the signal's reason */
  read(from: number, signal: AbortSignal): AsyncIterable<SourceEvent>;
  /** Everything there is, also what lies before the place where reading begins. */
  readWhole(signal: AbortSignal): AsyncIterable<SourceEvent>;
  /** About how many there are in all, where that can be told; better the further it was read. */
  total(): Promise<number | undefined>;
  /** Whether events go on coming while it is read: then another reading may go beyond the end of the one before. */
  readonly grows?: boolean;
}

/** The history or file is not there, not allowed, or cannot be read: a rebuild from it fails. */
export class EventSourceError extends Error {
  override readonly name = 'EventSourceError';
}

/**
 * The broker's history, from its beginning or from a time on. A rebuild's end of it is a barrier that it publishes itself, after its
 * generation was registered. @throws EventSourceError where it is gone, BrokerUnavailableError
 */
export async function historySource(
  broker: Pick<Broker, 'readHistory' | 'historySize'>,
  since?: Date,
): Promise<EventSource> {
  await expectHistory(broker);
  const beginning: HistoryStart = since ? { kind: 'time', at: since } : { kind: 'first' };
  const readFrom = async function* (from: HistoryStart, signal: AbortSignal): AsyncGenerator<SourceEvent> {
    for await (const { offset, body, publishedAt } of broker.readHistory({ from, signal })) {
      yield { position: offset, body, ...(publishedAt && { publishedAt }) };
    }
  };
  return {
    read: (from, signal) => readFrom(from === 0 ? beginning : { kind: 'offset', offset: from }, signal),
    readWhole: (signal) => readFrom({ kind: 'first' }, signal),
    total: () => broker.historySize(),
    grows: true,
  };
}

async function expectHistory(broker: Pick<Broker, 'historySize'>): Promise<void> {
  try {
    await broker.historySize();
  } catch (error) {
    if (!(error instanceof QueueGoneError)) throw error;
    const lost = 'What was in it is lost: rebuild from the index, or from a file';
    throw new EventSourceError(`the history cannot be read: ${error.message}. ${lost}`, { cause: error });
  }
}

const NEWLINE = 0x0a;
/** A line that is longer is no event: what can be published is shorter. */
const LINE_BYTES = 64 * 1024 * 1024;

/**
 * A file of NDJSON events, one a line, plain or gzip (told by its first bytes), under the import directory. The position is the number of
 * the line, from 0; empty lines count and are left out.
 */
export async function fileSource(importDir: string | undefined, path: string): Promise<EventSource> {
  const file = await allowedFile(importDir, path);
  const { size } = await stat(file);
  const read = { bytes: 0, lines: 0 };
  const readFrom = async function* (from: number, signal: AbortSignal): AsyncGenerator<SourceEvent> {
    let position = 0;
    for await (const { line, bytesRead } of linesOf(file, signal)) {
      read.bytes = bytesRead;
      read.lines = position + 1;
      if (position >= from && line.length > 0) yield { position, body: line };
      position += 1;
    }
  };
  return {
    read: readFrom,
    readWhole: (signal) => readFrom(0, signal),
    total: () => Promise.resolve(read.bytes === 0 ? undefined : Math.round((read.lines * size) / read.bytes)),
  };
}

/** @throws EventSourceError where it is not a file under the import directory, links followed */
async function allowedFile(importDir: string | undefined, path: string): Promise<string> {
  if (importDir === undefined) throw new EventSourceError('IMPORT_DIR is not set: files are read from there only');
  // What lies outside is not looked for: whether it is there is nobody's business.
  if (!isUnder(importDir, path)) throw outside(path);
  try {
    const [folder, file] = await Promise.all([realpath(importDir), realpath(resolve(importDir, path))]);
    if (!isInside(folder, file)) throw outside(path);
    if (!(await stat(file)).isFile()) throw new EventSourceError(`${path} is no file`);
    return file;
  } catch (error) {
    if (error instanceof EventSourceError) throw error;
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new EventSourceError(`${path} cannot be read in IMPORT_DIR: ${code}`, { cause: error });
  }
}

/** Whether a path, from there or absolute, names something under the import directory; links are not looked at. */
export function isUnder(importDir: string, path: string): boolean {
  return isInside(resolve(importDir), resolve(importDir, path));
}

function isInside(folder: string, file: string): boolean {
  const inside = relative(folder, file);
  return inside !== '' && inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
}

function outside(path: string): EventSourceError {
  return new EventSourceError(`${path} is outside of IMPORT_DIR`);
}

interface Line {
  readonly line: Uint8Array;
  /** Of the file, so far: of a compressed one the compressed ones. */
  readonly bytesRead: number;
}

async function* linesOf(file: string, signal: AbortSignal): AsyncGenerator<Line> {
  /** The beginning of a line, in the pieces in which it came: joined once, however long it is. */
  let begun: Uint8Array[] = [];
  let begunBytes = 0;
  let input: ReadStream | undefined;
  try {
    const isGzip = await isCompressed(file);
    input = createReadStream(file, { signal });
    const chunks = (isGzip ? unzipped(input) : input) as AsyncIterable<Uint8Array>;
    for await (const chunk of chunks) {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        yield { line: lineOf([...begun, chunk.subarray(start, end)]), bytesRead: input.bytesRead };
        [begun, begunBytes] = [[], 0];
        start = end + 1;
      }
      if (start < chunk.length) begun.push(chunk.subarray(start));
      begunBytes += chunk.length - start;
      if (begunBytes > LINE_BYTES)
        throw new EventSourceError(`a line is longer than ${LINE_BYTES} bytes: one event a line`);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof EventSourceError) throw error;
    throw new EventSourceError(`the file cannot be read: ${(error as Error).message}`, { cause: error });
  } finally {
    input?.destroy();
  }
  if (begunBytes > 0) yield { line: lineOf(begun), bytesRead: input.bytesRead };
}

const GZIP = Buffer.from([0x1f, 0x8b]);

async function isCompressed(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(GZIP.length), 0, GZIP.length, 0);
    return buffer.equals(GZIP);
  } finally {
    await handle.close();
  }
}

function unzipped(input: ReadStream): Gunzip {
  const unzip = createGunzip();
  input.once('error', (error) => unzip.destroy(error));
  return input.pipe(unzip);
}

const CARRIAGE_RETURN = 0x0d;

/** Without a carriage return at its end; a copy, which does not keep the pieces. */
function lineOf(pieces: readonly Uint8Array[]): Uint8Array {
  const line = Buffer.concat(pieces);
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
}

import { Readable, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { OutgoingEvent } from '../broker/port.ts';

/** One line of an NDJSON file, blank ones aside. `number` counts from 1, blank lines too. */
export type EventLine =
  | { readonly kind: 'event'; readonly number: number; readonly event: OutgoingEvent }
  | { readonly kind: 'invalid'; readonly number: number; readonly problem: string };

/** RabbitMQ 4 refuses longer messages, by closing the channel. */
const MAX_LINE_BYTES = 16 * 1_048_576;
const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * The events of an NDJSON file, plain or gzip (told by its first bytes), each with its line as the body, byte for byte without the
 * line's end. Rejects with the source's or zlib's error.
 */
export async function* readEventLines(source: AsyncIterable<Buffer>): AsyncGenerator<EventLine> {
  for await (const { number, bytes } of linesOf(inflated(source))) {
    if (bytes === 'too long') {
      yield { kind: 'invalid', number, problem: `is longer than ${MAX_LINE_BYTES} bytes` };
      continue;
    }
    const body = number === 1 && bytes.indexOf(BYTE_ORDER_MARK) === 0 ? bytes.subarray(3) : bytes;
    if (body.toString('latin1').trim() !== '') yield toEventLine(number, body);
  }
}

function toEventLine(number: number, body: Buffer): EventLine {
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch (error) {
    return {
      kind: 'invalid',
      number,
      problem: `is not JSON (${error instanceof Error ? error.message : String(error)})`,
    };
  }
  const id = textAt(value, 'id');
  const type = textAt(value, 'type');
  const orderId = textAt(value, 'subject');
  if (id !== '' && type !== '' && orderId !== '') {
    return { kind: 'event', number, event: { id, type, orderId, time: textAt(value, 'time'), body } };
  }
  const missing = Object.entries({ id, type, subject: orderId }).flatMap(([name, text]) =>
    text === '' ? [`"${name}"`] : [],
  );
  return { kind: 'invalid', number, problem: `has no ${missing.join(', no ')}` };
}

/** Empty where there is none. */
function textAt(value: unknown, name: string): string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return '';
  const field: unknown = Object.getOwnPropertyDescriptor(value, name)?.value;
  return typeof field === 'string' ? field : '';
}

interface Line {
  readonly number: number;
  readonly bytes: Buffer | 'too long';
}

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let number = 0;
  let parts: Buffer[] = [];
  let length = 0;
  const add = (part: Buffer): void => {
    length += part.length;
    if (length > MAX_LINE_BYTES) parts = [];
    else parts.push(part);
  };
  const take = (): Line => {
    const bytes = length > MAX_LINE_BYTES ? 'too long' : withoutReturn(Buffer.concat(parts));
    parts = [];
    length = 0;
    return { number: (number += 1), bytes };
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      add(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    if (start < chunk.length) add(chunk.subarray(start));
  }
  if (length > 0) yield take();
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
}

async function* inflated(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (head.length < 2) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  const whole = startingWith(head, chunks);
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    yield* whole;
    return;
  }
  // Its errors end the iteration: nothing is left to the callback.
  const gunzip = pipeline(Readable.from(whole), createGunzip(), () => undefined);
  yield* gunzip as AsyncIterable<Buffer>;
}

async function* startingWith(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

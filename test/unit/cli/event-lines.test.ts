import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { readEventLines } from '../../../src/cli/event-lines.ts';
import type { EventLine } from '../../../src/cli/event-lines.ts';

const LINE = '{"id":"1","type":"order.placed.v2","subject":"o-1","time":"2026-01-02T03:04:05Z"}';

/** In chunks of the given sizes, over and over. */
async function* chunked(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  for (let start = 0, turn = 0; start < bytes.length; turn += 1) {
    const end = start + (sizes[turn % sizes.length] ?? 1);
    yield bytes.subarray(start, end);
    start = end;
  }
}

async function read(content: string | Buffer, sizes: readonly number[] = [65_536]): Promise<EventLine[]> {
  const lines: EventLine[] = [];
  for await (const line of readEventLines(chunked(Buffer.from(content), sizes))) lines.push(line);
  return lines;
}

function bodies(lines: readonly EventLine[]): string[] {
  return lines.map((line) => (line.kind === 'event' ? Buffer.from(line.event.body).toString() : line.problem));
}

describe('readEventLines', () => {
  it('takes the properties from the JSON and leaves the line as it is', async () => {
    const [line] = await read(`  ${LINE} \n`);
    assert.ok(line?.kind === 'event');
    const { body, ...properties } = line.event;
    assert.equal(Buffer.from(body).toString(), `  ${LINE} `);
    assert.deepEqual(properties, { id: '1', type: 'order.placed.v2', orderId: 'o-1', time: '2026-01-02T03:04:05Z' });
  });

  it('reads the same however the file is cut into chunks, plain or gzip', async () => {
    const content = Buffer.from(`${LINE}\r\n\n${LINE.replace('o-1', 'ö-2')}\nnonsense\n${LINE}`);
    const expected = await read(content);
    assert.deepEqual(
      expected.map(({ kind, number }) => `${number} ${kind}`),
      ['1 event', '3 event', '4 invalid', '5 event'],
    );
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.boolean(), async (cut, zipped) => {
        const lines = await read(zipped ? gzipSync(content) : content, cut);
        assert.deepEqual(bodies(lines), bodies(expected));
      }),
      { numRuns: 50 },
    );
  });

  it('reads a gzip file of several members', async () => {
    const content = Buffer.concat([gzipSync(`${LINE}\n`), gzipSync(LINE)]);
    assert.deepEqual(bodies(await read(content)), [LINE, LINE]);
  });

  it('takes off a byte order mark', async () => {
    assert.deepEqual(bodies(await read(`\ufeff${LINE}`)), [LINE]);
  });

  it('finds nothing in an empty file', async () => {
    assert.deepEqual(await read(''), []);
  });

  it('says what is missing, in whatever JSON', async () => {
    const lines = await read(
      '{"id":"","type":"t","subject":"s"}\n[]\nnull\n"text"\n{"__proto__":{"id":"1","type":"t","subject":"s"}}',
    );
    const all = 'has no "id", no "type", no "subject"';
    assert.deepEqual(bodies(lines), ['has no "id"', all, all, all, all]);
  });

  it('leaves out a line that RabbitMQ would not take, and keeps little of it', async () => {
    const long = Buffer.concat([Buffer.alloc(17 * 1_048_576, 'x'), Buffer.from(`\n${LINE}`)]);
    assert.deepEqual(bodies(await read(long)), ['is longer than 16777216 bytes', LINE]);
  });
});

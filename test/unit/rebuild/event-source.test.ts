import assert from 'node:assert/strict';
import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  BrokerUnavailableError,
  QueueGoneError,
  type HistoryStart,
  type ReadHistoryOptions,
} from '../../../src/broker/port.ts';
import { EventSourceError, fileSource, historySource } from '../../../src/rebuild/event-source.ts';

const NEVER = new AbortController().signal;

describe('the history', () => {
  async function startsOf(since: Date | undefined, from: number): Promise<HistoryStart[]> {
    const starts: HistoryStart[] = [];
    const broker = {
      async *readHistory(options: ReadHistoryOptions) {
        starts.push(options.from);
        yield { offset: 3, body: Buffer.from('a') };
      },
      historySize: () => Promise.resolve(7),
    };
    const source = await historySource(broker, since);
    for await (const { position } of source.read(from, NEVER)) assert.equal(position, 3);
    assert.equal(await source.total(), 7);
    return starts;
  }

  it('is read from its beginning, from a time on, or from where it was', async () => {
    const at = new Date('2026-03-01T00:00:00Z');
    assert.deepEqual(await startsOf(undefined, 0), [{ kind: 'first' }]);
    assert.deepEqual(await startsOf(at, 0), [{ kind: 'time', at }]);
    assert.deepEqual(await startsOf(at, 5), [{ kind: 'offset', offset: 5 }]);
  });

  describe('when its stream is gone', () => {
    it('cannot be read, and says what to do', async () => {
      const historySize = () =>
        Promise.reject(new QueueGoneError('the queue orders.history is gone: start the service anew'));
      const readHistory = () => assert.fail('there is nothing to read');
      await assert.rejects(historySource({ historySize, readHistory }), {
        name: 'EventSourceError',
        message:
          'the history cannot be read: the queue orders.history is gone: start the service anew. What was in it is lost: rebuild from the index, or from a file',
      });
    });
  });

  describe('when the broker is away', () => {
    it('is waited for', async () => {
      const historySize = () => Promise.reject(new BrokerUnavailableError('no connection'));
      const readHistory = () => assert.fail('nobody answers');
      await assert.rejects(historySource({ historySize, readHistory }), BrokerUnavailableError);
    });
  });
});

describe('a file of events', () => {
  let folder: string;
  let imports: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'order-search-import-'));
    imports = join(folder, 'imports');
    mkdirSync(imports);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  async function read(path: string, from = 0): Promise<[number, string][]> {
    const lines: [number, string][] = [];
    const source = await fileSource(imports, path);
    for await (const { position, body } of source.read(from, NEVER))
      lines.push([position, Buffer.from(body).toString()]);
    return lines;
  }

  it('is read line by line, whatever its line ends, and with or without the last one', async () => {
    writeFileSync(join(imports, 'a.ndjson'), '{"a":"ä"}\r\n\n{"b":2}\n{"c":3}');
    assert.deepEqual(await read('a.ndjson'), [
      [0, '{"a":"ä"}'],
      [2, '{"b":2}'],
      [3, '{"c":3}'],
    ]);
    assert.deepEqual(await read('a.ndjson', 3), [[3, '{"c":3}']]);
  });

  it('may be compressed', async () => {
    const text = Array.from({ length: 20_000 }, (_, line) => `{"line":${line},"text":"${'x'.repeat(line % 50)}"}`).join(
      '\n',
    );
    writeFileSync(join(imports, 'a.ndjson.gz'), gzipSync(text));
    const lines = await read('a.ndjson.gz');
    assert.deepEqual(
      lines.map(([, line]) => line),
      text.split('\n'),
    );
    assert.deepEqual((await read('a.ndjson.gz', 19_999))[0]?.[0], 19_999);
  });

  it('is compressed where it begins so, whatever its name', async () => {
    writeFileSync(join(imports, 'X.NDJSON.GZ'), gzipSync('{"a":1}\n{"b":2}\n'));
    writeFileSync(join(imports, 'plain.gz'), '{"a":1}\n{"b":2}\n');
    for (const path of ['X.NDJSON.GZ', 'plain.gz']) {
      assert.deepEqual(await read(path), [
        [0, '{"a":1}'],
        [1, '{"b":2}'],
      ]);
    }
    for (const [path, content] of [
      ['empty.gz', ''],
      ['short.gz', 'x'],
    ] as const) {
      writeFileSync(join(imports, path), content);
      assert.deepEqual(await read(path), content === '' ? [] : [[0, content]]);
    }
  });

  it('may have a name that begins with dots', async () => {
    writeFileSync(join(imports, '..dots.ndjson'), '{"a":1}');
    assert.deepEqual(await read('..dots.ndjson'), [[0, '{"a":1}']]);
    await assert.rejects(read('..'), /outside of IMPORT_DIR/);
  });

  it('knows about how many lines there are once some of it is read', async () => {
    writeFileSync(join(imports, 'a.ndjson'), '{"line":1}\n'.repeat(50_000));
    const source = await fileSource(imports, 'a.ndjson');
    assert.equal(await source.total(), undefined);
    for await (const { position } of source.read(0, NEVER)) if (position === 25_000) break;
    const total = (await source.total()) ?? 0;
    assert.ok(total > 10_000 && total < 250_000, `${total}`);
  });

  it('is refused outside of the import directory, also through a link', async () => {
    writeFileSync(join(folder, 'secret'), 'secret');
    symlinkSync(join(folder, 'secret'), join(imports, 'link'));
    for (const path of ['../secret', join(folder, 'secret'), 'link']) {
      await assert.rejects(fileSource(imports, path), /outside of IMPORT_DIR/);
    }
    await assert.rejects(fileSource(imports, 'none'), /cannot be read in IMPORT_DIR/);
    await assert.rejects(fileSource(undefined, 'a'), /IMPORT_DIR is not set/);
    mkdirSync(join(imports, 'sub'));
    await assert.rejects(fileSource(imports, 'sub'), /no file/);
    await assert.rejects(fileSource(imports, '.'), EventSourceError);
  });

  it('fails with the reason where it is broken', async () => {
    writeFileSync(join(imports, 'a.gz'), gzipSync('{"a":1}\n'.repeat(1_000)).subarray(0, 30));
    await assert.rejects(read('a.gz'), /the file cannot be read: unexpected end of file/);
  });

  it('is no longer read once that is aborted', async () => {
    writeFileSync(join(imports, 'a.ndjson'), '{"line":1}\n'.repeat(200_000));
    const source = await fileSource(imports, 'a.ndjson');
    const stop = new AbortController();
    const reason = new Error('enough');
    await assert.rejects(async () => {
      for await (const { position } of source.read(0, stop.signal)) if (position === 10) stop.abort(reason);
    }, reason);
  });
});

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startService, untilReady, type Environment } from '../support/running-service.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
/** EX_CONFIG of sysexits.h. */
const BAD_CONFIGURATION = 78;

/** Runs the service to its end; `complaints` are the lines beside its log. */
async function run(env: Environment): Promise<{ code: unknown; complaints: string[] }> {
  const { PATH, NODE_V8_COVERAGE } = process.env;
  const child = spawn(process.execPath, [MAIN], { env: { PATH, NODE_V8_COVERAGE, PORT: '0', ...env } });
  const ended = once(child, 'exit');
  const [log, complaints] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await ended) as [unknown];
  assert.doesNotMatch(log, /"level":"(fatal|error)"/);
  return { code, complaints: complaints.split('\n').filter((line) => line !== '') };
}

describe('the service with a mistake in its configuration', function () {
  this.timeout(60_000);
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'order-search-misconfigured-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('ends with a line for each, and the exit code for that', async () => {
    const { code, complaints } = await run({ PORT: '70000', PREFIX: 'No Prefix', DATA_DIR: folder });
    assert.equal(code, BAD_CONFIGURATION);
    assert.deepEqual(
      complaints.map((line) => line.split('=')[0]),
      ['PREFIX', 'PORT'],
    );
  });

  it('says so of a HOST that cannot be listened on', async () => {
    const { code, complaints } = await run({ HOST: '999.1.1.1', DATA_DIR: folder });
    assert.equal(code, BAD_CONFIGURATION);
    assert.equal(complaints.length, 1, complaints.join('\n'));
    assert.match(
      complaints[0] ?? '',
      /^HOST="999\.1\.1\.1": cannot be listened on \(.*\); use an address of this machine/,
    );
  });

  it('says so of a DATA_DIR that cannot be written to', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    const dataDir = join(file, 'data');
    const { code, complaints } = await run({ DATA_DIR: dataDir });
    assert.equal(code, BAD_CONFIGURATION);
    assert.equal(complaints.length, 1, complaints.join('\n'));
    assert.match(complaints[0] ?? '', /^DATA_DIR=".*": cannot be written to \(ENOTDIR: .*\); name a folder/);
    assert.ok(complaints[0]?.includes(dataDir));
  });

  it('says so of an IMPORT_DIR that is no folder it can read, where rebuilds run', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    for (const [importDir, code] of [
      [join(folder, 'none'), 'ENOENT'],
      [file, 'ENOTDIR'],
    ] as const) {
      const { code: ended, complaints } = await run({ DATA_DIR: folder, IMPORT_DIR: importDir });
      assert.equal(ended, BAD_CONFIGURATION);
      assert.equal(complaints.length, 1, complaints.join('\n'));
      assert.match(
        complaints[0] ?? '',
        new RegExp(`^IMPORT_DIR=".*": cannot be read \\(${code}: .*\\); name a folder`),
      );
      assert.ok(complaints[0]?.includes(importDir));
    }
    const serving = await startService({ DATA_DIR: folder, IMPORT_DIR: file, ROLE: 'api' });
    await serving.stop();
  });

  it('says so of each file of a certificate authority that is wrong', async () => {
    const empty = join(folder, 'empty.pem');
    writeFileSync(empty, '');
    const { code, complaints } = await run({
      ...{ AUTH: 'off', AMQP_URL: 'amqps://localhost', ELASTICSEARCH_URL: 'https://localhost' },
      ...{ AMQP_CA: join(folder, 'none.pem'), ELASTICSEARCH_CA: empty },
    });
    assert.equal(code, BAD_CONFIGURATION);
    assert.deepEqual(
      complaints.map((line) => line.split('=')[0]),
      ['AMQP_CA', 'ELASTICSEARCH_CA'],
    );
  });

  it('says so of a DATA_DIR that another one has', async () => {
    const holder = await startService({ DATA_DIR: folder });
    await untilReady(holder);
    const { code, complaints } = await run({ DATA_DIR: folder });
    await holder.stop();
    assert.equal(code, BAD_CONFIGURATION);
    assert.equal(complaints.length, 1, complaints.join('\n'));
    assert.match(complaints[0] ?? '', /is in use by another process: only one may run on a DATA_DIR$/);
  });
});

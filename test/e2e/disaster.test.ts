import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@elastic/elasticsearch';
import { connect } from 'amqplib';
import { assertExactly, publish, shuffledEvents, untilDrained } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { startService, untilReady, type Environment, type RunningService } from '../support/running-service.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

const CLI = new URL('../../src/cli.ts', import.meta.url).pathname;

interface Health {
  readonly parts: { readonly rebuild: { readonly state: string; readonly reason?: string } };
}

/** The runbooks of docs/rebuilding.md, as they are written there. */
describe('a disaster', function () {
  this.timeout(120_000);
  let backend: TestBackend;
  let service: RunningService;
  let elasticsearch: Client;
  beforeEach(async () => {
    backend = await testBackend();
    elasticsearch = new Client({ node: backend.environment['ELASTICSEARCH_URL'] ?? '' });
  });
  afterEach(async () => {
    await service.stop();
    await backend.remove();
    await elasticsearch.close();
  });

  async function start(environment: Environment = {}): Promise<void> {
    service = await startService({ ...backend.environment, ...environment });
    await untilReady(service);
  }

  /** Runs the command line to its end. */
  async function orderSearch(...args: readonly string[]): Promise<{ code: number; output: string }> {
    const { promise, resolve } = Promise.withResolvers<{ code: number; output: string }>();
    const env = { ...process.env, ORDER_SEARCH_URL: service.url };
    const child = execFile(process.execPath, [CLI, ...args], { env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
    );
    return await promise;
  }

  async function deleteAllIndices(): Promise<void> {
    const indices = Object.keys(await elasticsearch.indices.get({ index: `${backend.prefix}-*` }));
    await elasticsearch.indices.delete({ index: indices });
  }

  const liveGeneration = async () => Object.keys(await elasticsearch.indices.getAlias({ name: backend.prefix }));

  describe('when every index is deleted while the history is whole', () => {
    it('brings everything back by one command, while the service runs', async () => {
      const events = shuffledEvents({ seed: 'disaster', orders: 300 });
      await start();
      await publish(backend, events.slice(0, 900));
      await untilDrained(backend, service);
      await deleteAllIndices();
      const { code, output } = await orderSearch('rebuild', 'start', '--source', 'history', '--follow');
      assert.equal(code, 0, output + service.log().slice(-6000));
      await publish(backend, events.slice(900));
      await untilDrained(backend, service);
      await service.stop();
      await assertExactly(backend, events);
      assert.deepEqual(await liveGeneration(), [`${backend.prefix}-000002`]);
    });
  });

  describe("when the broker's history is gone while the index is whole", () => {
    it('rebuilds from the index, and not from the history', async () => {
      const events = shuffledEvents({ seed: 'no history', orders: 200 });
      await start();
      await publish(backend, events);
      await untilDrained(backend, service);
      const connection = await connect(backend.environment['AMQP_URL'] ?? '');
      const channel = await connection.createChannel();
      await channel.deleteQueue(`${backend.prefix}.history`);
      await connection.close();
      const { code, output } = await orderSearch('rebuild', 'start', '--follow');
      assert.equal(code, 0, output);
      const refused = await orderSearch('rebuild', 'start', '--source', 'history', '--follow');
      assert.equal(refused.code, 1, refused.output);
      assert.match(
        refused.output,
        /\.history is gone.*start the service anew.*rebuild from the index, or from a file/s,
      );
      await service.stop();
      await assertExactly(backend, events);
      assert.deepEqual(await liveGeneration(), [`${backend.prefix}-000002`]);
    });
  });

  describe('when orders are backfilled from a file', () => {
    let imports: string;
    before(() => (imports = mkdtempSync(join(tmpdir(), 'order-search-imports-'))));
    after(() => rmSync(imports, { recursive: true }));

    it('has them beside what was live', async () => {
      const live = shuffledEvents({ seed: 'live', orders: 50, idPrefix: 'LIVE' });
      const backfilled = shuffledEvents({ seed: 'file', orders: 200, idPrefix: 'FILE' });
      writeFileSync(join(imports, 'old.ndjson'), backfilled.map((event) => JSON.stringify(event)).join('\n'));
      await start({ IMPORT_DIR: imports });
      await publish(backend, live);
      await untilDrained(backend, service);
      const { code, output } = await orderSearch(
        'rebuild',
        'start',
        '--source',
        'file',
        '--path',
        'old.ndjson',
        '--follow',
      );
      assert.equal(code, 0, output);
      await service.stop();
      await assertExactly(backend, [...live, ...backfilled]);
    });
  });

  describe('when the live generation is not what the code makes', () => {
    /** As code before this one has left it. */
    async function pretendOlderFold(): Promise<void> {
      const index = `${backend.prefix}-000001`;
      const mapping = (await elasticsearch.indices.getMapping({ index }))[index]?.mappings;
      await elasticsearch.indices.putMapping({ index, _meta: { ...mapping?._meta, foldVersion: 1 } });
    }
    const rebuildHealth = async () => (await service.get<Health>('/health')).body.parts.rebuild;

    it('says so, with the reason, and rebuilds by itself where AUTO_REBUILD is set', async () => {
      const events = shuffledEvents({ seed: 'drift', orders: 60 });
      await start();
      assert.equal((await rebuildHealth()).state, 'up');
      await publish(backend, events);
      await untilDrained(backend, service);
      await pretendOlderFold();
      const { state, reason } = await rebuildHealth();
      assert.equal(state, 'degraded');
      assert.match(reason ?? '', /^rebuild needed: it was folded by version 1, the code's is \d+$/);
      await service.stop();
      await start({ AUTO_REBUILD: 'true' });
      await eventually(async () => {
        assert.deepEqual(await liveGeneration(), [`${backend.prefix}-000002`]);
        assert.equal((await rebuildHealth()).state, 'up');
      }, 30_000);
      await service.stop();
      await assertExactly(backend, events);
    });
  });
});

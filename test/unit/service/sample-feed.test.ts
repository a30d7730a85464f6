import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBackends, type Backends } from '../../../src/backends.ts';
import { readConfig } from '../../../src/config.ts';
import { createLogger } from '../../../src/observability/logging.ts';
import { startSampleFeed, type SampleFeed } from '../../../src/service/sample-feed.ts';
import { sampleWrite, type SampleOrder } from '../../integration/elasticsearch/sample-orders.ts';
import { recordingLog } from '../../support/amqp-broker.ts';
import { eventually } from '../../support/eventually.ts';

describe('the sample orders of the embedded default', () => {
  let dataDir: string;
  let backends: Backends;
  let feed: SampleFeed | undefined;

  beforeEach(() => (dataDir = mkdtempSync(join(tmpdir(), 'order-search-samples-'))));
  afterEach(async () => {
    await feed?.stop();
    await backends.broker.close();
    await backends.index.close();
    rmSync(dataDir, { recursive: true });
  });

  /** With what it says at once, and later. */
  async function started(
    env: Readonly<Record<string, string>>,
    ...orders: readonly SampleOrder[]
  ): Promise<ReturnType<typeof recordingLog>['entries']> {
    const read = readConfig({ DATA_DIR: dataDir, ...env });
    assert.ok(read.ok);
    backends = await createBackends(read.config, {
      certificateAuthorities: { amqp: undefined, elasticsearch: undefined },
      log: createLogger('silent'),
      onBreakerState: () => undefined,
    });
    await backends.broker.open();
    await backends.index.open();
    await backends.index.write((await backends.index.registry()).live, orders.map(sampleWrite), 'live');
    const log = recordingLog();
    feed = await startSampleFeed(backends, read.config, log);
    return log.entries;
  }

  it('come where all of their events are taken', async () => {
    const said = await started({});
    await eventually(async () => assert.ok(((await backends.broker.historySize()) ?? 0) > 200));
    assert.deepEqual(said, []);
  });

  for (const { where, orders } of [
    { where: 'where there are none yet', orders: [] },
    { where: 'beside an order that is there', orders: [{ orderId: 'o-1' }] },
  ]) {
    it(`do not begin to come ${where} if BINDING_KEYS leave out any of their events, which is said`, async () => {
      const said = await started({ BINDING_KEYS: 'order.placed,order.shipped' }, ...orders);
      assert.deepEqual(
        said.map(({ level, message }) => [level, message]),
        [['warn', 'no sample orders come: BINDING_KEYS do not take all of their events']],
      );
      assert.equal(await backends.broker.historySize(), 0);
    });
  }
});

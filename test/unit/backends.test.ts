import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBackends } from '../../src/backends.ts';
import type { Broker } from '../../src/broker/port.ts';
import { readConfig } from '../../src/config.ts';
import { createLogger } from '../../src/observability/logging.ts';
import { eventually } from '../support/eventually.ts';

describe('the embedded default', () => {
  let dataDir: string;
  beforeEach(() => (dataDir = mkdtempSync(join(tmpdir(), 'order-search-backends-'))));
  afterEach(() => rmSync(dataDir, { recursive: true }));

  async function broker(maxAge: string): Promise<Broker> {
    const read = readConfig({ DATA_DIR: dataDir, HISTORY_MAX_AGE: maxAge });
    assert.ok(read.ok);
    const backends = await createBackends(read.config, {
      certificateAuthorities: { amqp: undefined, elasticsearch: undefined },
      log: createLogger('silent'),
      onBreakerState: () => undefined,
    });
    return backends.broker;
  }

  async function historySize(maxAge: string): Promise<number | undefined> {
    const opened = await broker(maxAge);
    await opened.open();
    try {
      return await opened.historySize();
    } finally {
      await opened.close();
    }
  }

  it('keeps its history as long as HISTORY_MAX_AGE says', async () => {
    const publishing = await broker('1h');
    await publishing.open();
    const event = { id: 'e', type: 'order.placed.v2', orderId: 'o', time: '2026-03-01T00:00:00Z' };
    await publishing.publish([{ ...event, body: Buffer.from('{}') }]);
    await publishing.close();
    assert.equal(await historySize('1h'), 1);
    await eventually(async () => assert.equal(await historySize('1s'), 0));
  });
});

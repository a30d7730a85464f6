import assert from 'node:assert/strict';
import { createRandom } from '../../src/sample/random.ts';
import { assertExactly, publish, shuffledEvents } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { startProjector, untilWithdrawn } from '../support/in-process-projector.ts';
import { RUNS_LONG_TESTS } from '../support/long-tests.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

const OUTAGES = RUNS_LONG_TESTS ? 20 : 8;
/** One more return than there are outages, and everything is dead-lettered. */
const DELIVERY_LIMIT = OUTAGES + 1;
/** At most as much of a drain between two outages, by the bytes that went to Elasticsearch. */
const MAX_BYTES_BETWEEN = 40_000;

describe(`a drain with ${OUTAGES} outages of Elasticsearch in a row`, function () {
  this.timeout(300_000);
  let backend: TestBackend;
  let proxy: TcpProxy;
  beforeEach(async () => {
    backend = await testBackend();
    const { hostname: host, port } = new URL(backend.environment['ELASTICSEARCH_URL'] ?? '');
    proxy = await startTcpProxy({ host, port: Number(port) });
  });
  afterEach(async () => {
    await proxy.close();
    await backend.remove();
  });

  describe('when each comes at a random moment and lasts until what is held has gone back to the queue', () => {
    it('ends with exactly the right documents; no message has come back too often', async () => {
      const limited = { ...backend, environment: { ...backend.environment, DELIVERY_LIMIT: String(DELIVERY_LIMIT) } };
      const random = createRandom('twenty outages');
      const events = shuffledEvents({ seed: 'twenty outages', orders: 37 * OUTAGES });
      await publish(limited, events);
      const running = await startProjector(backend, {
        elasticsearchUrl: `http://127.0.0.1:${proxy.port}`,
        deliveryLimit: DELIVERY_LIMIT,
        projector: { withdrawAfterMs: 100, prefetch: 60, batchSize: 20 },
      });
      for (let outage = 1; outage <= OUTAGES; outage++) {
        const moment = proxy.bytesSent + random.integer(0, MAX_BYTES_BETWEEN);
        await eventually(() => assert.ok(running.projector.inHand() > 0 && proxy.bytesSent > moment), 60_000);
        assert.ok((await backend.queues()).live > 0, `nothing is left for outage ${outage} to interrupt`);
        await proxy.refuse();
        await untilWithdrawn(running, 60_000);
        await proxy.accept();
      }
      await running.drainAndStop(90_000);
      await assertExactly(limited, events);
    });
  });
});

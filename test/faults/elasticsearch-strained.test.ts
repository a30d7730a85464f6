import assert from 'node:assert/strict';
import { createRandom } from '../../src/sample/random.ts';
import { assertExactly, publish, shuffledEvents } from '../support/drain.ts';
import {
  NOT_AVAILABLE,
  REJECTED,
  startHttpProxy,
  type BulkFaults,
  type BulkItem,
  type HttpProxy,
} from '../support/http-proxy.ts';
import { startProjector } from '../support/in-process-projector.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

/** Of an order; a shard rejects what is sent to it, and the technical indices have others. */
function isDocument({ ndjson }: BulkItem): boolean {
  return ndjson.includes('"version_type":"external"');
}

describe('an Elasticsearch that is strained', function () {
  this.timeout(120_000);
  let backend: TestBackend;
  let proxy: HttpProxy;
  beforeEach(async () => {
    backend = await testBackend();
    proxy = await startHttpProxy(backend.environment['ELASTICSEARCH_URL'] ?? '');
  });
  afterEach(async () => {
    await proxy.close();
    await backend.remove();
  });

  const drain = async (seed: string, faults: BulkFaults) => {
    const events = shuffledEvents({ seed, orders: 200 });
    await publish(backend, events);
    const running = await startProjector(backend, {
      elasticsearchUrl: proxy.url,
      projector: { withdrawAfterMs: 5_000 },
    });
    proxy.fail(faults);
    await running.drainAndStop(100_000);
    await assertExactly(backend, events);
  };

  describe('when it answers 429 to half of the documents, and 429 or 503 to every tenth request', () => {
    it('tries again what was rejected, and dead-letters nothing', async () => {
      const random = createRandom('strained');
      await drain('429', {
        refuseItem: (item) => (isDocument(item) && random.chance(0.5) ? REJECTED : undefined),
        refuseRequest: () => (random.chance(0.1) ? random.pick([REJECTED, NOT_AVAILABLE]) : undefined),
      });
      assert.ok(proxy.counts.items > 100, `${proxy.counts.items} items rejected`);
      assert.ok(proxy.counts.requests > 0, 'no request was refused');
    });
  });

  describe('when the answer of every fifth bulk request is lost after it was carried out', () => {
    it('finds what is there already, and dead-letters nothing', async () => {
      const random = createRandom('lost');
      await drain('lost answers', { loseAnswer: () => random.chance(0.2) });
      assert.ok(proxy.counts.answers > 2, `${proxy.counts.answers} answers lost`);
    });
  });
});

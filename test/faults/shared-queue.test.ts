import assert from 'node:assert/strict';
import { assertExactly, publish, shuffledEvents } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { startService, untilReady, type RunningService } from '../support/running-service.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

const EVENTS = 5_000;
/** Small, so that the events of one order are with both of them at the same time. */
const SMALL_BATCHES = { BATCH_SIZE: '50', PREFETCH: '100', BATCH_DELAY_MS: '5' };

describe('projectors that share the live queue (SINGLE_ACTIVE_CONSUMER=false)', function () {
  this.timeout(180_000);
  let backend: TestBackend;
  let services: RunningService[] = [];
  afterEach(async () => {
    await Promise.all(services.map((service) => service.kill()));
    await backend.remove();
  });

  describe('when two of them drain shuffled and duplicated events', () => {
    it('both take part, and the documents are exactly the right ones', async () => {
      backend = sharing(await testBackend());
      const all = shuffledEvents({ seed: 'shared', orders: 1_100 });
      assert.ok(all.length >= EVENTS, `${all.length} events`);
      services = await Promise.all([1, 2].map(() => startService({ ...backend.environment, ...SMALL_BATCHES })));
      await Promise.all(services.map((service) => untilReady(service)));
      await publish(backend, all);
      const settled = await eventually(async () => {
        const each = await Promise.all(services.map(settledBy));
        assert.ok(each.reduce((sum, count) => sum + count, 0) >= all.length, each.join(' + '));
        return each;
      }, 120_000);
      assert.ok(Math.min(...settled) > all.length / 10, `one of them did nearly nothing: ${settled.join(' and ')}`);
      await Promise.all(services.map((service) => service.stop()));
      await assertExactly(backend, all);
    });
  });
});

function sharing(backend: TestBackend): TestBackend {
  return { ...backend, environment: { ...backend.environment, SINGLE_ACTIVE_CONSUMER: 'false' } };
}

/** Events that it has acknowledged. */
async function settledBy(service: RunningService): Promise<number> {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  const counts = [...text.matchAll(/^projection_updates_total\{projection="orders",.*\} (\d+)$/gm)].map(([, count]) =>
    Number(count),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

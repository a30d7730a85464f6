import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { assertExactly, publish, shuffledEvents } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { startProjector, untilWithdrawn, type InProcessProjector } from '../support/in-process-projector.ts';
import { startPrivateServices, type PrivateServices } from '../support/services.ts';
import { SHARED_SERVICES, testBackend, type TestBackend } from '../support/test-backend.ts';

const REQUEST_TIMEOUT_MS = 1_000;
const WITHDRAW_AFTER_MS = 500;
/** From the withdrawal on. */
const FROZEN_FOR_MS = 5 * REQUEST_TIMEOUT_MS;
const MIB = 1024 * 1024;

describe('an Elasticsearch that is frozen (SIGSTOP) in the middle of a drain', function () {
  this.timeout(240_000);
  let services: PrivateServices;
  let backend: TestBackend;
  before(async () => {
    services = await startPrivateServices({ name: 'frozen', amqpPort: 5_701, esPort: 9_301, only: 'elasticsearch' });
    backend = await testBackend({ ...SHARED_SERVICES, elasticsearchUrl: services.elasticsearchUrl });
    // A new Elasticsearch takes seconds to make its first indices.
    const patient = await startProjector(backend, { requestTimeoutMs: 30_000 });
    await patient.stop();
  });
  after(async () => {
    await backend.remove();
    await services.stop();
  });

  describe('when that is for longer than the request timeouts and than messages are held, and it is thawed', () => {
    it('says why meanwhile, holds nothing, dead-letters nothing, and then completes', async () => {
      const events = shuffledEvents({ seed: 'frozen', orders: 400 });
      await publish(backend, events);
      const running = await startProjector(backend, {
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        projector: { withdrawAfterMs: WITHDRAW_AFTER_MS, prefetch: 200, batchSize: 50 },
      });
      await eventually(async () => assert.ok((await backend.queues()).live < events.length * 0.8));
      await services.kill('elasticsearch', 'SIGSTOP');
      await untilSaid(running, /timed out/i);
      assert.ok((await backend.queues()).live > events.length * 0.2, 'it came when there was nothing left to do');
      await untilWithdrawn(running, 20_000);
      await staysWithdrawn(running, FROZEN_FOR_MS);
      assert.equal((await backend.queues()).deadLetters, 0);
      await services.kill('elasticsearch', 'SIGCONT');
      await running.drainAndStop(90_000);
      await assertExactly(backend, events);
    });
  });
});

async function untilSaid(running: InProcessProjector, why: RegExp): Promise<void> {
  await eventually(() => {
    const { state, reason = '' } = running.health();
    assert.equal(state, 'degraded');
    assert.match(reason, why);
  }, 20_000);
}

/** It takes nothing for as long, keeps saying why, and its memory does not grow. */
async function staysWithdrawn(running: InProcessProjector, forMs: number): Promise<void> {
  const until = performance.now() + forMs;
  const rss = process.memoryUsage.rss();
  const expected = { inHand: 0, state: 'degraded', why: true };
  const first = await eventually(() => {
    const { state, reason } = running.health();
    const seen = { inHand: running.projector.inHand(), state, why: /timed out/i.test(reason ?? '') };
    if (performance.now() < until && isDeepStrictEqual(seen, expected)) throw new Error('not yet');
    return seen;
  }, 2 * forMs);
  assert.deepEqual(first, expected);
  const grown = (process.memoryUsage.rss() - rss) / MIB;
  assert.ok(grown < 64, `${grown.toFixed(0)} MiB more while nothing moved`);
}

import assert from 'node:assert/strict';
import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import { assertExactly, drainAndStop, publish, shuffledEvents } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { RUNS_LONG_TESTS } from '../support/long-tests.ts';
import { startService, type Environment } from '../support/running-service.ts';
import { startPrivateServices, type PrivateServices } from '../support/services.ts';
import { testBackend } from '../support/test-backend.ts';

const EVENTS = RUNS_LONG_TESTS ? 20_000 : 4_000;
const KILLS = 10;
/** Small batches and a small prefetch, so that every kill finds many of them in hand. */
const SMALL_BATCHES: Environment = { BATCH_SIZE: '50', PREFETCH: '200' };

function events(seed: string): CloudEvent[] {
  const all = shuffledEvents({ seed, orders: Math.ceil(EVENTS / 4.45) });
  assert.ok(all.length >= EVENTS, `only ${all.length} events`);
  return all;
}

describe(`a drain of ${EVENTS} shuffled and duplicated events`, function () {
  this.timeout(300_000);

  describe(`when the projector is killed ${KILLS} times`, () => {
    it('ends with exactly the right documents, nothing waiting and nothing dead-lettered', async () => {
      const backend = await testBackend();
      const all = events('kills');
      const start = (isToBeKilled: boolean) =>
        startService({ ...backend.environment, ...SMALL_BATCHES }, { isToBeKilled });
      let service = await start(true);
      await publish(backend, all);
      for (let kill = 1; kill <= KILLS; kill++) {
        const left = all.length * (1 - kill / (KILLS + 2));
        await eventually(async () => assert.ok((await backend.queues()).live < left), 60_000);
        assert.ok((await backend.queues()).live > 0, `nothing is left for kill ${kill} to interrupt`);
        await service.kill();
        service = await start(kill < KILLS);
      }
      await drainAndStop(backend, service);
      await assertExactly(backend, all);
      await backend.remove();
    });
  });

  describe('when RabbitMQ and Elasticsearch are killed and started again', () => {
    let services: PrivateServices;
    before(async () => {
      services = await startPrivateServices({ name: 'drain', amqpPort: 5_681, esPort: 9_281 });
    });
    after(() => services.stop());

    it('ends with exactly the right documents, nothing waiting and nothing dead-lettered', async () => {
      const backend = await testBackend(services);
      const all = events('restarts');
      const service = await startService({ ...backend.environment, ...SMALL_BATCHES });
      await publish(backend, all);
      for (const [index, name] of (['elasticsearch', 'rabbitmq'] as const).entries()) {
        const left = all.length * (1 - (index + 1) / 4);
        await eventually(async () => assert.ok((await backend.queues()).live < left), 60_000);
        await services.kill(name);
        await services.start(name);
      }
      await drainAndStop(backend, service);
      await assertExactly(backend, all);
      await backend.remove();
    });
  });
});

import assert from 'node:assert/strict';
import { assertDocuments, assertExactly, drainAndStop, publish, shuffledEvents } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { RUNS_LONG_TESTS } from '../support/long-tests.ts';
import { startService, untilReady, type Environment, type RunningService } from '../support/running-service.ts';
import { startPrivateServices, type PrivateServices } from '../support/services.ts';
import { SHARED_SERVICES, testBackend, type TestBackend } from '../support/test-backend.ts';

/** Small, so that it is paused with many batches before and behind it. */
const SMALL_BATCHES = { BATCH_SIZE: '50', PREFETCH: '200', BATCH_DELAY_MS: '10' };
const CONSUMER_TIMEOUT_MS = 2_000;
/** A batch that is written long after it was folded, when another projector has written newer versions. */
const FOLDED_AND_NOT_WRITTEN = { ORDER_SEARCH_FAULT_POINT: `folded#3:stall=${3 * CONSUMER_TIMEOUT_MS}` };

describe('two projectors, one of which acknowledges nothing for longer than the consumer timeout', function () {
  this.timeout(300_000);
  let services: PrivateServices;
  before(async () => {
    services = await startPrivateServices({ name: 'paused', amqpPort: 5_721, esPort: 9_321, only: 'rabbitmq' });
    // RabbitMQ looks for acknowledgements that are overdue once a minute; channels opened from now on do so every second.
    const settings = `[{consumer_timeout, ${CONSUMER_TIMEOUT_MS}}, {channel_tick_interval, 1000}]`;
    await services.rabbitmqctl('eval', `[application:set_env(rabbit, Key, Value) || {Key, Value} <- ${settings}].`);
  });
  after(() => services.stop());

  for (const singleActiveConsumer of RUNS_LONG_TESTS ? ['false', 'true'] : ['false']) {
    describe(`when it is paused (SIGSTOP) and goes on beside the other one, SINGLE_ACTIVE_CONSUMER=${singleActiveConsumer}`, () => {
      it('leaves exactly the right documents', async () => {
        const backend = await backendOf(services, { SINGLE_ACTIVE_CONSUMER: singleActiveConsumer });
        const [before, after] = inHalves(shuffledEvents({ seed: `paused ${singleActiveConsumer}`, orders: 600 }));
        const paused = await holding(backend, before);
        process.kill(paused.pid, 'SIGSTOP');
        const other = await startService(backend.environment);
        // What the paused one holds is missing until RabbitMQ takes it away from it.
        await eventually(() => assertDocuments(backend, before), 120_000);
        await publish(backend, after);
        process.kill(paused.pid, 'SIGCONT');
        await drainAndStop(backend, other);
        await drainAndStop(backend, paused);
        assert.match(paused.log(), /lost the connection to RabbitMQ/);
        await assertExactly(backend, [...before, ...after]);
        await backend.remove();
      });
    });
  }

  describe('when it lives, but is stuck with a batch', () => {
    it('leaves exactly the right documents', async () => {
      const backend = await backendOf(services, { SINGLE_ACTIVE_CONSUMER: 'false' });
      const events = shuffledEvents({ seed: 'stuck', orders: 600 });
      const stuck = await holding(backend, events);
      const other = await startService(backend.environment);
      await eventually(() => assertDocuments(backend, events), 120_000);
      assert.match(stuck.log(), /delivery acknowledgement on channel \d+ timed out/);
      await drainAndStop(backend, other);
      await drainAndStop(backend, stuck);
      await assertExactly(backend, events);
      await backend.remove();
    });
  });
});

/**
 * A process that does not run is taken for lost by the heartbeats of its connections: RabbitMQ 3.10 closes the channel by the consumer
 * timeout, but keeps the consumer and what it holds until the client has said that it knows.
 */
async function backendOf({ amqpUrl }: PrivateServices, environment: Environment): Promise<TestBackend> {
  const backend = await testBackend({ ...SHARED_SERVICES, amqpUrl: `${amqpUrl}?heartbeat=2` });
  return { ...backend, environment: { ...backend.environment, ...SMALL_BATCHES, ...environment } };
}

function inHalves<T>(all: readonly T[]): [T[], T[]] {
  const middle = Math.floor(all.length / 2);
  return [all.slice(0, middle), all.slice(middle)];
}

/** A projector that has taken some of the events and settled some, and is at the point where it goes no further. */
async function holding(backend: TestBackend, events: Parameters<typeof publish>[1]): Promise<RunningService> {
  const service = await startService({ ...backend.environment, ...FOLDED_AND_NOT_WRITTEN });
  await untilReady(service);
  await publish(backend, events);
  await eventually(async () => {
    const { live } = await backend.queues();
    assert.ok(live > 0 && live < events.length - 200, `${live} of ${events.length} wait`);
  });
  return service;
}

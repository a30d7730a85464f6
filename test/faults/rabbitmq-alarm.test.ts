import assert from 'node:assert/strict';
import { connect } from 'amqplib';
import { queueNames } from '../../src/broker/rabbitmq/topology.ts';
import {
  assertExactly,
  deadLettersOf,
  drainAndStop,
  messageOf,
  publish,
  publishMessages,
  shuffledEvents,
} from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { startService, type RunningService } from '../support/running-service.ts';
import { startPrivateServices, type PrivateServices } from '../support/services.ts';
import { SHARED_SERVICES, testBackend, type TestBackend } from '../support/test-backend.ts';

interface Part {
  readonly state: string;
  readonly reason?: string;
}

interface Health {
  readonly parts: { readonly broker: Part; readonly projector: Part };
}

describe('a RabbitMQ with a memory alarm', function () {
  this.timeout(240_000);
  let services: PrivateServices;
  let backend: TestBackend;
  before(async () => {
    services = await startPrivateServices({ name: 'alarm', amqpPort: 5_711, esPort: 9_311, only: 'rabbitmq' });
    backend = await testBackend({ ...SHARED_SERVICES, amqpUrl: services.amqpUrl });
  });
  after(async () => {
    await backend.remove();
    await services.stop();
  });

  describe('when it takes no messages while a queue with poison in it is drained', () => {
    it('says so, goes on writing, and keeps what is to be dead-lettered until it can be', async () => {
      const events = shuffledEvents({ seed: 'alarm', orders: 300 });
      await publish(backend, events.slice(0, 500));
      await publishMessages(backend, [messageOf('no event')]);
      await publish(backend, events.slice(500));
      const release = await takeEverything(backend);
      await services.rabbitmqctl('set_vm_memory_high_watermark', '0.00001');
      const service = await startService(backend.environment);
      await untilSaid(service, { state: 'degraded', reason: /takes no messages: low on memory/ });
      await release();
      const orders = new Set(events.map(({ subject }) => subject)).size;
      await eventually(async () => assert.equal((await backend.documents()).size, orders), 60_000);
      assert.deepEqual(await deadLettersOf(backend), []);
      await services.rabbitmqctl('set_vm_memory_high_watermark', '0.4');
      await untilSaid(service, { state: 'up', reason: /^$/ });
      await drainAndStop(backend, service);
      await assertExactly(backend, events, ['unparseable']);
    });
  });

  describe('when more messages are refused meanwhile than batches run at a time', () => {
    it('projects the others, says what waits and why, and dead-letters it once it can', async () => {
      const own = await testBackend({ ...SHARED_SERVICES, amqpUrl: services.amqpUrl });
      const events = shuffledEvents({ seed: 'poison in an alarm', orders: 50 });
      const poison = Array.from({ length: 10 }, (_, at) => messageOf(`[{"subject":"no event ${at}"}]`));
      await publishMessages(own, poison);
      await publish(own, events);
      const release = await takeEverything(own);
      await services.rabbitmqctl('set_vm_memory_high_watermark', '0.00001');
      const service = await startService(own.environment);
      await untilSaid(service, { state: 'degraded', reason: /takes no messages: low on memory/ });
      await release();
      await eventually(async () => assert.equal((await own.documents()).size, 50), 60_000);
      const { projector } = (await service.get<Health>('/health')).body.parts;
      assert.match(projector.reason ?? '', /^10 dead letters have not been published for .*low on memory/);
      assert.equal(projector.state, 'degraded');
      assert.equal((await service.get('/health/ready')).status, 200);
      await services.rabbitmqctl('set_vm_memory_high_watermark', '0.4');
      await drainAndStop(own, service);
      await assertExactly(
        own,
        events,
        Array.from(poison, (_, at) => `unparseable no event ${at}`),
      );
      await own.remove();
    });
  });
});

/** As the queue's one active consumer, so that the service gets nothing before it has noticed the alarm; until it is released. */
async function takeEverything({ environment, prefix }: TestBackend): Promise<() => Promise<void>> {
  const connection = await connect(environment['AMQP_URL'] ?? '');
  const channel = await connection.createChannel();
  await channel.consume(queueNames(prefix).live, () => undefined);
  return () => connection.close();
}

async function untilSaid(service: RunningService, said: { readonly state: string; readonly reason: RegExp }) {
  await eventually(async () => {
    const { state, reason = '' } = (await service.get<Health>('/health')).body.parts.broker;
    assert.equal(state, said.state, reason);
    assert.match(reason, said.reason);
  }, 30_000);
}

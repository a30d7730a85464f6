import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { AmqpPublisher } from '../../../examples/order-service/publisher.ts';
import { outgoingOf } from '../../../src/sample/cloud-event.ts';
import { generateEvents } from '../../support/generate-events.ts';
import { assertExactly, messageOf, publishMessages, untilDrained } from '../../support/drain.ts';
import { eventually } from '../../support/eventually.ts';
import { RUNS_LONG_TESTS } from '../../support/long-tests.ts';
import { startService, untilReady } from '../../support/running-service.ts';
import { startPrivateServices, type PrivateServices } from '../../support/services.ts';
import { SHARED_SERVICES, testBackend, type TestBackend } from '../../support/test-backend.ts';

const LAUNCHER = new URL('../../../bin/order-search.js', import.meta.url).pathname;
const PASSWORD = 'not-secret';

/** As docs/permissions.md has them: configure, write, read. */
function documentedPermissions(user: string, prefix: string): string[] {
  const line = new RegExp(`^rabbitmqctl set_permissions ${user} '(.*)' '(.*)' '(.*)'$`, 'm');
  const found = line.exec(readFileSync('docs/permissions.md', 'utf8'));
  assert.ok(found, `docs/permissions.md says nothing of ${user}`);
  return found.slice(1).map((pattern) => pattern.replaceAll('orders', prefix));
}

// What it says changes with the topology only, and it takes a RabbitMQ of its own.
if (RUNS_LONG_TESTS) {
  describe('RabbitMQ with the permissions of docs/permissions.md', function () {
    this.timeout(120_000);
    let services: PrivateServices;
    let backend: TestBackend;

    before(async () => {
      services = await startPrivateServices({
        name: 'permissions-test',
        amqpPort: 5698,
        esPort: 9298,
        only: 'rabbitmq',
      });
      backend = await testBackend({ ...SHARED_SERVICES, amqpUrl: services.amqpUrl });
      for (const user of ['order-search', 'order-service', 'order-import']) {
        await services.rabbitmqctl('add_user', user, PASSWORD);
        await services.rabbitmqctl('set_permissions', user, ...documentedPermissions(user, backend.prefix));
      }
    });
    after(async () => {
      await backend.remove();
      await services.stop();
    });

    const urlOf = (user: string) => services.amqpUrl.replace('guest:guest', `${user}:${PASSWORD}`);

    it('lets the service do all that it does, and a producer publish', async () => {
      const events = generateEvents({ seed: 'permissions', orders: 20 });
      const restricted = { ...backend, environment: { ...backend.environment, AMQP_URL: urlOf('order-search') } };
      const service = await startService(restricted.environment);
      await untilReady(service);
      const producer = new AmqpPublisher(urlOf('order-service'), backend.prefix);
      const outgoing = events.map((event) => {
        const type = event.type === 'OrderPaid' ? 'order.payment_captured.v1' : event.type;
        return { ...outgoingOf(event), type, sequence: event.sequence };
      });
      // Until the service has declared its queues no queue takes them.
      await eventually(() => producer.publish(outgoing), 30_000);
      await producer.close();
      await publishMessages(backend, [messageOf('no event')]);
      await untilDrained(backend, service);
      await eventually(async () => {
        const { body } = await service.get<{ items: unknown[] }>('/admin/dead-letters');
        assert.equal(body.items.length, 1);
      });
      const started = await fetch(`${service.url}/admin/rebuilds`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ source: 'history' }),
      });
      assert.equal(started.status, 202);
      await eventually(async () => {
        const { body } = await service.get<{ items: { state: string }[] }>('/admin/rebuilds');
        assert.equal(body.items[0]?.state, 'DONE', JSON.stringify(body.items[0]));
      }, 30_000);
      await service.stop();
      await assertExactly(backend, events, ['unparseable']);
    });

    it('lets a producer do nothing else', async () => {
      const producer = new AmqpPublisher(urlOf('order-service'), `${backend.prefix}.other`);
      await assert.rejects(producer.publish([]), /ACCESS_REFUSED/);
      await producer.close();
    });

    describe('when order-search publish has its own', () => {
      async function publish(
        prefix: string,
        user = 'order-import',
      ): Promise<{ exitCode: unknown; stdout: string; stderr: string }> {
        const env = { ...process.env, AMQP_URL: urlOf(user), EXCHANGE: backend.prefix, PREFIX: prefix };
        const child = spawn(process.execPath, [LAUNCHER, 'publish', '-'], { env });
        child.stdin.end(JSON.stringify({ id: '1', type: 'order.tagged.v1', subject: 'o-1' }));
        const [stdout, stderr, [exitCode]] = await Promise.all([
          text(child.stdout),
          text(child.stderr),
          once(child, 'exit') as Promise<unknown[]>,
        ]);
        return { exitCode, stdout, stderr };
      }

      it('publishes to the service that has declared its queues', async () => {
        const { exitCode, stdout, stderr } = await publish(backend.prefix);
        assert.deepEqual([exitCode, stderr], [0, '']);
        assert.match(stdout, /^published 1 events/);
      });

      it('says at once of a user who may not write to the exchange that it may not', async () => {
        await services.rabbitmqctl('add_user', 'onlooker', PASSWORD);
        await services.rabbitmqctl('set_permissions', 'onlooker', '^$', '^$', '.*');
        const { exitCode, stdout, stderr } = await publish(backend.prefix, 'onlooker');
        assert.equal(exitCode, 2, stderr);
        assert.match(stderr, /ACCESS.REFUSED.*'onlooker'.*Give this user write on the exchange/);
        assert.match(stdout, /^published 0 events/);
      });

      it('says of one that was never started that it may not declare its queues', async () => {
        const prefix = `${backend.prefix}.other`;
        const { exitCode, stdout, stderr } = await publish(prefix);
        assert.equal(exitCode, 2);
        assert.ok(
          stderr.startsWith(`there is no queue '${prefix}.projector' in RabbitMQ, and it cannot be declared: `),
        );
        assert.match(stderr, /ACCESS.REFUSED.*give this user the permission\. .*--prefix/);
        assert.match(stdout, /^published 0 events/);
      });
    });
  });
}

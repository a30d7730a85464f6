import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createRabbitMqBroker } from '../../src/broker/rabbitmq/rabbitmq-broker.ts';
import { rabbitMqOptions, recordingHandlers } from '../support/amqp-broker.ts';
import { messageOf, publishMessages } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { startService, untilReady } from '../support/running-service.ts';
import type { Environment, RunningService } from '../support/running-service.ts';
import { testBackend } from '../support/test-backend.ts';
import type { TestBackend } from '../support/test-backend.ts';

const CLI = new URL('../../src/cli.ts', import.meta.url).pathname;
const TIME = '2026-03-01T10:00:00.000Z';

interface Letter {
  readonly id: string;
  readonly reason: string;
  readonly path: string;
  readonly orderId?: string;
  readonly sequence?: number;
  readonly attempts: number;
  readonly firstFailedAt: string;
  readonly lastFailedAt: string;
  readonly body: string;
}

function eventOf(subject: string, sequence: number, changes: Readonly<Record<string, unknown>> = {}): string {
  const items = [{ sku: 'S-1', name: 'Lantern', quantity: 1, unitPriceCents: 100 }];
  const customer = { id: 'c-1', name: 'José' };
  const placed = { customer, sellerId: 's-1', currency: 'EUR', items, totalCents: 100, tags: [] };
  const isFirst = sequence === 1;
  const type = isFirst ? 'order.placed.v2' : 'order.tagged.v1';
  const data = isFirst ? placed : { add: [`tag-${sequence}`], remove: [] };
  const common = { specversion: '1.0', id: `${subject}-${sequence}`, source: '/test', subject, time: TIME, sequence };
  return JSON.stringify({ ...common, type, data, ...changes });
}

const BAD_TAG = { data: { add: [7], remove: [] } };

describe('dead letters', function () {
  this.timeout(120_000);
  let backend: TestBackend;
  let service: RunningService | undefined;

  beforeEach(async () => {
    backend = await testBackend();
  });
  afterEach(async () => {
    await service?.stop();
    service = undefined;
    await backend.remove();
  });

  async function start(env: Environment = {}): Promise<void> {
    service = await startService({ ...backend.environment, ...env });
    await untilReady(service);
  }

  async function publish(...bodies: string[]): Promise<void> {
    await publishMessages(backend, bodies.map(messageOf));
  }

  async function ask(method: string, path: string): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`${service?.url ?? ''}${path}`, { method });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  async function letters(query = ''): Promise<readonly Letter[]> {
    const { status, body } = await ask('GET', `/admin/dead-letters${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body['items'] as readonly Letter[];
  }

  async function untilThere(count: number): Promise<readonly Letter[]> {
    return eventually(async () => {
      const found = await letters();
      assert.equal(found.length, count, JSON.stringify(found));
      return found;
    }, 30_000);
  }

  async function untilVersion(orderId: string, version: number): Promise<void> {
    await eventually(async () => {
      const documents = await backend.documents();
      assert.equal(documents.get(orderId)?.version, version);
    }, 30_000);
  }

  /** Nothing waits anywhere. */
  async function untilEmpty(): Promise<void> {
    await eventually(async () => {
      assert.deepEqual([await backend.queues(), await backend.countParked()], [{ live: 0, deadLetters: 0 }, 0]);
      assert.deepEqual(await letters(), []);
      const metrics = await (await fetch(`${service?.url ?? ''}/metrics`)).text();
      assert.match(metrics, /^projection_dead_letters 0$/m);
    }, 30_000);
  }

  async function cli(...args: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
    const { promise, resolve } = Promise.withResolvers<{ exitCode: number; stdout: string; stderr: string }>();
    const env = { ...process.env, ORDER_SEARCH_URL: service?.url ?? '' };
    execFile(process.execPath, [CLI, 'dead-letters', ...args], { env }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
    });
    return promise;
  }

  describe('when messages are refused', () => {
    it('tells each with its reason and field, and lets them be discarded; the rest goes on', async () => {
      await start();
      const conflicting = eventOf('B', 1, { id: 'another' });
      await publish('{"no": event', eventOf('A', 1, { data: { items: [{}] } }), eventOf('A', 2), eventOf('B', 1));
      await untilVersion('B', 1);
      await publish(conflicting);
      const found = await untilThere(3);
      const health = await service?.get<{ parts: { index: { details: { deadLetters: number } } } }>('/health');
      assert.equal(health?.body.parts.index.details.deadLetters, 3);
      const byReason = new Map(found.map((letter) => [letter.reason, letter]));
      const [unparseable, invalid, conflict] = ['unparseable', 'invalid', 'sequence_conflict'].map(
        (reason) => byReason.get(reason) ?? assert.fail(`no ${reason}`),
      );
      assert.ok(unparseable && invalid && conflict);
      assert.equal(unparseable.body, '{"no": event');
      assert.deepEqual([invalid.orderId, invalid.sequence], ['A', 1]);
      assert.match(invalid.path, /^data\./);
      assert.deepEqual([conflict.orderId, conflict.sequence, conflict.body], ['B', 1, conflicting]);
      assert.deepEqual(
        (await letters('?orderId=B')).map(({ id }) => id),
        [conflict.id],
      );

      const refused = await ask('POST', `/admin/dead-letters/${unparseable.id}/replay`);
      assert.equal(refused.status, 409);
      assert.match(String(refused.body['detail']), /no JSON object with a type/);
      const plain = { discarded: true, missing: null };
      assert.deepEqual((await ask('DELETE', `/admin/dead-letters/${conflict.id}`)).body, { ...plain, id: conflict.id });
      assert.equal((await ask('DELETE', `/admin/dead-letters/${conflict.id}`)).status, 404);
      const { missing } = (await ask('DELETE', `/admin/dead-letters/${invalid.id}`)).body;
      const { hint, ...place } = missing as Record<string, unknown>;
      assert.deepEqual(place, { orderId: 'A', sequence: 1 });
      assert.match(String(hint), /POST \/admin\/orders\/A\/repair \{"missing": "skip"\}/);
      assert.equal((await cli('discard', unparseable.id)).exitCode, 0);
      // What its producer had to say, as it should be.
      await publish(eventOf('A', 1));
      await untilVersion('A', 2);
      await untilEmpty();
    });
  });

  describe('when the cause is removed', () => {
    it('is replayed, takes its place and frees what waited for it', async () => {
      const limit = { MAX_MESSAGE_BYTES: '2000' };
      await start(limit);
      const tags = Array.from({ length: 10 }, (_, at) => `${at}`.repeat(250));
      await publish(eventOf('C', 1), eventOf('C', 2, { data: { add: tags, remove: [] } }), eventOf('C', 3));
      const [letter] = await untilThere(1);
      assert.ok(letter?.reason === 'too_large');
      await eventually(async () => assert.equal(await backend.countParked(), 1));
      const again = await cli('replay', letter.id);
      assert.deepEqual([again.exitCode, again.stdout], [0, `replayed ${letter.id}\n`]);
      const [same] = await eventually(async () => {
        const found = await letters();
        assert.equal(found[0]?.attempts, 2);
        return found;
      });
      assert.deepEqual([same?.id, same?.firstFailedAt], [letter.id, letter.firstFailedAt]);
      await service?.stop();
      await start();
      const all = await cli('replay', '--all', '--reason', 'too_large', '--json');
      assert.deepEqual(JSON.parse(all.stdout), { replayed: 1, failed: [] });
      await untilVersion('C', 3);
      await untilEmpty();
      const { tags: kept } = (await backend.documents()).get('C') ?? {};
      assert.deepEqual(kept, [...tags, 'tag-3']);
    });
  });

  describe('when a message was delivered too often', () => {
    it('is there alone, and does no harm when it is replayed', async () => {
      const own = rabbitMqOptions(backend.prefix, { deliveryLimit: 3 });
      const broker = createRabbitMqBroker(own);
      await broker.open();
      const subscription = await broker.consume(
        { prefetch: 1 },
        recordingHandlers((delivery) => queueMicrotask(() => subscription.requeue([delivery]))),
      );
      const poison = eventOf('D', 1);
      await broker.publish([messageOf(poison)]);
      await eventually(async () => assert.equal((await backend.queues()).deadLetters, 1));
      await subscription.cancel();
      await broker.publish([messageOf(eventOf('D', 2))]);
      await broker.close();
      await start({ DELIVERY_LIMIT: '3' });
      const [letter, ...others] = await untilThere(1);
      assert.deepEqual(others, []);
      assert.ok(letter);
      assert.deepEqual(
        [letter.reason, letter.orderId, letter.sequence, letter.attempts, letter.body],
        ['delivery_limit', 'D', 1, 4, poison],
      );
      await eventually(async () => assert.equal(await backend.countParked(), 1));
      assert.equal((await ask('POST', `/admin/dead-letters/${letter.id}/replay`)).status, 200);
      await untilVersion('D', 2);
      await untilEmpty();
    });
  });

  describe('when their order is erased', () => {
    it('are gone, and none is kept of it later', async () => {
      await start();
      await publish(eventOf('E', 1), eventOf('E', 2, BAD_TAG));
      await untilThere(1);
      await publish(eventOf('E', 3, { type: 'order.erased.v1', data: {} }));
      await untilVersion('E', 3);
      await untilThere(0);
      await publish(eventOf('E', 4, BAD_TAG), eventOf('F', 2, BAD_TAG));
      await eventually(async () => {
        assert.equal((await backend.queues()).deadLetters, 0);
        assert.deepEqual(
          (await letters()).map(({ orderId }) => orderId),
          ['F'],
        );
      });
      assert.match(service?.log() ?? '', /"orderId":"E","sequence":4.*a dead letter of an erased order was dropped/);
    });
  });

  describe('when the service is away', () => {
    it('is said by the command, with its own exit code', async () => {
      await start();
      const url = service?.url ?? '';
      await publish('x', 'y');
      await untilThere(2);
      const listed = await cli('list', '--limit', '1');
      assert.match(
        listed.stdout,
        /^ID +REASON +FIELD +ORDER +SEQUENCE +ATTEMPTS +LAST FAILURE\n[0-9a-f]{32} +unparseable/,
      );
      assert.match(listed.stdout, /the first 1; more with --limit\n$/);
      const none = await cli('discard', 'nobody');
      assert.deepEqual([none.exitCode, none.stdout], [1, '']);
      assert.match(none.stderr, /^nobody: There is no such dead letter/);
      await service?.stop();
      service = undefined;
      const away = await cli('list', '--url', url);
      assert.equal(away.exitCode, 3);
      assert.match(away.stderr, /does not answer/);
      assert.equal((await cli('list', '--url', 'nonsense')).exitCode, 2);
    });
  });
});

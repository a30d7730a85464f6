import assert from 'node:assert/strict';
import { appendEvent, Relay, type OutboxEvent, type RelayOptions } from '../../../src/outbox/index.ts';
import { eventually } from '../../support/eventually.ts';
import { testDatabase, type TestDatabase } from '../../support/postgresql.ts';

/** So long that only a notification can have come before. */
const NEVER_MS = 600_000;

describe('Relay', function () {
  this.timeout(30_000);
  let database: TestDatabase;
  let relays: Relay[];
  let published: OutboxEvent[];
  let troubles: unknown[];

  beforeEach(async () => {
    [relays, published, troubles] = [[], [], []];
    database = await testDatabase();
  });
  afterEach(async () => {
    await Promise.all(relays.map((relay) => relay.stop()));
    await database.remove();
  });

  function startRelay(options: Partial<RelayOptions> = {}): void {
    const relay = new Relay({
      pool: database.pool,
      publish: async (events) => void published.push(...events),
      onTrouble: (error) => troubles.push(error),
      ...options,
    });
    relay.start();
    relays.push(relay);
  }

  const append = (orderId: string, type = 'order.delivered.v1') =>
    appendEvent(database.pool, { orderId, type, source: '/test', data: {} });

  async function appendRoundRobin(orders: number, events: number): Promise<void> {
    for (let sequence = 1; sequence <= events; sequence++) {
      await Promise.all(Array.from({ length: orders }, (_, order) => append(`A-${order}`)));
    }
  }

  const places = () => published.map(({ orderId, sequence }) => `${orderId}/${sequence}`);

  async function unpublished(): Promise<number> {
    const { rows } = await database.pool.query('SELECT 1 FROM order_outbox WHERE published_at IS NULL');
    return rows.length;
  }

  async function kept(): Promise<string[]> {
    const text = "SELECT order_id || '/' || sequence AS place FROM order_outbox ORDER BY position";
    return (await database.pool.query<{ place: string }>(text)).rows.map(({ place }) => place);
  }

  async function listeners(): Promise<number> {
    const text = `SELECT 1 FROM pg_stat_activity
      WHERE application_name = current_setting('application_name') AND query = 'LISTEN order_outbox'`;
    return (await database.pool.query(text)).rows.length;
  }

  /** First copies only: what is published again is a duplicate, and may come whenever it likes. */
  function assertInSequence(): void {
    const last = new Map<string, number>();
    for (const { orderId, sequence } of published) {
      const before = last.get(orderId) ?? 0;
      assert.ok(sequence <= before + 1, `${orderId}: ${sequence} after ${before}`);
      last.set(orderId, Math.max(before, sequence));
    }
  }

  it('publishes what is there, in batches, and marks it', async () => {
    await appendRoundRobin(7, 5);
    const sizes: number[] = [];
    startRelay({
      batchSize: 10,
      publish: async (events) => {
        sizes.push(events.length);
        published.push(...events);
      },
    });
    await eventually(async () => assert.equal(await unpublished(), 0));
    assert.equal(new Set(places()).size, 35);
    assert.equal(published.length, 35);
    assert.ok(Math.max(...sizes) <= 10);
    assertInSequence();
  });

  it('is told of what is new, and does not wait for the next look', async () => {
    startRelay({ pollMs: NEVER_MS });
    await append('A');
    await eventually(() => assert.deepEqual(places(), ['A/1']));
    await append('A');
    await eventually(() => assert.deepEqual(places(), ['A/1', 'A/2']));
  });

  it('publishes nothing of a transaction that is under way or rolled back', async () => {
    const client = await database.pool.connect();
    await client.query('BEGIN');
    await appendEvent(client, { orderId: 'A', type: 'order.delivered.v1', source: '/test', data: {} });
    startRelay({ pollMs: 20 });
    await append('B');
    await eventually(() => assert.deepEqual(places(), ['B/1']));
    await client.query('ROLLBACK');
    client.release();
    await append('A');
    await eventually(() => assert.deepEqual(places(), ['B/1', 'A/1']));
  });

  it('deletes what stands before the erasure of an order once that is published, and of no other order', async () => {
    await append('A');
    await append('B');
    for (const type of ['order.delivered.v1', 'order.erased.v1', 'order.tagged.v1']) await append('A', type);
    let mayPublish = false;
    startRelay({
      batchSize: 2,
      publish: async (events) => {
        if (!mayPublish && events.some(({ type }) => type === 'order.erased.v1')) throw new Error('not yet');
        published.push(...events);
      },
    });
    await eventually(() => assert.ok(troubles.length > 0));
    assert.deepEqual(await kept(), ['A/1', 'B/1', 'A/2', 'A/3', 'A/4']);
    mayPublish = true;
    await eventually(async () => assert.equal(await unpublished(), 0));
    assert.deepEqual(await kept(), ['B/1', 'A/3', 'A/4']);
    assertInSequence();
  });

  describe('when the broker takes nothing for a while', () => {
    it('tries again until it does, and loses nothing', async () => {
      let refusals = 3;
      startRelay({
        publish: async (events) => {
          if (refusals-- > 0) throw new Error('connect ECONNREFUSED');
          published.push(...events);
        },
      });
      await appendRoundRobin(2, 2);
      await eventually(async () => assert.equal(await unpublished(), 0));
      assert.equal(troubles.length, 3);
      assert.equal(new Set(places()).size, 4);
      assertInSequence();
    });
  });

  describe('when its connections to PostgreSQL are cut', () => {
    it('goes on by itself, and hears of news again', async () => {
      startRelay({ pollMs: 50 });
      await append('A');
      await eventually(() => assert.deepEqual(places(), ['A/1']));
      await database.cutConnections();
      await eventually(async () => await append('A'));
      await eventually(() => assert.deepEqual(places(), ['A/1', 'A/2']));
      await eventually(async () => assert.equal(await listeners(), 1));
    });

    it('publishes again what it had not marked', async () => {
      let isFirst = true;
      startRelay({
        pollMs: 50,
        reached: async (step) => {
          if (step !== 'published' || !isFirst) return;
          isFirst = false;
          await database.cutConnections();
        },
      });
      await append('A');
      await eventually(() => assert.deepEqual(places(), ['A/1', 'A/1']));
      await eventually(async () => assert.equal(await unpublished(), 0));
    });
  });

  describe('when there are several', () => {
    it('share the orders, and keep each in sequence', async () => {
      const by = new Set<number>();
      for (let index = 0; index < 4; index++) {
        startRelay({
          batchSize: 5,
          pollMs: 20,
          publish: async (events) => {
            by.add(index);
            for (const event of events) {
              await new Promise(setImmediate);
              published.push(event);
            }
          },
        });
      }
      await appendRoundRobin(20, 15);
      await eventually(async () => assert.equal(await unpublished(), 0));
      assert.equal(published.length, 300, 'each once: none has failed');
      assertInSequence();
      assert.ok(by.size > 1, 'one has done it all');
    });
  });
});

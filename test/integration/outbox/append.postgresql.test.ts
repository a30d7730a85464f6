import assert from 'node:assert/strict';
import type { PoolClient } from 'pg';
import { appendEvent, OUTBOX_DDL, pruneOutbox } from '../../../src/outbox/index.ts';
import { parseEvent } from '../../../src/order/parse-event.ts';
import { testDatabase, type TestDatabase } from '../../support/postgresql.ts';

const tagged = (orderId: string) => ({
  orderId,
  type: 'order.tagged.v1',
  source: '/order-service',
  data: { add: ['urgent'], remove: [] },
});

describe('appendEvent', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await testDatabase();
  });
  afterEach(() => database.remove());

  async function transaction<T>(end: 'COMMIT' | 'ROLLBACK', work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await database.pool.connect();
    try {
      await client.query('BEGIN');
      const result = await work(client);
      await client.query(end);
      return result;
    } finally {
      client.release();
    }
  }

  async function sequences(orderId: string): Promise<number[]> {
    const { rows } = await database.pool.query<{ sequence: string }>(
      'SELECT sequence FROM order_outbox WHERE order_id = $1 ORDER BY position',
      [orderId],
    );
    return rows.map(({ sequence }) => Number(sequence));
  }

  it('makes an event of the contract, in the sequence of its order', async () => {
    const time = new Date('2026-03-01T12:00:00.123Z');
    await transaction('COMMIT', (client) => appendEvent(client, tagged('A')));
    const second = await transaction('COMMIT', (client) => appendEvent(client, { ...tagged('A'), time }));
    const parsed = parseEvent(second.body, { maxMessageBytes: 4_096 });
    assert.ok(parsed.kind === 'event', JSON.stringify(parsed));
    assert.equal(parsed.orderId, 'A');
    assert.deepEqual(
      [parsed.event.sequence, parsed.event.time, parsed.event.type],
      [2, '2026-03-01T12:00:00.123Z', 'order.tagged.v1'],
    );
    assert.deepEqual([second.sequence, second.id, second.orderId], [2, parsed.event.id, 'A']);
  });

  describe('when the event cannot be kept, or would be refused', () => {
    it('names the field, and leaves the transaction as it was', async () => {
      const named = (name: string) => ({ ...tagged('A'), data: { customer: { id: 'c-1', name } } });
      for (const [event, message] of [
        [named('Ann\0'), /^"data\.customer\.name" has U\+0000 or a lone surrogate, which jsonb cannot hold$/],
        [named('Ann \ud83d'), /^"data\.customer\.name" has/],
        [{ ...tagged('A'), data: { add: ['urgent', '\udc00'] } }, /^"data\.add\.1" has/],
        [{ ...tagged('A'), data: { '\0': 1 } }, /^"data\.\\u0000" has/],
        [tagged('A\0'), /^"subject" has/],
        [tagged('ä'.repeat(257)), /^orderId has 514 bytes of UTF-8; use 1 to 512$/],
        [tagged(''), /^orderId has 0 bytes/],
        [
          { ...tagged('A'), type: 'ordr.placed.v2' },
          /^type "ordr\.placed\.v2" cannot be routed to the search; use one under/,
        ],
        [{ ...tagged('A'), type: `order.${'x'.repeat(250)}` }, /^type "order\.x+" cannot be routed/],
      ] as const) {
        await transaction('COMMIT', async (client) => {
          await assert.rejects(appendEvent(client, event), { name: 'RangeError', message });
          await appendEvent(client, tagged('B'));
        });
      }
      assert.deepEqual(await sequences('A'), []);
      assert.deepEqual(await sequences('B'), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    });

    it('takes what is next to it', async () => {
      const orderId = 'ä'.repeat(256);
      const { body } = await transaction('COMMIT', (client) =>
        appendEvent(client, { ...tagged(orderId), data: { add: ['\u0001 😀 \\u0000'], remove: [] } }),
      );
      const parsed = parseEvent(body, { maxMessageBytes: 4_096 });
      assert.ok(parsed.kind === 'event', JSON.stringify(parsed));
      assert.equal(parsed.orderId, orderId);
    });
  });

  describe('when the transaction is rolled back', () => {
    it('leaves neither an event nor a hole', async () => {
      await transaction('ROLLBACK', (client) => appendEvent(client, tagged('A')));
      assert.deepEqual(await sequences('A'), []);
      await transaction('COMMIT', (client) => appendEvent(client, tagged('A')));
      await transaction('ROLLBACK', (client) => appendEvent(client, tagged('A')));
      await transaction('COMMIT', (client) => appendEvent(client, tagged('A')));
      assert.deepEqual(await sequences('A'), [1, 2]);
    });
  });

  describe('when many transactions write of one order at once, and some are rolled back', () => {
    it('gives them sequences without holes, in the order of their commits', async () => {
      const ends = Array.from({ length: 60 }, (_, index) => (index % 3 === 0 ? 'ROLLBACK' : 'COMMIT'));
      await Promise.all(ends.map((end) => transaction(end, (client) => appendEvent(client, tagged('A')))));
      assert.deepEqual(
        await sequences('A'),
        Array.from({ length: 40 }, (_, index) => index + 1),
      );
    });
  });

  describe('when it is pruned', () => {
    it('forgets what was published long enough ago, and nothing else; sequences go on', async () => {
      for (let count = 0; count < 3; count++) await transaction('COMMIT', (client) => appendEvent(client, tagged('A')));
      const publish = 'UPDATE order_outbox SET published_at = $1 WHERE sequence = $2';
      await database.pool.query(publish, ['2026-01-01T00:00:00Z', 1]);
      await database.pool.query(publish, ['2026-02-01T00:00:00Z', 2]);
      assert.equal(await pruneOutbox(database.pool, new Date('2026-01-15T00:00:00Z')), 1);
      assert.deepEqual(await sequences('A'), [2, 3]);
      await transaction('COMMIT', (client) => appendEvent(client, tagged('A')));
      assert.deepEqual(await sequences('A'), [2, 3, 4]);
    });
  });

  describe('when the tables are made once more', () => {
    it('changes nothing', async () => {
      await transaction('COMMIT', (client) => appendEvent(client, tagged('A')));
      await database.pool.query(OUTBOX_DDL);
      await transaction('COMMIT', (client) => appendEvent(client, tagged('A')));
      assert.deepEqual(await sequences('A'), [1, 2]);
    });
  });
});

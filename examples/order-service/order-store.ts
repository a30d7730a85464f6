import type { Pool, PoolClient } from 'pg';
import type { Tracing } from '../../src/observability/tracing.ts';
import { appendEvent, OUTBOX_DDL, type OutboxEvent } from '../../src/outbox/index.ts';
import { decide, place, snapshotOf, type Command, type Decision, type Order } from './orders.ts';
import { inSpan } from './spans.ts';

/** Idempotent. An order without a state was erased. */
export const DDL = `${OUTBOX_DDL}
CREATE TABLE IF NOT EXISTS orders (
  order_id text PRIMARY KEY,
  state jsonb
);`;

const SOURCE = '/order-service';

export type Outcome =
  /** Committed; `version` is the event's sequence, by which a reader of the search can wait for it. */
  | { readonly kind: 'done'; readonly version: number }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'not_found' };

/**
 * The order and its event, in one transaction: both, or neither. Where spans are made, in one of them, `write_source`: the event says so, and
 * whatever becomes of it goes on from there.
 */
export async function execute(
  pool: Pool,
  orderId: string,
  command: Command,
  at: Date,
  tracing?: Tracing,
): Promise<Outcome> {
  const attributes = { 'db.system.name': 'postgresql', 'order_service.command': command.name };
  return await inSpan(tracing, 'write_source', { kind: 'internal', parent: tracing?.current(), attributes }, (place) =>
    inTransaction(pool, async (client) => {
      const decision = await decideLocked(client, orderId, command, at.toISOString());
      if (decision.kind !== 'happened') return decision;
      const { type, data, order } = decision;
      await client.query('UPDATE orders SET state = $2 WHERE order_id = $1', [orderId, order && JSON.stringify(order)]);
      const { sequence } = await appendEvent(client, { orderId, type, source: SOURCE, data, time: at, ...place });
      return { kind: 'done', version: sequence };
    }),
  );
}

/** The order's row is locked from here to the end: one command at a time. */
async function decideLocked(
  client: PoolClient,
  orderId: string,
  command: Command,
  at: string,
): Promise<Decision | { readonly kind: 'not_found' }> {
  if (command.name === 'place') {
    const { rowCount } = await client.query('INSERT INTO orders (order_id) VALUES ($1) ON CONFLICT DO NOTHING', [
      orderId,
    ]);
    return rowCount === 1 ? place(command.data, at) : { kind: 'refused', reason: 'there is such an order' };
  }
  const order = await stateOf(client, orderId, 'FOR UPDATE');
  return order ? decide(order, command, at) : { kind: 'not_found' };
}

export async function findOrder(pool: Pool, orderId: string): Promise<Order | undefined> {
  return await stateOf(pool, orderId, '');
}

async function stateOf(
  connection: Pick<Pool, 'query'> | PoolClient,
  orderId: string,
  lock: 'FOR UPDATE' | '',
): Promise<Order | undefined> {
  const { rows } = await connection.query<{ state: Order | null }>(
    `SELECT state FROM orders WHERE order_id = $1 ${lock}`,
    [orderId],
  );
  return rows[0]?.state ?? undefined;
}

/**
 * A snapshot of every order, as an event of its own at the order's next sequence: for a first backfill of who has not heard the events
 * (`rebuild start --source file`). It stands in the outbox too, so that every reader sees the same history.
 */
export async function* exportSnapshots(pool: Pool): AsyncGenerator<OutboxEvent> {
  for (let after = ''; ;) {
    const { rows } = await pool.query<{ order_id: string }>(
      'SELECT order_id FROM orders WHERE order_id > $1 AND state IS NOT NULL ORDER BY order_id LIMIT 500',
      [after],
    );
    for (const { order_id: orderId } of rows) {
      const event = await inTransaction(pool, (client) => appendSnapshot(client, orderId));
      if (event) yield event;
    }
    const last = rows.at(-1);
    if (!last) return;
    after = last.order_id;
  }
}

async function appendSnapshot(client: PoolClient, orderId: string): Promise<OutboxEvent | undefined> {
  const order = await stateOf(client, orderId, 'FOR UPDATE');
  // Erased since it was listed.
  if (!order) return undefined;
  return await appendEvent(client, { orderId, type: 'order.snapshot.v1', source: SOURCE, data: snapshotOf(order) });
}

async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let isDone = false;
  try {
    await client.query('BEGIN');
    const result = await work(client);
    await client.query('COMMIT');
    isDone = true;
    return result;
  } finally {
    // Closed, so that what has failed is rolled back.
    client.release(!isDone);
  }
}

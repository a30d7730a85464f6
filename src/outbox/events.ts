import type { SqlConnection } from './database.ts';

/** What an order service says of an order. */
export interface NewEvent {
  readonly orderId: string;
  /** Version included, such as `order.placed.v2`. */
  readonly type: string;
  /** The service's, such as `/order-service`. */
  readonly source: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** When it happened; now unless told. */
  readonly time?: Date;
  /** W3C Trace Context, where there is one. */
  readonly traceparent?: string;
  readonly tracestate?: string;
}

/** An event as it is published. */
export interface OutboxEvent {
  readonly id: string;
  readonly type: string;
  readonly orderId: string;
  /** Its place in the order's history. */
  readonly sequence: number;
  /** RFC 3339. */
  readonly time: string;
  /** The CloudEvent, JSON, UTF-8. */
  readonly body: Uint8Array;
}

/** One statement, so that there is no sequence without its event, whatever happens in between. */
const APPEND = `
WITH taken AS (
  INSERT INTO order_outbox_sequences AS last (order_id, sequence) VALUES ($1, 1)
  ON CONFLICT (order_id) DO UPDATE SET sequence = last.sequence + 1
  RETURNING sequence
)
INSERT INTO order_outbox (order_id, sequence, event)
SELECT $1, sequence, $2::jsonb || jsonb_build_object('sequence', sequence) FROM taken
RETURNING event::text AS body`;

/**
 * Writes an event into the outbox, at the next sequence of its order. Call it in the transaction that changes the order: either both are
 * there, or neither. From here to the end of the transaction no other one can write an event of this order, so its events have no
 * holes, and are committed in the order of their sequences.
 */
export async function appendEvent(connection: SqlConnection, event: NewEvent): Promise<OutboxEvent> {
  const { orderId, type, source, data, time = new Date(), traceparent, tracestate } = event;
  const cloudEvent = {
    specversion: '1.0',
    id: crypto.randomUUID(),
    source,
    type,
    subject: orderId,
    partitionkey: orderId,
    time: time.toISOString(),
    datacontenttype: 'application/json',
    ...(traceparent !== undefined && { traceparent }),
    ...(tracestate !== undefined && { tracestate }),
    data,
  };
  const { rows } = await connection.query(APPEND, [orderId, JSON.stringify(cloudEvent)]);
  return storedEvent(rows[0]?.['body']);
}

/** From the row's `body`. */
export function storedEvent(body: unknown): OutboxEvent {
  if (typeof body !== 'string') throw new TypeError('order_outbox has given no event');
  const { id, type, subject, sequence, time } = JSON.parse(body) as {
    readonly id: string;
    readonly type: string;
    readonly subject: string;
    readonly sequence: number;
    readonly time: string;
  };
  return { id, type, orderId: subject, sequence, time, body: new TextEncoder().encode(body) };
}

/** Forgets what was published before that; returns how many events. Nobody else does: call it now and then, or the outbox grows for ever. */
export async function pruneOutbox(connection: SqlConnection, publishedBefore: Date): Promise<number> {
  const text = `
WITH pruned AS (DELETE FROM order_outbox WHERE published_at < $1 RETURNING 1)
SELECT count(*)::int AS events FROM pruned`;
  const { rows } = await connection.query(text, [publishedBefore]);
  return Number(rows[0]?.['events'] ?? 0);
}

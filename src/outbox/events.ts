import type { SqlConnection } from './database.ts';

/** What an order service says of an order. */
export interface NewEvent {
  readonly orderId: string;
  /** Version included, such as `order.placed.v2`. */
  readonly type: string;
  /** The service's, such as `/order-service`. */
  readonly source: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** When it happened; by default now. */
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

const MAX_ORDER_ID_BYTES = 512;
/** What the search takes. One that no queue is bound for is refused by the broker, and would hold up all that is published after it. */
const ROUTED = /^(order\.|OrderPaid$)/;
/** AMQP 0-9-1 §4.2.5.3: a routing key is a short string. */
const MAX_TYPE_BYTES = 255;

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
 *
 * The order's id is 1 to 512 bytes of UTF-8, and the type one under `order.`, or the search would refuse the event; and no text in it has
 * U+0000 or a lone surrogate, neither of which PostgreSQL's `jsonb` can hold.
 * @throws RangeError that names the field where that is not so, before anything is written
 */
export async function appendEvent(connection: SqlConnection, event: NewEvent): Promise<OutboxEvent> {
  const { orderId, type, source, data, time = new Date(), traceparent, tracestate } = event;
  const idBytes = bytesOf(orderId);
  if (idBytes < 1 || idBytes > MAX_ORDER_ID_BYTES) {
    throw new RangeError(`orderId has ${idBytes} bytes of UTF-8; use 1 to ${MAX_ORDER_ID_BYTES}`);
  }
  if (!ROUTED.test(type) || bytesOf(type) > MAX_TYPE_BYTES) {
    const remedy = `use one under "order." of at most ${MAX_TYPE_BYTES} bytes, such as order.placed.v2`;
    throw new RangeError(`type ${JSON.stringify(type)} cannot be routed to the search; ${remedy}`);
  }
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
  const { rows } = await connection.query(APPEND, [orderId, jsonbText(cloudEvent)]);
  return storedEvent(rows[0]?.['body']);
}

function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** As JSON that `jsonb` can hold. */
function jsonbText(event: object): string {
  const paths = new Map<unknown, string>();
  return JSON.stringify(event, function (this: unknown, key: string, value: unknown) {
    const above = paths.get(this);
    const path = above ? `${above}.${key}` : key;
    for (const text of [key, value]) {
      if (typeof text === 'string' && (text.includes('\0') || !text.isWellFormed())) {
        throw new RangeError(`${JSON.stringify(path)} has U+0000 or a lone surrogate, which jsonb cannot hold`);
      }
    }
    paths.set(value, path);
    return value;
  });
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

/**
 * Forgets what was published before that; returns how many events. Nobody else does: call it now and then, or the outbox grows for ever.
 */
export async function pruneOutbox(connection: SqlConnection, publishedBefore: Date): Promise<number> {
  const text = `
WITH pruned AS (DELETE FROM order_outbox WHERE published_at < $1 RETURNING 1)
SELECT count(*)::int AS events FROM pruned`;
  const { rows } = await connection.query(text, [publishedBefore]);
  return Number(rows[0]?.['events'] ?? 0);
}

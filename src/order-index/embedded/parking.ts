import type { DatabaseSync } from 'node:sqlite';
import type { OrderEvent } from '../../order/event.ts';
import { identityOf } from '../../order/fold.ts';
import { inTransaction } from '../../sqlite/database.ts';
import type { OrderIndex, ParkedEvent, ParkOutcome, TakenPlace } from '../port.ts';

type Page = Parameters<OrderIndex['listParked']>[0];

/** Each in one transaction, synchronously. */
export interface Parking {
  park(events: readonly ParkedEvent[]): readonly ParkOutcome[];
  parkedAt(places: Parameters<OrderIndex['parkedAt']>[0]): readonly ParkedEvent[];
  unpark(places: Parameters<OrderIndex['unpark']>[0]): void;
  strip(places: Parameters<OrderIndex['stripParked']>[0]): void;
  list(page: Page): readonly ParkedEvent[];
  listPlaces(page: Page): readonly TakenPlace[];
  count(): number;
}

const COLUMNS = 'order_id AS orderId, event, parked_at AS parkedAt';

export function prepareParking(database: DatabaseSync): Parking {
  const insert = database.prepare(
    'INSERT OR IGNORE INTO parked (order_id, sequence, event, parked_at) VALUES (?, ?, ?, ?)',
  );
  const at = database.prepare(`SELECT ${COLUMNS} FROM parked WHERE order_id = ? AND sequence = ?`);
  const remove = database.prepare('DELETE FROM parked WHERE order_id = ? AND sequence = ?');
  const page = (columns: string) =>
    database.prepare(
      `SELECT ${columns} FROM parked WHERE (order_id, sequence) > (?, ?) ORDER BY order_id, sequence LIMIT ?`,
    );
  const [events, places] = [page(COLUMNS), page('order_id AS orderId, sequence, parked_at AS parkedAt')];
  const total = database.prepare('SELECT count(*) AS parked FROM parked');
  const find = (orderId: string, sequence: number) => {
    const row = at.get(orderId, sequence);
    return row && parkedOf(row);
  };

  return {
    park: (events) =>
      inTransaction(database, () =>
        events.map(({ orderId, event, parkedAt }): ParkOutcome => {
          const { changes } = insert.run(orderId, event.sequence, JSON.stringify(event), parkedAt);
          const holder = changes === 0 ? find(orderId, event.sequence) : undefined;
          return holder ? { kind: 'taken', by: holder.event } : { kind: 'parked' };
        }),
      ),
    parkedAt: (places) => places.flatMap(({ orderId, sequence }) => find(orderId, sequence) ?? []),
    unpark: (places) =>
      inTransaction(database, () => {
        for (const { orderId, sequence } of places) remove.run(orderId, sequence);
      }),
    strip: prepareStripping(database, find),
    list: ({ after, size }) => events.all(after?.orderId ?? '', after?.sequence ?? 0, size).map(parkedOf),
    listPlaces: ({ after, size }) => places.all(after?.orderId ?? '', after?.sequence ?? 0, size).map(placeOf),
    count: () => Number(total.get()?.['parked']),
  };
}

function prepareStripping(
  database: DatabaseSync,
  find: (orderId: string, sequence: number) => ParkedEvent | undefined,
): Parking['strip'] {
  const replace = database.prepare('UPDATE parked SET event = ? WHERE order_id = ? AND sequence = ?');
  return (places) =>
    inTransaction(database, () => {
      for (const { orderId, sequence } of places) {
        const parked = find(orderId, sequence);
        if (parked) replace.run(JSON.stringify(identityOf(parked.event)), orderId, sequence);
      }
    });
}

function parkedOf(row: Readonly<Record<string, unknown>>): ParkedEvent {
  return {
    orderId: String(row['orderId']),
    event: JSON.parse(String(row['event'])) as OrderEvent,
    parkedAt: String(row['parkedAt']),
  };
}

function placeOf(row: Readonly<Record<string, unknown>>): TakenPlace {
  return {
    orderId: String(row['orderId']),
    sequence: Number(row['sequence']),
    parkedAt: String(row['parkedAt']),
  };
}

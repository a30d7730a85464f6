import type { DatabaseSync } from 'node:sqlite';
import { parseAggregateKey } from '../../order/contribution.ts';
import type { AggregateKey } from '../../order/contribution.ts';
import { rowKey } from '../aggregates-port.ts';
import type { AggregateDefinition, AggregateRow, Dimension, Measures, ProductSales } from '../aggregates-port.ts';
import {
  DIMENSION_COLUMNS,
  MEASURE_COLUMNS,
  measuresOf,
  productOf,
  SALES_COLUMNS,
  sumOf,
} from './aggregate-columns.ts';
import type { GenerationTables } from './schema.ts';

/** The dimensions' values of a row. */
type RowValues = Partial<AggregateKey>;

/** Each of these rows, added up. */
export function computeRows(
  database: DatabaseSync,
  { contributions }: GenerationTables,
  { dimensions, products }: AggregateDefinition,
  wanted: readonly RowValues[],
): AggregateRow[] {
  const sources = sourcesSql(contributions, dimensions);
  const values = JSON.stringify(wanted);
  const sql = `${sources.wanted} SELECT w.place, ${MEASURE_SUMS} FROM wanted w CROSS JOIN ${sources.join} GROUP BY w.place`;
  const sums = new Map(
    database
      .prepare(sql)
      .all(values)
      .map((row) => [Number(row['place']), measuresOf(row)]),
  );
  const sold = products ? soldByPlace(database, sources, values) : undefined;
  return wanted.map((of, place): AggregateRow => ({
    ...of,
    key: rowKey(dimensions, of),
    ...(sums.get(place) ?? NOTHING),
    ...(sold && { products: sold.get(place) ?? [] }),
  }));
}

const NOTHING: Measures = { orders: 0, revenueCents: 0, refundedCents: 0, refundCount: 0 };

const MEASURE_SUMS = MEASURE_COLUMNS.map((column) => `${sumOf(`k.${column}`)} AS ${column}`).join(', ');

const ROWS_AT_ONCE = 8;

/**
 * The rows to which the keys belong, each once, in parts: a row may be that of thousands of orders, and nothing else is answered while
 * one part is added up. All at once where they are not looked up by their day, and each part would go through all orders.
 */
export function rowsInParts({ dimensions }: AggregateDefinition, keys: readonly string[]): RowValues[][] {
  const byKey = new Map<string, RowValues>();
  for (const key of keys) {
    const of = parseAggregateKey(key);
    byKey.set(rowKey(dimensions, of), Object.fromEntries(dimensions.map((dimension) => [dimension, of[dimension]])));
  }
  const rows = [...byKey.values()];
  const size = dimensions.includes('day') ? ROWS_AT_ONCE : rows.length;
  return rows.flatMap((_, at) => (at % size === 0 ? [rows.slice(at, at + size)] : []));
}

interface Sources {
  /** Of the one `?`, a list in JSON, a row an element: its `place` in the list, and its dimensions. */
  readonly wanted: string;
  /** Every contribution `k` to a row `w`. */
  readonly join: string;
}

/** The order of the dimensions is that of the table's key, so whatever begins with the day is looked up. */
function sourcesSql(contributions: string, dimensions: readonly Dimension[]): Sources {
  const columns = dimensions.map((dimension) => `, value ->> '${dimension}' AS ${DIMENSION_COLUMNS[dimension]}`);
  const same = dimensions.map((dimension) => `k.${DIMENSION_COLUMNS[dimension]} = w.${DIMENSION_COLUMNS[dimension]}`);
  return {
    wanted: `WITH wanted AS MATERIALIZED (SELECT key AS place${columns.join('')} FROM json_each(?))`,
    join: `${contributions} k ON ${same.length === 0 ? '1' : same.join(' AND ')}`,
  };
}

/** In the order of the SKUs. */
function soldByPlace(
  database: DatabaseSync,
  { wanted, join }: Sources,
  values: string,
): ReadonlyMap<number, readonly ProductSales[]> {
  const rows = database
    .prepare(
      `${wanted} SELECT w.place, ${SALES_COLUMNS} FROM wanted w CROSS JOIN ${join} CROSS JOIN json_each(k.sales) p
       GROUP BY w.place, sku ORDER BY w.place, sku`,
    )
    .all(values);
  const byPlace = Map.groupBy(rows, ({ place }) => Number(place));
  return new Map([...byPlace].map(([place, sold]) => [place, sold.map(productOf)]));
}

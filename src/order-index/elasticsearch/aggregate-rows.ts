import { createHash } from 'node:crypto';
import { AggregateMovedError } from '../aggregates-port.ts';
import type { AggregateDefinition, AggregateRow, AggregateStore } from '../aggregates-port.ts';
import { IndexUnavailableError } from '../port.ts';
import { aggregateNames, inBackground, searchWhole } from './aggregate-access.ts';
import type { AggregateAccess } from './aggregate-access.ts';
import { inChunks } from './in-chunks.ts';
import { indexExternal, remove } from './bulk-request.ts';
import type { BulkOperation } from './bulk-request.ts';
import { refreshIndex } from './generation-care.ts';
import { writePersistently } from './persistent-write.ts';

/** Also a bound for what holds up a write of orders that comes after it. */
const ROWS_A_WRITE = 1_000;
const ROWS_A_PAGE = 1_000;
/** Elasticsearch's own limit. */
const MAX_ID_BYTES = 512;
const HASHED = 'sha256:';

/** How rows are written to a generation, and taken out of it: in the one write lane, behind everything else. */
export function aggregateRows(
  access: AggregateAccess,
  aggregate: AggregateDefinition,
): Pick<AggregateStore, 'write' | 'expire'> {
  const { writeAlias } = aggregateNames(access.names, aggregate);
  return {
    async write(generation, rows, version) {
      const address = writeAlias(generation);
      for (const chunk of inChunks(rows, ROWS_A_WRITE)) await writeRows(access, address, chunk, version);
    },
    expire: (generation, beforeDay) =>
      aggregate.dimensions.includes('day')
        ? expire(access, { generation, address: writeAlias(generation), beforeDay })
        : Promise.resolve(0),
  };
}

/** A key names its row as long as it may be an `_id`; its digest does where it may not, or where it looks like a digest. Pure. */
export function rowId(key: string): string {
  const isId = key !== '' && Buffer.byteLength(key) <= MAX_ID_BYTES && !key.startsWith(HASHED);
  return isId ? key : `${HASHED}${createHash('sha256').update(key).digest('hex')}`;
}

/** A conflict is success: this version or a newer one is there. */
async function writeRows(
  access: AggregateAccess,
  address: string,
  rows: readonly AggregateRow[],
  version: number,
): Promise<void> {
  const operations = rows.map((row) => indexExternal(address, rowId(row.key), version, row));
  await carryOut(
    access,
    operations,
    rows.map(({ key }) => key),
  );
}

async function carryOut(
  { writer }: AggregateAccess,
  operations: readonly BulkOperation[],
  rows: readonly string[],
): Promise<void> {
  const outcomes = await writePersistently(writer, operations, 'rollups');
  for (const [position, outcome] of outcomes.entries()) {
    if (outcome.kind === 'refused')
      throw new Error(`the row ${rows[position] ?? ''} of an aggregate was refused: ${outcome.reason}`);
    if (outcome.kind === 'moved') throw new AggregateMovedError(outcome.reason);
    if (outcome.kind === 'unavailable') throw new IndexUnavailableError(outcome.reason);
  }
}

/** After a refresh, so that what was written or expired before is counted as it is. */
async function expire(
  access: AggregateAccess,
  {
    generation,
    address,
    beforeDay,
  }: { readonly generation: string; readonly address: string; readonly beforeDay: string },
): Promise<number> {
  const doing = `the expired rows of ${generation}`;
  await inBackground(access, doing, () => refreshIndex(access.client, generation));
  let expired = 0;
  let after: string[] | undefined;
  for (;;) {
    const page = await searchWhole(access, doing, generation, {
      size: ROWS_A_PAGE,
      query: { range: { day: { lt: beforeDay } } },
      sort: [{ key: 'asc' }],
      ...(after && { search_after: after }),
      _source: false,
    });
    const ids = page.hits.hits.flatMap(({ _id }) => (_id === undefined ? [] : [_id]));
    await carryOut(
      access,
      ids.map((id) => remove(address, id)),
      ids,
    );
    expired += ids.length;
    after = page.hits.hits.at(-1)?.sort as string[] | undefined;
    if (ids.length < ROWS_A_PAGE) return expired;
  }
}

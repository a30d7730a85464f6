import { hash } from 'node:crypto';
import type { Client } from '@elastic/elasticsearch';
import type { OrderDocument } from '../../order/document.ts';
import { IndexUnavailableError } from '../port.ts';
import type { DocumentWrite, LoadResult, WriteOutcome, WritePriority, WriteTarget } from '../port.ts';
import type { Breaker } from './breaker.ts';
import { indexExternal } from './bulk-request.ts';
import type { BulkOutcome, BulkWriter } from './bulk-writer.ts';
import { MissingIndexError, unavailable } from './errors.ts';
import { answered, multiGet } from './multi-get.ts';
import type { AnsweredItem, MultiGet } from './multi-get.ts';
import { asked } from './search.ts';
import type { Searching } from './search.ts';

/** The documents of a generation, whole and in real time. Of an order that could not be looked up nothing is known: never "new". */
export async function loadDocuments(
  client: Client,
  writes: Breaker,
  from: WriteTarget,
  orderIds: readonly string[],
): Promise<LoadResult> {
  const ids = [...new Set(orderIds)];
  try {
    const items = await writes.look(() =>
      read(client, `loading from ${from.generation}`, { index: from.generation, ids, realtime: true }),
    );
    const found = items.flatMap((item, position) =>
      item.kind === 'found' ? [[ids[position] ?? '', item.source] as const] : [],
    );
    return { kind: 'loaded', documents: new Map(found) };
  } catch (error) {
    if (error instanceof MissingIndexError) return { kind: 'moved', reason: error.message };
    if (error instanceof IndexUnavailableError) return { kind: 'unavailable', reason: error.message };
    throw error;
  }
}

async function read(client: Client, doing: string, get: MultiGet): Promise<AnsweredItem<OrderDocument>[]> {
  try {
    return answered(await multiGet<OrderDocument>(client, get));
  } catch (thrown) {
    get.signal?.throwIfAborted();
    throw unavailable(doing, thrown);
  }
}

export async function writeDocuments(
  writer: BulkWriter,
  target: WriteTarget,
  writes: readonly DocumentWrite[],
  priority: WritePriority,
): Promise<WriteOutcome[]> {
  const operations = writes.map(({ orderId, version, document }) =>
    indexExternal(target.address, orderId, version, document),
  );
  return (await writer.write(operations, priority)).map(writeOutcome);
}

function writeOutcome(outcome: BulkOutcome): WriteOutcome {
  if (outcome.kind === 'done') return { kind: 'written' };
  return outcome.kind === 'conflict' ? { kind: 'present' } : outcome;
}

/**
 * Through the read alias and without real time: what a reader has seen stays seen over a swap. Always from the same copy of the shard,
 * since each copy has its own refreshes: one that lags would show an older version than the reader has just seen.
 * @throws IndexUnavailableError
 */
export async function getRefreshed(
  searching: Searching,
  orderId: string,
  signal?: AbortSignal,
): Promise<OrderDocument | undefined> {
  const { client, alias } = searching;
  const one = { index: alias, ids: [orderId], realtime: false, preference: hash('sha256', orderId) };
  const [item] = await asked(searching, signal, (until) => read(client, 'reading an order', { ...one, signal: until }));
  return item?.kind === 'found' ? item.source : undefined;
}

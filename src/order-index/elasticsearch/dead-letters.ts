import type { estypes } from '@elastic/elasticsearch';
import { addFailure, deadLetterId, decodeDeadLetterCursor, encodeDeadLetterCursor } from '../dead-letter-entries.ts';
import type {
  DeadLetterEntry,
  DeadLetterFilter,
  DeadLetterPage,
  DeadLetterQuery,
  DeadLetterStore,
  DeadLetterWithBody,
  FailedMessage,
} from '../dead-letter-port.ts';
import { IndexUnavailableError } from '../port.ts';
import { create, remove, replace } from './bulk-request.ts';
import type { DocumentRevision } from './bulk-request.ts';
import { READ, serverTimeout } from './client.ts';
import { readBody, removeChunks, storeBody } from './dead-letter-bodies.ts';
import type { DeadLetterOptions, EntrySource, SettledSource } from './dead-letter-bodies.ts';
import { answered, multiGet } from './multi-get.ts';
import { technicalWriteAlias } from './names.ts';

/** Of one entry that several write at once; each attempt loses to one of them. */
const ATTEMPTS = 20;
const REMOVED_AT_ONCE = 500;

/** A dead letter as it stands in the index now. */
interface Stored {
  readonly source: EntrySource | SettledSource;
  readonly revision: DocumentRevision;
}

/**
 * Dead letters, by an id that is made from what failed. An entry that is settled leaves a trace without its body, so that its attempts
 * go on counting. Every change replaces exactly what was read: nothing that fails again meanwhile is taken out with what failed before.
 */
export function createDeadLetters(options: DeadLetterOptions): DeadLetterStore {
  return {
    putDeadLetter: (failed) => put(options, failed),
    listDeadLetters: (query) => list(options, query),
    getDeadLetter: (id) => get(options, id),
    settleDeadLetter: (id, revision) => settle(options, id, revision),
    countDeadLetters: () => count(options),
    forgetSettledDeadLetters: (settledBefore) => forgetSettled(options, settledBefore),
    forgetOrder: (orderId) => forgetOrder(options, orderId),
  };
}

async function put(options: DeadLetterOptions, failed: FailedMessage): Promise<string> {
  const id = deadLetterId(failed);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const stored = await read(options, id);
    const before = stored && { ...stored.source, settled: stored.source.kind === 'settled' };
    const failures = addFailure(before, failed);
    if (!failures) return id;
    const known = stored?.source.kind === 'entry' ? stored.source : undefined;
    const body = await storeBody(options, { id, failed, known });
    const { refusal, orderId, sequence, eventId } = failed;
    const hints = {
      ...(orderId !== undefined && { orderId }),
      ...(sequence !== undefined && { sequence }),
      ...(eventId !== undefined && { eventId }),
    };
    const source: EntrySource = { kind: 'entry', id, ...refusal, ...hints, ...failures, ...body };
    if (await write(options, source, stored?.revision)) return id;
    if (source.chunkSet !== undefined && source.chunkSet !== known?.chunkSet) await removeUnused(options, source);
  }
  throw changedOverAndOver(id);
}

/** Another writer was faster. Its entry may name the same chunks, where it stores the same failure. */
async function removeUnused(options: DeadLetterOptions, lost: EntrySource): Promise<void> {
  const winner = await read(options, lost.id);
  const isUsed = winner?.source.kind === 'entry' && winner.source.chunkSet === lost.chunkSet;
  if (!isUsed) await removeChunks(options, lost);
}

/** False where another writer was first. */
async function write(
  { store, index }: DeadLetterOptions,
  source: EntrySource | SettledSource,
  revision: DocumentRevision | undefined,
): Promise<boolean> {
  const address = technicalWriteAlias(index);
  const operation = revision ? replace(address, source.id, source, revision) : create(address, source.id, source);
  const [outcome] = await store.write([operation]);
  // Every field is checked, or not indexed: this is a fault of ours. The letter stays in its queue and the reason is told.
  if (outcome?.kind === 'refused') throw new IndexUnavailableError(`a dead letter was refused: ${outcome.reason}`);
  return outcome?.kind === 'done';
}

async function read({ client, store, index }: DeadLetterOptions, id: string): Promise<Stored | undefined> {
  const [item] = await store.read('reading a dead letter', async () =>
    answered(await multiGet<Stored['source']>(client, { index, ids: [id], realtime: true })),
  );
  if (item?.kind !== 'found') return undefined;
  return { source: item.source, revision: { seqNo: item.seqNo, primaryTerm: item.primaryTerm } };
}

/** An entry's chunks go when it is settled, after it; it may have failed once more since, and be there again with others. */
async function get(options: DeadLetterOptions, id: string): Promise<DeadLetterWithBody | undefined> {
  let withoutBody: string | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const stored = await read(options, id);
    if (stored?.source.kind !== 'entry') return undefined;
    const revision = textOf(stored.revision);
    if (revision === withoutBody) return undefined;
    const body = await readBody(options, stored.source);
    if (body) return { ...entryOf(stored.source), body, revision };
    withoutBody = revision;
  }
  throw changedOverAndOver(id);
}

function changedOverAndOver(id: string): IndexUnavailableError {
  return new IndexUnavailableError(`the dead letter ${id} is being changed over and over`);
}

async function settle(options: DeadLetterOptions, id: string, revision: string | undefined): Promise<boolean> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const stored = await read(options, id);
    if (stored?.source.kind !== 'entry') return false;
    if (revision !== undefined && textOf(stored.revision) !== revision) return false;
    const { source } = stored;
    const { reason, orderId, attempts, firstFailedAt, lastFailedAt } = source;
    const trace: SettledSource = {
      kind: 'settled',
      id,
      reason,
      ...(orderId !== undefined && { orderId }),
      attempts,
      firstFailedAt,
      lastFailedAt,
      settledAt: new Date().toISOString(),
    };
    if (!(await write(options, trace, stored.revision))) continue;
    await removeChunks(options, source);
    return true;
  }
  throw changedOverAndOver(id);
}

function textOf({ seqNo, primaryTerm }: DocumentRevision): string {
  return `${seqNo}-${primaryTerm}`;
}

async function list(options: DeadLetterOptions, query: DeadLetterQuery): Promise<DeadLetterPage> {
  const { size, cursor } = query;
  const after = cursor === undefined ? undefined : decodeDeadLetterCursor(query, cursor);
  const hits = await search(options, {
    size: size + 1,
    query: { bool: { filter: filtersOf(query) } },
    sort: [{ lastFailedAt: { order: 'desc' } }, { id: { order: 'asc' } }],
    ...(after && { search_after: [Date.parse(after.lastFailedAt), after.id] }),
  });
  const items = hits.slice(0, size).flatMap(({ _source }) => (_source ? [entryOf(_source as EntrySource)] : []));
  const last = items.at(-1);
  return { items, nextCursor: hits.length > size && last ? encodeDeadLetterCursor(query, last) : null };
}

function filtersOf({ reason, orderId }: DeadLetterFilter): estypes.QueryDslQueryContainer[] {
  return [
    { term: { kind: 'entry' } },
    ...(reason ? [{ terms: { reason: [...reason] } }] : []),
    ...(orderId ? [{ terms: { orderId: [...orderId] } }] : []),
  ];
}

function entryOf(source: EntrySource): DeadLetterEntry {
  const { kind: _kind, chunkSet: _chunkSet, reason, path, message, body, ...entry } = source;
  return { ...entry, refusal: { reason, path, message }, ...(body !== undefined && { body: bytesOf(body) }) };
}

function bytesOf(base64: string): Uint8Array {
  return Buffer.from(base64, 'base64');
}

async function count({ client, store, index }: DeadLetterOptions): Promise<number> {
  return await store.read('counting the dead letters', async () => {
    await client.indices.refresh({ index }, READ);
    return (await client.count({ index, query: { term: { kind: 'entry' } } }, READ)).count;
  });
}

/** Only the very traces that were found: one may have become an entry again meanwhile. */
async function forgetSettled(options: DeadLetterOptions, settledBefore: Date): Promise<void> {
  const range = { settledAt: { lt: settledBefore.toISOString() } };
  const query = { bool: { filter: [{ term: { kind: 'settled' } }, { range }] } };
  await removeFound(options, query, ({ _seq_no = 0, _primary_term = 0 }) => ({
    seqNo: _seq_no,
    primaryTerm: _primary_term,
  }));
}

async function forgetOrder(options: DeadLetterOptions, orderId: string): Promise<void> {
  await removeFound(options, { term: { orderId } }, () => undefined);
}

async function removeFound(
  options: DeadLetterOptions,
  query: NonNullable<estypes.SearchRequest['query']>,
  revisionOf: (hit: estypes.SearchHit) => DocumentRevision | undefined,
): Promise<void> {
  const address = technicalWriteAlias(options.index);
  for (;;) {
    const hits = await search(options, { size: REMOVED_AT_ONCE, query, _source: false, seq_no_primary_term: true });
    await options.store.write(hits.map((hit) => remove(address, hit._id ?? '', revisionOf(hit))));
    if (hits.length < REMOVED_AT_ONCE) return;
  }
}

async function search(
  { client, store, index, requestTimeoutMs }: DeadLetterOptions,
  request: estypes.SearchRequest,
): Promise<estypes.SearchHit[]> {
  const doing = 'searching the dead letters';
  const answer = await store.read(doing, async () => {
    await client.indices.refresh({ index }, READ);
    const timeout = serverTimeout(requestTimeoutMs);
    const complete = { track_total_hits: false, allow_partial_search_results: false, timeout };
    return await client.search({ index, ...complete, ...request }, READ);
  });
  if (answer.timed_out) throw new IndexUnavailableError(`${doing} took too long`);
  return answer.hits.hits;
}

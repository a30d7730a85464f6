import type { estypes } from '@elastic/elasticsearch';
import type { Changes, CheckpointRange } from '../aggregates-port.ts';
import { IndexUnavailableError } from '../port.ts';
import { inBackground, searchWhole } from './aggregate-access.ts';
import type { AggregateAccess } from './aggregate-access.ts';
import { READ, serverTimeout } from './client.ts';
import { causeOf, describeCause, isMissingIndex, MissingIndexError } from './errors.ts';

/** Buckets of one answer; Elasticsearch allows 65,536 by default. */
const KEYS_A_PAGE = 10_000;
/** The most that Elasticsearch can be asked for: exact up to so many. */
const CARDINALITY_PRECISION = 40_000;
/** Before the first write. */
const NOTHING = -1;

/**
 * One shard's writes after `since`, of which the keys up to `after` are known. There is no upper bound: Elasticsearch keeps the sequence
 * number of a document's newest write alone, so that one which was written within the bounds, and again after them, would be missed.
 */
interface ShardRange {
  readonly shard: number;
  readonly since: number;
  readonly after?: string;
}

interface KeyPage {
  readonly keys: {
    readonly buckets: readonly { readonly key: { readonly key: string } }[];
  };
}
interface ChangesAnswer extends KeyPage {
  readonly seen: NewestAnswer;
}
interface NewestAnswer {
  readonly newest: { readonly value: number | null };
}

/** All pages of all shards that have changed, the shards' pages together. @throws AggregateMovedError, IndexUnavailableError */
export async function changed(access: AggregateAccess, range: CheckpointRange): Promise<Changes> {
  const keys = new Set<string>();
  const instants: number[] = [];
  let left = shardRanges(range);
  while (left.length > 0) {
    const answers = await searchShards(access, range, left);
    left = left.flatMap((shard, position) => {
      const { keys: found, seen } = answers[position] ?? NO_CHANGES;
      for (const { key } of found.buckets) keys.add(key.key);
      if (seen.newest.value !== null) instants.push(seen.newest.value);
      const after = found.buckets.at(-1)?.key.key;
      return after !== undefined && found.buckets.length === KEYS_A_PAGE ? [{ ...shard, after }] : [];
    });
  }
  return { keys: [...keys], newestEventTime: instants.length > 0 ? instantOf(Math.max(...instants)) : undefined };
}

const NO_CHANGES: ChangesAnswer = { keys: { buckets: [] }, seen: { newest: { value: null } } };

/** Pure. A shard that has gone back (it was lost, and put back from an old copy) is read from its beginning. */
export function shardRanges({ since, until }: Pick<CheckpointRange, 'since' | 'until'>): ShardRange[] {
  return until.flatMap((upTo, shard) => {
    const from = since[shard] ?? NOTHING;
    if (from === upTo) return [];
    return [{ shard, since: from < upTo ? from : NOTHING }];
  });
}

async function searchShards(
  { requestTimeoutMs, ...access }: AggregateAccess,
  { orders, notAfter }: CheckpointRange,
  ranges: readonly ShardRange[],
): Promise<ChangesAnswer[]> {
  const timeout = serverTimeout(requestTimeoutMs);
  const searches = ranges.flatMap((range) => [
    { preference: `_shards:${range.shard}`, allow_partial_search_results: false },
    { ...changesRequest(range, notAfter), timeout },
  ]);
  return await inBackground(access, `the changes of ${orders}`, async () => {
    const { responses } = await access.client.msearch<unknown, ChangesAnswer>({ index: orders, searches }, READ);
    return ranges.map(({ shard }, position) => answerOf(responses[position], `shard ${shard} of ${orders}`));
  });
}

function changesRequest({ since, after }: ShardRange, notAfter: string): estypes.SearchSearchRequestBody {
  return {
    size: 0,
    track_total_hits: false,
    query: { range: { _seq_no: { gt: since } } },
    aggs: { keys: keysAggregation(KEYS_A_PAGE, after), seen: newestAggregation(notAfter) },
  };
}

/** Elasticsearch answers a preference for a shard that there is not with nothing, and not with an error. */
function answerOf(response: estypes.MsearchResponseItem | undefined, shard: string): ChangesAnswer {
  if (!response || 'error' in response) {
    const cause = causeOf(response);
    const reason = `the changes of ${shard}: ${describeCause(response?.status ?? 0, cause)}`;
    throw isMissingIndex(cause) ? new MissingIndexError(reason) : new IndexUnavailableError(reason);
  }
  if (response.timed_out) throw new IndexUnavailableError(`the changes of ${shard} took too long`);
  if (response._shards.total !== 1) throw new IndexUnavailableError(`${shard} does not answer`);
  return response.aggregations as unknown as ChangesAnswer;
}

function keysAggregation(size: number, after: string | undefined): estypes.AggregationsAggregationContainer {
  const sources = [{ key: { terms: { field: 'aggregateKeys' } } }];
  return { composite: { size, sources, ...(after !== undefined && { after: { key: after } }) } };
}

/** In milliseconds: of an instant that is written without them Elasticsearch takes the last one. */
function newestAggregation(notAfter: string): estypes.AggregationsAggregationContainer {
  return {
    filter: { range: { updatedAt: { lte: Date.parse(notAfter), format: 'epoch_millis' } } },
    aggs: { newest: { max: { field: 'updatedAt' } } },
  };
}

function instantOf(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** In the order of their UTF-8 bytes; fewer than asked for are not the last ones. @throws AggregateMovedError, IndexUnavailableError */
export async function keysAfter(
  access: AggregateAccess,
  { orders, after, size }: { readonly orders: string; readonly after: string | undefined; readonly size: number },
): Promise<string[]> {
  const aggs = { keys: keysAggregation(Math.min(size, KEYS_A_PAGE), after) };
  const answer = await searchWhole<KeyPage>(access, `the keys of ${orders}`, orders, { size: 0, aggs });
  return (answer.aggregations?.keys.buckets ?? []).map(({ key }) => key.key);
}

/** @throws AggregateMovedError, IndexUnavailableError */
export async function countKeys(access: AggregateAccess, orders: string): Promise<number> {
  const cardinality = { field: 'aggregateKeys', precision_threshold: CARDINALITY_PRECISION };
  const aggs = { keys: { cardinality } };
  const request = { size: 0, aggs };
  const answer = await searchWhole<{ readonly keys: { readonly value: number } }>(
    access,
    `the number of keys of ${orders}`,
    orders,
    request,
  );
  return answer.aggregations?.keys.value ?? 0;
}

/** @throws AggregateMovedError, IndexUnavailableError */
export async function newestEventTime(
  access: AggregateAccess,
  orders: string,
  notAfter: string,
): Promise<string | undefined> {
  const request = { size: 0, aggs: { seen: newestAggregation(notAfter) } };
  const doing = `the newest event time of ${orders}`;
  const answer = await searchWhole<{ readonly seen: NewestAnswer }>(access, doing, orders, request);
  const newest = answer.aggregations?.seen.newest.value ?? null;
  return newest === null ? undefined : instantOf(newest);
}

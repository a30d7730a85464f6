import type { Client, estypes } from '@elastic/elasticsearch';
import { AggregateMovedError } from '../aggregates-port.ts';
import type { AggregateDefinition } from '../aggregates-port.ts';
import { IndexUnavailableError } from '../port.ts';
import type { Breaker } from './breaker.ts';
import type { BulkWriter } from './bulk-writer.ts';
import { READ, serverTimeout } from './client.ts';
import { MissingIndexError, unavailable } from './errors.ts';
import type { IndexSizing } from './generation-mapping.ts';
import type { Searching } from './search.ts';
import { indexNames, technicalWriteAlias } from './names.ts';
import type { IndexNames } from './names.ts';

/** Buckets of currencies in one answer: more than there are. */
export const MAX_CURRENCIES = 1_000;

/** How the aggregates get at Elasticsearch. */
export interface AggregateAccess {
  readonly client: Client;
  /** For what readers ask. */
  readonly reading: Pick<Searching, 'client' | 'requestTimeoutMs'>;
  readonly names: IndexNames;
  readonly sizing: IndexSizing;
  readonly writer: BulkWriter;
  readonly writes: Breaker;
  readonly searches: Breaker;
  readonly requestTimeoutMs: number;
}

/** The names of one aggregate; parsing is as strict as that of {@link IndexNames}. */
export interface AggregateNames {
  /** `orders-revenue-daily`, which readers see. */
  readonly alias: string;
  /** `orders-revenue-daily-000001`. */
  readonly generation: (number: number) => string;
  /** The generation's number, or undefined where it is not the name of one. */
  readonly generationNumber: (index: string) => number | undefined;
  /** The one name under which a generation is written, `orders-revenue-daily-000001-writes`: it never creates an index. */
  readonly writeAlias: (generation: string) => string;
}

export function aggregateNames({ alias: prefix }: IndexNames, { name }: AggregateDefinition): AggregateNames {
  const names = indexNames(`${prefix}-${name}`);
  return {
    alias: names.alias,
    generation: (number) => names.generation(number),
    generationNumber: (index) => names.generationNumber(index),
    writeAlias: technicalWriteAlias,
  };
}

/**
 * For what nobody waits for. Held back while the writes are, but never counted against them: where only the counting is too
 * much for Elasticsearch, orders must still be written.
 * @throws AggregateMovedError where the index is gone
 * @throws IndexUnavailableError
 */
export async function inBackground<T>(
  { writes }: Pick<AggregateAccess, 'writes'>,
  doing: string,
  request: () => Promise<T>,
): Promise<T> {
  if (writes.state() === 'open')
    throw new IndexUnavailableError(`${doing}: not tried, as writes are held back after ${writes.lastOutage()}`);
  try {
    return await request();
  } catch (thrown) {
    if (thrown instanceof AggregateMovedError) throw thrown;
    const failure = unavailable(doing, thrown);
    throw failure instanceof MissingIndexError ? new AggregateMovedError(failure.message, { cause: thrown }) : failure;
  }
}

type SearchAnswer<A> = estypes.SearchResponse<unknown, A>;

/**
 * A search of all shards of an index, for what nobody waits for. A shard that does not answer is an outage. @throws see {@link
 * inBackground}
 */
export async function searchWhole<A>(
  access: AggregateAccess,
  doing: string,
  index: string,
  request: Pick<estypes.SearchRequest, 'query' | 'aggs' | 'size' | 'sort' | 'search_after' | '_source'>,
): Promise<SearchAnswer<A>> {
  const complete = { ...WHOLE, timeout: serverTimeout(access.requestTimeoutMs) };
  return await inBackground(access, doing, async () => {
    const answer = await access.client.search<unknown, A>({ index, ...complete, ...request }, READ);
    if (answer.timed_out) throw new IndexUnavailableError(`${doing} took too long`);
    return answer;
  });
}

const WHOLE = { track_total_hits: false, allow_partial_search_results: false };

/** A sum as the port has it: Elasticsearch adds up in doubles, exactly up to 2^53. */
export function wholeSum({ value }: { readonly value: number | null }): number {
  return Math.min(value ?? 0, Number.MAX_SAFE_INTEGER);
}

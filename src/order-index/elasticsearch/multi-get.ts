import type { Client, estypes } from '@elastic/elasticsearch';
import { IndexUnavailableError } from '../port.ts';
import { READ } from './client.ts';
import { describeCause, isMissingIndex, MissingIndexError } from './errors.ts';
import type { ErrorCause } from './errors.ts';
import { inChunks } from './in-chunks.ts';

export interface GotDocument<Source> {
  readonly kind: 'found';
  readonly source: Source;
  readonly seqNo: number;
  readonly primaryTerm: number;
}
export type AnsweredItem<Source> = GotDocument<Source> | { readonly kind: 'absent' };
export type GotItem<Source> = AnsweredItem<Source> | { readonly kind: 'failed'; readonly error: ErrorCause };

export interface MultiGet {
  /** An index or an alias on one. */
  readonly index: string;
  readonly ids: readonly string[];
  /** Whether what is not yet refreshed is seen. */
  readonly realtime: boolean;
  /** Requests of the same preference are answered by the same copy of a shard, as long as it is there. */
  readonly preference?: string;
  /** Aborted once nobody waits for the answer. */
  readonly signal?: AbortSignal | undefined;
}

/** Bounds an answer's size: a document carries its events, up to a megabyte of them. */
const IDS_A_REQUEST = 250;

/**
 * Documents by id, one item an id, in order. A missing index is no error of the request but of each document: an item is
 * `absent` only where Elasticsearch has looked and found nothing. Ids travel in the body, since one may be `..` or hold slashes.
 * @throws what the client throws
 */
export async function multiGet<Source>(
  client: Client,
  { index, ids, realtime, preference, signal }: MultiGet,
): Promise<GotItem<Source>[]> {
  const options = { ...READ, ...(signal && { signal }) };
  const from = { index, realtime, ...(preference !== undefined && { preference }) };
  const answers = await Promise.all(
    inChunks(ids, IDS_A_REQUEST).map((some) => client.mget<Source>({ ...from, ids: some }, options)),
  );
  return answers.flatMap(({ docs }) => docs.map(itemOf));
}

function itemOf<Source>(doc: estypes.MgetResponseItem<Source>): GotItem<Source> {
  if ('error' in doc) return { kind: 'failed', error: doc.error };
  if (!doc.found || doc._source === undefined) return { kind: 'absent' };
  return { kind: 'found', source: doc._source, seqNo: doc._seq_no ?? 0, primaryTerm: doc._primary_term ?? 0 };
}

/** The items, where every one is an answer. @throws IndexUnavailableError */
export function answered<Source>(items: readonly GotItem<Source>[]): AnsweredItem<Source>[] {
  return items.map((item) => {
    if (item.kind !== 'failed') return item;
    const reason = describeCause(500, item.error);
    throw isMissingIndex(item.error) ? new MissingIndexError(reason) : new IndexUnavailableError(reason);
  });
}

import type { Client, estypes } from '@elastic/elasticsearch';
import { SnapshotLostError } from '../generations-port.ts';
import type { OrderVersion, Snapshot, StoredOrder } from '../generations-port.ts';
import { IndexUnavailableError } from '../port.ts';
import { serverTimeout } from './client.ts';
import { unavailable } from './errors.ts';

interface Taking {
  readonly client: Client;
  readonly requestTimeoutMs: number;
}

/** Between two pages; each page asks for as much again. */
const KEEP_ALIVE = '5m';
/** A numeric field with doc values: a document that does not change stays in its slice, and one without a value is in the slice of 0. */
const SLICED_BY = 'placedAt';

/** A point in time of an index: what was refreshed before. */
export async function openSnapshot(taking: Taking, index: string): Promise<Snapshot> {
  const { client } = taking;
  let id: string;
  try {
    ({ id } = await client.openPointInTime({ index, keep_alive: KEEP_ALIVE }));
  } catch (thrown) {
    throw unavailable(`a point in time of ${index}`, thrown);
  }
  return {
    async orders({ slice: { number, slices }, after, size }) {
      const slice = { id: number, max: slices, field: SLICED_BY };
      const hits = await readPage<StoredOrder>(taking, id, {
        _source: ['orderId', 'version', 'events', 'aggregateKeys'],
        sort: [{ orderId: 'asc' }],
        ...(after !== undefined && { search_after: [after] }),
        size,
        ...(slices > 1 && { slice: { ...slice, id: String(slice.id) } }),
      });
      return hits.flatMap(({ _source }) => (_source ? [_source] : []));
    },
    async versions({ after, size }) {
      const hits = await readPage(taking, id, {
        _source: false,
        // With it the id of each document would be looked up where documents are stored.
        stored_fields: '_none_',
        sort: VERSION_SORT,
        ...(after !== undefined && { search_after: [after, BEYOND_ANY_VERSION, null] }),
        size,
      });
      return hits.map(({ sort }) => versionOf(sort ?? []));
    },
    async close() {
      try {
        await client.closePointInTime({ id });
      } catch (thrown) {
        // One that is lost, or cannot be told, ends by itself after its time.
        unavailable('closing a point in time', thrown);
      }
    },
  };
}

/**
 * What hits are sorted by is in the answer anyway, read from doc values: the other two decide nothing, since no two documents have one
 * order id. One that code before fold version 4 made may have no field for its digest.
 */
const VERSION_SORT: estypes.Sort = [
  { orderId: 'asc' },
  { version: 'asc' },
  { eventsDigest: { order: 'asc', unmapped_type: 'keyword' } },
];
/** A long as text, which JavaScript's numbers cannot say: the place after every version of an order. */
const BEYOND_ANY_VERSION = '9223372036854775807';

function versionOf([orderId, version, eventsDigest]: readonly unknown[]): OrderVersion {
  return {
    orderId: String(orderId),
    version: Number(version),
    eventsDigest: typeof eventsDigest === 'string' ? eventsDigest : undefined,
  };
}

/** @throws SnapshotLostError, IndexUnavailableError also where a shard does not answer: its orders would be missing */
async function readPage<Source>(
  { client, requestTimeoutMs }: Taking,
  id: string,
  wanted: Pick<estypes.SearchRequest, '_source' | 'stored_fields' | 'slice' | 'sort' | 'search_after' | 'size'>,
): Promise<readonly estypes.SearchHit<Source>[]> {
  try {
    const answer = await client.search<Source>({
      pit: { id, keep_alive: KEEP_ALIVE },
      track_total_hits: false,
      allow_partial_search_results: false,
      timeout: serverTimeout(requestTimeoutMs),
      ...wanted,
    });
    if (answer.timed_out) throw new IndexUnavailableError('reading a point in time took too long');
    return answer.hits.hits;
  } catch (thrown) {
    const failure = unavailable('reading a point in time', thrown);
    if (isLost(thrown)) throw new SnapshotLostError(failure.message, { cause: thrown });
    throw failure;
  }
}

/** The error says so inside the failure of a shard, or of all of them. */
function isLost(thrown: unknown): boolean {
  const body: unknown = (thrown as { readonly body?: unknown }).body;
  return JSON.stringify(body ?? '').includes('search_context_missing_exception');
}

import type { Client, estypes } from '@elastic/elasticsearch';
import { SnapshotLostError } from '../generations-port.ts';
import type { OrderVersion, Snapshot, SnapshotPage, StoredOrder } from '../generations-port.ts';
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
    async orders({ slice: { number, slices }, ...page }) {
      const slice = { id: number, max: slices, field: SLICED_BY };
      const hits = await readPage<StoredOrder>(taking, id, page, {
        _source: ['orderId', 'version', 'events', 'aggregateKeys'],
        ...(slices > 1 && { slice: { ...slice, id: String(slice.id) } }),
      });
      return hits.flatMap(({ _source }) => (_source ? [_source] : []));
    },
    async versions(page) {
      const hits = await readPage(taking, id, page, {
        _source: false,
        docvalue_fields: ['orderId', 'version', 'eventsDigest'],
      });
      return hits.map(({ fields }) => versionOf(fields as DocValues | undefined));
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

type DocValues = Readonly<Record<string, readonly unknown[] | undefined>>;

function versionOf(fields: DocValues = {}): OrderVersion {
  const eventsDigest = fields['eventsDigest']?.[0];
  return {
    orderId: String(fields['orderId']?.[0]),
    version: Number(fields['version']?.[0]),
    eventsDigest: typeof eventsDigest === 'string' ? eventsDigest : undefined,
  };
}

/** @throws SnapshotLostError, IndexUnavailableError also where a shard does not answer: its orders would be missing */
async function readPage<Source>(
  { client, requestTimeoutMs }: Taking,
  id: string,
  { after, size }: SnapshotPage,
  wanted: Pick<estypes.SearchRequest, '_source' | 'docvalue_fields' | 'slice'>,
): Promise<readonly estypes.SearchHit<Source>[]> {
  try {
    const answer = await client.search<Source>({
      pit: { id, keep_alive: KEEP_ALIVE },
      sort: [{ orderId: 'asc' }],
      ...(after !== undefined && { search_after: [after] }),
      size,
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

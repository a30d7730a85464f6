import type { Client } from '@elastic/elasticsearch';
import type { OrderDocument } from '../../src/order/document.ts';

const BULK = 1_000;
const CONCURRENCY = 2;

/**
 * Documents a second that this Elasticsearch takes from plain bulks, with the same documents, mapping and build settings, and
 * nothing else to do: made and serialised before the clock starts.
 */
export async function bulkCeiling(client: Client, alias: string): Promise<number> {
  const [live] = Object.entries(await client.indices.get({ index: alias }));
  if (!live) throw new Error(`${alias} has no index`);
  const { bodies, count } = await bodiesOf(client, alias);
  const index = `${alias}-bulk-ceiling`;
  const settings = { number_of_shards: 1, number_of_replicas: 0, refresh_interval: '-1' } as const;
  await client.indices.create({ index, settings, mappings: live[1].mappings ?? {} });
  const startedAt = performance.now();
  const left = bodies.values();
  await Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      for (const bulkBody of left)
        await client.transport.request({ method: 'POST', path: `/${index}/_bulk`, bulkBody });
    }),
  );
  await client.indices.refresh({ index });
  const seconds = (performance.now() - startedAt) / 1_000;
  const { count: written } = await client.count({ index });
  await client.indices.delete({ index });
  if (written !== count) throw new Error(`${written} documents instead of ${count}`);
  return count / seconds;
}

async function bodiesOf(client: Client, index: string): Promise<{ bodies: string[]; count: number }> {
  const bodies: string[] = [];
  let count = 0;
  for (let after: string | undefined; ;) {
    const answer = await client.search<OrderDocument>({
      index,
      size: BULK,
      sort: ['orderId'],
      ...(after !== undefined && { search_after: [after] }),
    });
    const documents = answer.hits.hits.flatMap(({ _source }) => (_source ? [_source] : []));
    after = documents.at(-1)?.orderId;
    if (after === undefined) return { bodies, count };
    const lines = documents.flatMap((document) => [action(document), JSON.stringify(document)]);
    bodies.push(`${lines.join('\n')}\n`);
    count += documents.length;
  }
}

function action({ orderId, version }: OrderDocument): string {
  return JSON.stringify({ index: { _id: orderId, version, version_type: 'external' } });
}

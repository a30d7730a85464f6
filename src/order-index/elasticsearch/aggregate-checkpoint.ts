import { setTimeout as delay } from 'node:timers/promises';
import type { estypes } from '@elastic/elasticsearch';
import type { Checkpoint } from '../aggregates-port.ts';
import { IndexUnavailableError } from '../port.ts';
import { inBackground } from './aggregate-access.ts';
import type { AggregateAccess } from './aggregate-access.ts';
import { READ } from './client.ts';
import { refreshIndex } from './generation-care.ts';

const POLL_MS = 10;
/** Copies that keep up take milliseconds. */
const SETTLED_WITHIN_MS = 5_000;

/**
 * The sequence numbers that the shards have given out by now, once all of them are settled. What is within the *global*
 * checkpoint is on every copy that may become the primary: no failure takes it back, or gives its numbers to other writes. Only then the
 * refresh, so that all of it is seen. @throws AggregateMovedError, IndexUnavailableError
 */
export async function checkpoint(access: AggregateAccess, orders: string): Promise<Checkpoint> {
  return await inBackground(access, `the checkpoint of ${orders}`, async () => {
    const shards = await numberOfShards(access, orders);
    const until = (await sequenceNumbers(access, orders, shards)).map(({ max_seq_no }) => max_seq_no);
    await settled(access, orders, until);
    await refreshIndex(access.client, orders);
    return until;
  });
}

async function settled(access: AggregateAccess, orders: string, until: Checkpoint): Promise<void> {
  const deadline = performance.now() + Math.min(SETTLED_WITHIN_MS, access.requestTimeoutMs);
  for (;;) {
    const shards = await sequenceNumbers(access, orders, until.length);
    if (shards.every(({ global_checkpoint }, shard) => global_checkpoint >= (until[shard] ?? 0))) return;
    if (performance.now() > deadline)
      throw new IndexUnavailableError(`the copies of ${orders} do not keep up with its writes`);
    await delay(POLL_MS);
  }
}

async function numberOfShards({ client }: AggregateAccess, orders: string): Promise<number> {
  const answer = await client.indices.getSettings({ index: orders, flat_settings: true }, READ);
  const [settings] = Object.values(answer).map(({ settings: flat }) => flat as Readonly<Record<string, unknown>>);
  return Number(settings?.['index.number_of_shards']);
}

/** Of the primaries, by the shard's number. */
async function sequenceNumbers(
  { client }: AggregateAccess,
  orders: string,
  shards: number,
): Promise<estypes.IndicesStatsShardSequenceNumber[]> {
  const { indices } = await client.indices.stats({ index: orders, level: 'shards', metric: 'docs' }, READ);
  const copies = Object.values(indices ?? {})[0]?.shards ?? {};
  return Array.from({ length: shards }, (_, shard) => {
    const primary = copies[shard]?.find(({ routing }) => routing?.primary);
    if (!primary?.seq_no) throw new IndexUnavailableError(`shard ${shard} of ${orders} has no primary that answers`);
    return primary.seq_no;
  });
}

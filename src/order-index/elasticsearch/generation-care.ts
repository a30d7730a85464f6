import { setTimeout as delay } from 'node:timers/promises';
import type { Client, estypes } from '@elastic/elasticsearch';
import type { Generation, Readiness, RefreshPace, WriteTarget } from '../generations-port.ts';
import { IndexUnavailableError } from '../port.ts';
import type { Registry } from '../port.ts';
import { READ, serverTimeout } from './client.ts';
import { isMissing, isReadOnly, unavailable } from './errors.ts';
import type { IndexSizing } from './generation-mapping.ts';
import type { GenerationMeta } from './mapping.ts';
import type { IndexNames } from './names.ts';

/** What is done to single generations, beside the registry. */
export interface Care {
  readonly client: Client;
  readonly names: IndexNames;
  readonly sizing: IndexSizing;
  readonly requestTimeoutMs: number;
}

/**
 * For the time of a build. The translog stays as it is, durable with every request: live writes go to the generation that is being
 * built too, and are acknowledged to the broker.
 */
export const BUILD_SETTINGS: estypes.IndicesIndexSettings = { refresh_interval: '-1', number_of_replicas: 0 };

/** @throws IndexUnavailableError */
export async function listGenerations({ client, names }: Care, { live, targets }: Registry): Promise<Generation[]> {
  const index = `${names.alias}-*`;
  try {
    const [indices, settings, sizes] = await Promise.all([
      client.indices.getMapping({ index }, READ),
      client.indices.getSettings({ index, flat_settings: true }, READ),
      indexSizes(client, index),
    ]);
    return Object.entries(indices)
      .flatMap(([name, { mappings }]): Generation[] => {
        const number = names.generationNumber(name);
        if (number === undefined) return [];
        const { mappingHash = '', foldVersion = 0, createdAt = '' } = (mappings._meta ?? {}) as Partial<GenerationMeta>;
        const isLive = live.generation === name;
        const isTarget = targets.some(({ generation }) => generation === name);
        const isFrozen = isFrozenBy(settings[name]?.settings);
        return [{ name, number, isLive, isTarget, isFrozen, ...sizes(name), mappingHash, foldVersion, createdAt }];
      })
      .sort((a, b) => a.number - b.number);
  } catch (thrown) {
    throw unavailable('the generations', thrown);
  }
}

/** An operator's own write block leaves the refreshes as they are. */
function isFrozenBy(settings: object = {}): boolean {
  return isWithoutRefreshes(settings) && 'index.blocks.write' in settings && settings['index.blocks.write'] === 'true';
}

function isWithoutRefreshes(settings: object = {}): boolean {
  return 'index.refresh_interval' in settings && settings['index.refresh_interval'] === '-1';
}

/** More indices than there ever are. */
const MAX_INDICES = 10_000;

interface Sizes {
  /** Visible ones. */
  readonly documents: number;
  readonly sizeBytes: number;
}

/**
 * By the name of each index that a pattern covers. Documents are counted by a search, as the statistics count what is nested in them too.
 */
export async function indexSizes(client: Client, index: string): Promise<(name: string) => Sizes> {
  const aggs = { indices: { terms: { field: '_index', size: MAX_INDICES } } };
  const [{ indices: stats = {} }, { aggregations }] = await Promise.all([
    client.indices.stats({ index, metric: 'store' }, READ),
    client.search<unknown, DocumentsAnswer>({ index, size: 0, track_total_hits: false, aggs }, READ),
  ]);
  const counts = new Map((aggregations?.indices.buckets ?? []).map(({ key, doc_count }) => [key, doc_count]));
  return (name) => ({
    documents: counts.get(name) ?? 0,
    sizeBytes: stats[name]?.total?.store?.size_in_bytes ?? 0,
  });
}

interface DocumentsAnswer {
  readonly indices: { readonly buckets: readonly { readonly key: string; readonly doc_count: number }[] };
}

/** Puts the settings of a live generation back, and says whether every shard is where it can be. @throws IndexUnavailableError */
export async function restoreSettings({ client, sizing }: Care, index: string): Promise<Readiness> {
  const settings = { refresh_interval: sizing.refreshInterval, number_of_replicas: sizing.replicas };
  try {
    await client.indices.putSettings({ index, settings });
    const health = await client.cluster.health({ index, timeout: '0s' }, { ...READ, ignore: [408] });
    return readinessOf(index, health, sizing.replicas);
  } catch (thrown) {
    throw unavailable(`the settings of ${index}`, thrown);
  }
}

function readinessOf(index: string, health: estypes.ClusterHealthHealthResponseBody, replicas: number): Readiness {
  const { initializing_shards, relocating_shards, unassigned_shards, active_primary_shards, number_of_data_nodes } =
    health;
  const waiting = (reason: string, onlyCopies = false): Readiness => {
    return { kind: 'waiting', reason: `${index} is not ready: ${reason}`, onlyCopies };
  };
  const status = health.status.toLowerCase();
  if (status === 'green') return { kind: 'ready' };
  if (status === 'red' || active_primary_shards === 0) return waiting('a primary shard has no node');
  const moving = initializing_shards + relocating_shards;
  if (moving > 0) return waiting(`${moving} shards are on their way`);
  // A node has one copy of a shard at most: of an index with replicas a single node leaves all of them out.
  const withoutNode = active_primary_shards * Math.max(0, replicas - (number_of_data_nodes - 1));
  if (unassigned_shards <= withoutNode) return { kind: 'ready' };
  return waiting(`${unassigned_shards} replicas have no node (GET /_cluster/allocation/explain says why)`, true);
}

/** By their whole names; undefined where the index is not what was asked by that name. */
async function settingsOf(
  client: Client,
  name: string,
  index: string,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const found = (await client.indices.getSettings({ index: name, flat_settings: true }, READ))[index];
  return found && { ...found.settings };
}

const WRITE_BLOCKS = ['index.blocks.write', 'index.blocks.read_only', 'index.blocks.read_only_allow_delete'];

/** @throws IndexUnavailableError */
export async function writeBlock({ client }: Care, index: string): Promise<string | undefined> {
  try {
    const settings = await settingsOf(client, index, index);
    return WRITE_BLOCKS.find((block) => settings?.[block] === 'true');
  } catch (thrown) {
    throw unavailable(`the write blocks of ${index}`, thrown);
  }
}

/** @throws IndexUnavailableError also where a shard was not refreshed: what was written there is not visible */
export async function refreshIndex(client: Client, index: string): Promise<void> {
  let failed: number;
  try {
    failed = (await client.indices.refresh({ index }, READ))._shards?.failed ?? 0;
  } catch (thrown) {
    throw unavailable('the refresh', thrown);
  }
  if (failed > 0) throw new IndexUnavailableError(`the refresh failed on ${failed} shards`);
}

/** The block is added by the API that waits for the writes under way, which the setting alone does not. @throws IndexUnavailableError */
export async function freeze({ client, requestTimeoutMs }: Care, index: string): Promise<void> {
  const timeout = serverTimeout(requestTimeoutMs);
  const wait = { master_timeout: timeout, timeout };
  const isBlocked = async () => (await client.indices.addBlock({ index, block: 'write', ...wait })).shards_acknowledged;
  try {
    await client.indices.putSettings({ index, settings: { refresh_interval: '-1' }, ...wait });
    if (await isBlocked()) return;
    // Where it has the block already, as from a runner that died, nobody says whether all writes are through: set it anew.
    await client.indices.putSettings({ index, settings: { 'index.blocks.write': null }, ...wait });
    if (await isBlocked()) return;
  } catch (thrown) {
    throw unavailable(`the write block of ${index}`, thrown);
  }
  throw new IndexUnavailableError(`not every shard of ${index} has taken its write block`);
}

/**
 * Freezing stops the refreshes first. So where an index refreshes still, it was not frozen, and a write block on it is an operator's, who
 * keeps it.
 * @throws IndexUnavailableError
 */
export async function thaw({ client, sizing }: Care, index: string): Promise<void> {
  try {
    if (!isWithoutRefreshes(await settingsOf(client, index, index))) return;
    const settings = { 'index.blocks.write': null, 'index.refresh_interval': sizing.refreshInterval };
    await client.indices.putSettings({ index, settings });
  } catch (thrown) {
    if (!isMissing(thrown)) throw unavailable(`lifting the write block of ${index}`, thrown);
    // Dropped meanwhile: there is no block to lift.
  }
}

/** Written as nobody writes it by hand, so that it is known for ours. */
const RELAXED_INTERVAL = '5000ms';
const RELAXED_MS = 5_000;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };

/** By the write alias, which is another one as soon as the registry moves. @throws IndexUnavailableError */
export async function paceRefreshes(
  { client, sizing: { refreshInterval } }: Care,
  { generation, address }: WriteTarget,
  pace: RefreshPace,
): Promise<boolean> {
  const [from, to] = pace === 'relaxed' ? [refreshInterval, RELAXED_INTERVAL] : [RELAXED_INTERVAL, refreshInterval];
  try {
    const there = await settingsOf(client, address, generation);
    if (!there) return false; // An address that is gone is no error of this call.
    const isWanted = pace === 'usual' || isShort(refreshInterval);
    if (there['index.refresh_interval'] === from && isWanted)
      await client.indices.putSettings({ index: address, settings: { refresh_interval: to } });
    return true;
  } catch (thrown) {
    if (isMissing(thrown)) return false;
    throw unavailable(`the refresh interval of ${generation}`, thrown);
  }
}

function isShort(interval: string): boolean {
  const [, number = '', unit = ''] = /^(\d+)(\w+)$/.exec(interval) ?? [];
  return Number(number) * (UNIT_MS[unit] ?? Infinity) < RELAXED_MS;
}

/**
 * Makes a request; where a read-only index refuses it, which keeps its aliases and settings and cannot be deleted, takes that block off
 * these, and makes it again.
 * @throws IndexUnavailableError, and whatever the request rejects with
 */
export async function liftingReadOnly<T>(
  care: Pick<Care, 'client' | 'requestTimeoutMs'>,
  indices: readonly string[],
  request: () => Promise<T>,
): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (!(error instanceof IndexUnavailableError) || !isReadOnly(error.cause)) throw error;
  }
  await liftReadOnly(care, indices);
  return await request();
}

async function liftReadOnly(
  { client, requestTimeoutMs }: Pick<Care, 'client' | 'requestTimeoutMs'>,
  index: readonly string[],
): Promise<void> {
  const timeout = serverTimeout(requestTimeoutMs);
  try {
    await client.indices.putSettings({
      index: [...index],
      // No other setting may be in this request: it would be refused.
      settings: { 'index.blocks.read_only': null },
      timeout,
      master_timeout: timeout,
    });
  } catch (thrown) {
    throw unavailable(`making ${index.join(', ')} writable`, thrown);
  }
}

/** A read-only one too. @throws IndexUnavailableError */
export async function dropIndex(care: Care, index: string): Promise<void> {
  await liftingReadOnly(care, [index], () => deleteIndex(care, index));
}

async function deleteIndex({ client }: Care, index: string): Promise<void> {
  try {
    await client.indices.delete({ index });
  } catch (thrown) {
    if (!isMissing(thrown)) throw unavailable(`deleting ${index}`, thrown);
    // A repeat, or another instance was first.
  }
}

const STARTED_POLL_MS = 50;

/**
 * Another instance may have created it in this very moment: what is asked of it before its shards have started is an outage. To wait for
 * yellow is not enough, since an index that is being created is yellow from the first.
 */
export async function untilStarted(client: Client, index: string, requestTimeoutMs: number): Promise<void> {
  const deadlineMs = performance.now() + requestTimeoutMs;
  while (!(await areStarted(client, index))) {
    if (performance.now() > deadlineMs) throw new IndexUnavailableError(`the shards of ${index} have not started yet`);
    await delay(STARTED_POLL_MS);
  }
}

async function areStarted(client: Client, index: string): Promise<boolean> {
  try {
    const { indices = {} } = await client.cluster.health(
      { index, level: 'indices', timeout: '0s' },
      { ...READ, ignore: [408] },
    );
    const health = indices[index];
    return health !== undefined && health.active_primary_shards === health.number_of_shards;
  } catch (thrown) {
    throw unavailable(`the health of ${index}`, thrown);
  }
}

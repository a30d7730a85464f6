import { createLogger } from '../../src/observability/logging.ts';
import { FOLD_VERSION } from '../../src/order/fold.ts';
import { createElasticsearchIndex } from '../../src/order-index/elasticsearch/index.ts';
import { indexNames } from '../../src/order-index/elasticsearch/names.ts';
import type { TestBackend } from './test-backend.ts';

/** Registers an empty second generation as a write target, as a rebuild does at its beginning; the first one stays live. */
export async function secondGeneration({ environment, prefix }: TestBackend): Promise<void> {
  const index = createElasticsearchIndex({
    nodes: [environment['ELASTICSEARCH_URL'] ?? ''],
    prefix,
    shards: 1,
    replicas: 0,
    refreshInterval: '1s',
    bulkConcurrency: 1,
    requestTimeoutMs: 10_000,
    foldVersion: FOLD_VERSION,
    log: createLogger('silent'),
  });
  await index.open();
  await index.generations.create(2);
  const { epoch } = await index.registry();
  const moved = await index.generations.renameEpoch(epoch, { register: [indexNames(prefix).generation(2)] });
  if (moved.kind !== 'moved') throw new Error(`the generation was not registered: ${moved.kind}`);
  await index.close();
}

import { createLogger } from '../../src/observability/logging.ts';
import { FOLD_VERSION } from '../../src/order/fold.ts';
import { createElasticsearchIndex } from '../../src/order-index/elasticsearch/index.ts';
import type { OrderIndex, Registry, WriteTarget } from '../../src/order-index/port.ts';
import type { TestBackend } from './test-backend.ts';

/** Creates a generation and registers it as a write target, as a rebuild does at its beginning; what is live stays so. */
export async function registerGeneration(
  index: OrderIndex,
  number: number,
): Promise<{ readonly registry: Registry; readonly target: WriteTarget }> {
  await index.generations.create(number);
  const name = (await index.generations.list()).find((generation) => generation.number === number)?.name ?? '';
  const { epoch } = await index.registry();
  const moved = await index.generations.renameEpoch(epoch, { register: [name] });
  const target = moved.registry.targets.find(({ generation }) => generation === name);
  if (moved.kind !== 'moved' || !target) throw new Error(`the generation ${name} was not registered: ${moved.kind}`);
  return { registry: moved.registry, target };
}

/** Registers an empty second generation in a backend that no service of this process has open. */
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
  await registerGeneration(index, 2);
  await index.close();
}

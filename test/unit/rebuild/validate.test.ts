import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../../../src/observability/logging.ts';
import { FOLD_VERSION } from '../../../src/order/fold.ts';
import { createEmbeddedIndex } from '../../../src/order-index/embedded/index.ts';
import type { OrderIndex, Registry } from '../../../src/order-index/port.ts';
import { perform } from '../../../src/rebuild/actions.ts';
import type { Response } from '../../../src/rebuild/model.ts';
import { registerGeneration } from '../../support/second-generation.ts';
import { dependenciesOf } from './action-dependencies.ts';
import { aRebuild } from './runs.ts';

const BLOCK = 'index.blocks.read_only_allow_delete';

describe('a generation that is validated', () => {
  let dataDir: string;
  let index: OrderIndex;
  let registry: Registry;
  let generation: string;
  const log = createLogger('silent');
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'order-search-validated-'));
    index = createEmbeddedIndex({ dataDir, prefix: 'orders', foldVersion: FOLD_VERSION, log });
    await index.open();
    const registered = await registerGeneration(index, 2);
    [registry, generation] = [registered.registry, registered.target.generation];
  });
  afterEach(async () => {
    await index.close();
    rmSync(dataDir, { recursive: true });
  });

  /** Where it is found to have these blocks, one after the other. */
  function validate(blocks: (string | undefined)[]): Promise<Response> {
    const generations = { ...index.generations, writeBlock: () => Promise.resolve(blocks.shift()) };
    return perform(
      { kind: 'validate', generation },
      aRebuild({ generation, step: 'VALIDATE' }),
      dependenciesOf({ ...index, generations }),
    );
  }

  const held: Response = { kind: 'held', reason: `orders-000002 takes no writes: take its ${BLOCK} off` };

  it('may become live where it takes writes', async () => {
    const patch = { epoch: registry.epoch, from: registry.live.generation };
    assert.deepEqual(await validate([]), { kind: 'done', patch });
  });

  it('is held, with the reason, where it takes none', async () => {
    assert.deepEqual(await validate([BLOCK]), held);
  });

  it('is held where it takes none any more once it is compared', async () => {
    assert.deepEqual(await validate([undefined, BLOCK]), held);
  });

  it('has failed where it was unregistered, whatever else is the matter', async () => {
    await index.generations.renameEpoch(registry.epoch, { unregister: [generation] });
    assert.equal((await validate([BLOCK])).kind, 'lost target');
  });
});

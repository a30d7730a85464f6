import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../../../src/observability/logging.ts';
import { FOLD_VERSION } from '../../../src/order/fold.ts';
import { createEmbeddedIndex } from '../../../src/order-index/embedded/index.ts';
import type { OrderIndex, Readiness } from '../../../src/order-index/port.ts';
import { perform } from '../../../src/rebuild/actions.ts';
import type { Response } from '../../../src/rebuild/model.ts';
import { registerGeneration } from '../../support/second-generation.ts';
import { dependenciesOf } from './action-dependencies.ts';
import { aRebuild } from './runs.ts';

const BEGUN = 1_000_000;
const MINUTE_MS = 60_000;

describe('a generation that was built, and has not all its copies', () => {
  let dataDir: string;
  let index: OrderIndex;
  let generation: string;
  const log = createLogger('silent');
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'order-search-restored-'));
    index = createEmbeddedIndex({ dataDir, prefix: 'orders', foldVersion: FOLD_VERSION, log });
    await index.open();
    generation = (await registerGeneration(index, 2)).target.generation;
  });
  afterEach(async () => {
    await index.close();
    rmSync(dataDir, { recursive: true });
  });

  /** What comes of another look after it was held for so long, by default by nothing but that copies are missing. */
  function look(readiness: Readiness, heldForMs: number | undefined, byCopies = true): Promise<Response> {
    const generations = { ...index.generations, restoreSettings: () => Promise.resolve(readiness) };
    const held =
      heldForMs === undefined
        ? {}
        : { held: { reason: '', since: BEGUN, ...(byCopies && { dispensableSince: BEGUN }) } };
    const run = aRebuild({ generation, step: 'RESTORE_SETTINGS', ...held });
    return perform(
      { kind: 'restore settings', generation },
      run,
      dependenciesOf({ ...index, generations }, () => new Date(BEGUN + (heldForMs ?? 0))),
    );
  }

  it('is waited for, and it is said for how long', async () => {
    const lacking: Readiness = { kind: 'waiting', reason: '1 replicas have no node', onlyCopies: true };
    const reason = '1 replicas have no node; it goes on without them after 10 minutes';
    for (const heldForMs of [undefined, 0, 9 * MINUTE_MS]) {
      assert.deepEqual(await look(lacking, heldForMs), { kind: 'held', reason, dispensable: true });
    }
  });

  it('does not keep readers waiting beyond that', async () => {
    const lacking: Readiness = { kind: 'waiting', reason: '1 replicas have no node', onlyCopies: true };
    assert.deepEqual(await look(lacking, 10 * MINUTE_MS), { kind: 'done' });
  });

  it('is waited for as long where something else has held it up before', async () => {
    const lacking: Readiness = { kind: 'waiting', reason: '1 replicas have no node', onlyCopies: true };
    assert.equal((await look(lacking, 600 * MINUTE_MS, false)).kind, 'held');
  });

  it('is waited for without end where it lacks more, or shards are moving', async () => {
    const lacking: Readiness = { kind: 'waiting', reason: 'a primary shard has no node', onlyCopies: false };
    assert.deepEqual(await look(lacking, 600 * MINUTE_MS), { kind: 'held', reason: 'a primary shard has no node' });
  });
});

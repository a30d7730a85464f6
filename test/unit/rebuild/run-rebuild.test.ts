import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../../../src/observability/logging.ts';
import { DEFAULT_STORAGE_LIMITS, foldStored, FOLD_VERSION } from '../../../src/order/fold.ts';
import { createEmbeddedIndex } from '../../../src/order-index/embedded/index.ts';
import type { Lease } from '../../../src/order-index/lease.ts';
import { documentWrite } from '../../../src/order-index/document-write.ts';
import {
  IndexUnavailableError,
  type OrderIndex,
  type OrderVersion,
  type Snapshot,
} from '../../../src/order-index/port.ts';
import { createRunRecords } from '../../../src/rebuild/records.ts';
import { EventSourceError, type EventSource } from '../../../src/rebuild/event-source.ts';
import { runRebuild, type RunDependencies } from '../../../src/rebuild/run-rebuild.ts';
import { newRun, type RebuildRequest, type RunState } from '../../../src/rebuild/state.ts';
import { NO_AGGREGATES } from '../../support/no-aggregates.ts';
import { eventAt } from '../../support/protocol.ts';
import { aRebuild } from './runs.ts';

/** Never aborted. */
const STOPPING = new AbortController().signal;

describe('whoever runs a rebuild', () => {
  let dataDir: string;
  let index: OrderIndex;
  const log = createLogger('silent');
  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'order-search-run-'));
    index = createEmbeddedIndex({ dataDir, prefix: 'orders', foldVersion: FOLD_VERSION, log });
    await index.open();
  });
  afterEach(async () => {
    await index.close();
    rmSync(dataDir, { recursive: true });
  });

  /** What has become of a run. */
  async function ran(request: Partial<RebuildRequest>, deps: Partial<RunDependencies>): Promise<RunState | undefined> {
    const records = createRunRecords({ store: index, writer: 'test', now: () => Date.now() });
    const run = { id: 'r-1', kind: 'rebuild', request: aRebuild({}, request).request, startedAt: Date.now() } as const;
    await records.begin(newRun(run));
    await runRebuild(
      run.id,
      {
        ...{ index, records, log, storageLimits: DEFAULT_STORAGE_LIMITS, maxMessageBytes: 1_000_000 },
        lease: { hold: () => Promise.resolve(true), release: () => Promise.resolve() },
        openSource: () => Promise.reject(new Error('there is nothing to read')),
        ...{ now: () => new Date(), rollups: NO_AGGREGATES, onState: () => undefined },
        reached: () => Promise.resolve(),
        ...deps,
      },
      STOPPING,
    );
    return (await records.read(run.id))?.state;
  }

  describe('when what it does beside an action meets a bug', () => {
    it('fails, and says what it was: the action was not interrupted for nothing', async () => {
      const met = Promise.withResolvers<void>();
      let beats = 0;
      const lease: Lease = {
        hold: () => {
          beats += 1;
          if (beats > 1) return Promise.resolve(true);
          setImmediate(met.resolve);
          return Promise.reject(new TypeError('a bug of the lease'));
        },
        release: () => Promise.resolve(),
      };
      const reached = (step: string) => (step === 'rebuild refreshed' ? met.promise : Promise.resolve());
      const { step, error, finishedAt } = (await ran({}, { lease, reached })) ?? {};
      assert.deepEqual([step, error, finishedAt === undefined], ['FAILED', 'a bug of the lease', false]);
    });
  });

  describe('when what it is to read is not there', () => {
    it('fails before it has built anything', async () => {
      const { epoch } = await index.registry();
      const reason = 'none.ndjson cannot be read in IMPORT_DIR: ENOENT';
      const openSource = () => Promise.reject(new EventSourceError(reason));
      const { step, error } = (await ran({ source: 'file', path: 'none.ndjson' }, { openSource })) ?? {};
      assert.deepEqual([step, error], ['FAILED', reason]);
      assert.equal((await index.registry()).epoch, epoch);
    });
  });

  describe('when a comparison has failed and is done again', () => {
    type Page = readonly OrderVersion[];
    /** From VALIDATE on, the live orders are read one a page, each as it is told. */
    async function validated(
      read: (page: () => Promise<Page>, after: string | undefined) => Promise<Page>,
      onState: (state: RunState) => void,
    ): Promise<RunState | undefined> {
      const { live } = await index.registry();
      const writes = ['O-1', 'O-2', 'O-3'].map((id) => documentWrite(foldStored(id, [eventAt(1)]), new Date()));
      await index.write(live, writes, 'live');
      let isValidating = false;
      const openSnapshot = async (generation: string): Promise<Snapshot> => {
        const snapshot = await index.generations.openSnapshot(generation);
        if (!isValidating || generation !== live.generation) return snapshot;
        return {
          ...snapshot,
          versions: (page) => read(() => snapshot.versions({ ...page, size: 1 }), page.after),
        };
      };
      const reached = (step: string) => {
        isValidating = step === 'rebuild VALIDATE';
        return Promise.resolve();
      };
      return await ran(
        {},
        { index: { ...index, generations: { ...index.generations, openSnapshot } }, reached, onState },
      );
    }

    for (const [what, outage] of [
      ['once', 1],
      ['and then at once for as long as an outage lasts', 3],
    ] as const) {
      it(`is said to be held up no more as soon as it gets on, long before it is done, where it failed ${what}`, async () => {
        const failed = Promise.withResolvers<void>();
        const moving = Promise.withResolvers<void>();
        let attempts = 0;
        const done = await validated(
          async (page, after) => {
            if (after === undefined) attempts += 1;
            const isAway = attempts === 1 ? after === 'O-2' : attempts <= outage;
            if (isAway) throw new IndexUnavailableError('a shard is away');
            if (after === 'O-2') await moving.promise;
            return await page();
          },
          ({ step, held }) => {
            if (held) failed.resolve();
            else if (step === 'VALIDATE' && attempts > outage) moving.resolve();
          },
        );
        await failed.promise;
        assert.deepEqual([done?.step, attempts], ['DONE', outage + 1]);
      });
    }

    it('is said to be held up since it was done over where it fails at the same place for ever', async () => {
      const since = new Set<number>();
      let attempts = 0;
      await validated(
        async (page, after) => {
          if (after === undefined) attempts += 1;
          if (after === 'O-2' && attempts < 5) throw new IndexUnavailableError('a shard is away');
          return await page();
        },
        ({ held }) => held && since.add(held.since),
      );
      assert.equal(since.size, 2);
    });
  });

  describe('when what it reads tells of an erasure', () => {
    it('leaves nothing of that order once readers are moved', async () => {
      const event = { specversion: '1.0', ...eventAt(1), subject: 'O-1', type: 'order.erased.v1', data: {} };
      const read: EventSource['read'] = async function* () {
        yield await Promise.resolve({ position: 0, body: Buffer.from(JSON.stringify(event)) });
      };
      const source = { read, readWhole: () => read(0, STOPPING), total: () => Promise.resolve(1) };
      const at = new Date().toISOString();
      const refusal = { reason: 'invalid', path: 'data', message: 'is none' } as const;
      const times = { attempts: 1, firstFailedAt: at, lastFailedAt: at };
      await index.putDeadLetter({ body: Buffer.from('of Ada'), refusal, orderId: 'O-1', ...times });
      const done = await ran({ source: 'history' }, { openSource: () => Promise.resolve(source) });
      assert.equal(done?.step, 'DONE');
      assert.equal(await index.countDeadLetters(), 0);
      for (const target of (await index.registry()).targets) {
        const loaded = await index.load(target, ['O-1']);
        assert.ok(loaded.kind === 'loaded');
        assert.equal(loaded.documents.get('O-1')?.status, 'erased', target.generation);
      }
    });
  });
});

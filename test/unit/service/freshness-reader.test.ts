import assert from 'node:assert/strict';
import { createFreshnessReader, createFreshnessRecord } from '../../../src/service/freshness-reader.ts';
import { createInHandReader } from '../../../src/service/in-hand-reader.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import type { FreshnessRecord } from '../../../src/projector/shared-freshness.ts';
import { SilenceWatch } from '../../../src/projector/silence-watch.ts';
import { MemoryControl } from '../../support/memory-control.ts';

const SHARED = new Date(Date.now() - 20_000);

describe('createFreshnessReader', () => {
  let control: MemoryControl;
  let reads: number;
  let record: ReturnType<typeof createFreshnessRecord>;
  beforeEach(async () => {
    [control, reads] = [new MemoryControl(), 0];
    record = createFreshnessRecord({
      readControl: (id) => {
        reads++;
        return control.readControl(id);
      },
    });
    await control.writeControl('freshness', { asOf: SHARED.toISOString(), instances: {} });
  });

  describe('when this instance knows what is newer', () => {
    for (const [name, agoMs, looked] of [
      ['by less than it takes to doubt it: nothing is read', 4_000, 0],
      ['and another one may know better: the newer of both', 10_000, 1],
    ] as const) {
      it(`is its own, ${name}`, async () => {
        const own = Date.now() - agoMs;
        const { asOf, lagSeconds } = await createFreshnessReader(record, () => own)();
        assert.equal(asOf, new Date(own).toISOString());
        assert.ok(lagSeconds >= agoMs / 1_000 && lagSeconds < agoMs / 1_000 + 1, String(lagSeconds));
        assert.equal(reads, looked);
      });
    }
  });

  describe('when this instance does not project, or is behind', () => {
    it('is what the projectors have said', async () => {
      for (const own of [undefined, SHARED.getTime() - 1_000]) {
        assert.equal((await createFreshnessReader(record, () => own)()).asOf, SHARED.toISOString());
      }
    });
  });

  describe('when the index does not answer any more', () => {
    it('is what was last said, and nobody waits for more', async () => {
      const held = Promise.withResolvers<FreshnessRecord>();
      const answers = [Promise.resolve({ asOf: SHARED.getTime(), instances: {} }), held.promise];
      const freshness = createFreshnessReader(
        () => answers.shift() ?? held.promise,
        () => undefined,
        10,
      );
      for (let time = 0; time < 3; time++) assert.equal((await freshness()).asOf, SHARED.toISOString());
      held.reject(new IndexUnavailableError('no answer'));
      await assert.rejects(freshness(), IndexUnavailableError);
    });
  });

  describe('when it is asked together with what is in hand', () => {
    it('reads what both are told by once', async () => {
      const freshness = createFreshnessReader(record, () => undefined);
      const inHand = createInHandReader(record, { own: () => 4, instance: () => 'own', now: () => Date.now() });
      const [{ asOf }, events] = await Promise.all([freshness(), inHand()]);
      assert.deepEqual([asOf, events, reads], [SHARED.toISOString(), 4, 1]);
    });
  });
});

describe('createFreshnessRecord', () => {
  it('lets an instance that only serves know who is silent', async () => {
    let now = Date.now();
    const control = new MemoryControl();
    const dead = { settledTo: now, at: now, returnedAt: 0 };
    await control.writeControl('freshness', { asOf: SHARED.toISOString(), instances: { dead } });
    const silence = new SilenceWatch(10_000, () => now);
    const silent = async () => {
      // Each remembers what it has read for a while.
      const record = await createFreshnessRecord(control, silence)();
      return silence.silentOthers(record, 'own').map(({ id }) => id);
    };
    for (const expected of [[], [], [], ['dead']]) {
      assert.deepEqual(await silent(), expected);
      now += 5_000;
    }
  });
});

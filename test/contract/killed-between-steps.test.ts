import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { OrderIndex } from '../../src/order-index/port.ts';
import { sampleWrite } from '../integration/elasticsearch/sample-orders.ts';
import { describeForEachBackend } from '../support/backends.ts';
import type { IndexPlace } from '../support/backends.ts';
import { registerGeneration } from '../support/second-generation.ts';

const HOLDER = new URL('../support/hold-generation.ts', import.meta.url).pathname;

describeForEachBackend('generations whose maker was killed', (backend) => {
  let place: IndexPlace;
  let index: OrderIndex;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    place = backend.index();
    const before = place.instance();
    await before.open();
    const [outcome] = await before.write((await before.registry()).live, [sampleWrite({ orderId: 'O-1' })], 'live');
    assert.equal(outcome?.kind, 'written');
    await before.close();
    index = place.instance();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) await killed(child);
    await place.remove();
  });

  async function killed(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** Opens the index once more after another process has come to that step, and no further. */
  async function reopenedAfter(step: 'created' | 'registered' | 'frozen'): Promise<void> {
    const child = spawn(process.execPath, [HOLDER, JSON.stringify(place.address), step], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(child);
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    assert.equal(said.toString(), 'there\n');
    await killed(child);
    await index.open();
  }

  describe('when it had created one, and not registered it', () => {
    it('is there, is no write target, and can be registered or dropped', async () => {
      await reopenedAfter('created');
      assert.equal((await index.registry()).epoch, 1);
      assert.equal(await index.generations.create(2), 'exists');
      const generations = await index.generations.list();
      assert.deepEqual(
        generations.map(({ number, isLive, isTarget }) => [number, isLive, isTarget]),
        [
          [1, true, true],
          [2, false, false],
        ],
      );
      await index.generations.drop(generations[1]?.name ?? '');
      const { target } = await registerGeneration(index, 2);
      const [outcome] = await index.write(target, [sampleWrite({ orderId: 'O-1' })], 'rebuild');
      assert.equal(outcome?.kind, 'written');
    });
  });

  describe('when it had registered one', () => {
    it('is a target still, and its registration repeated changes nothing', async () => {
      await reopenedAfter('registered');
      const registry = await index.registry();
      assert.deepEqual([registry.epoch, registry.targets.length], [2, 2]);
      const register = registry.targets.slice(0, 1).map(({ generation }) => generation);
      assert.deepEqual(await index.generations.renameEpoch(1, { register }), { kind: 'moved', registry });
    });
  });

  describe('when it had frozen the live one', () => {
    it('is swapped to by who repeats the steps, and takes writes again once that is thawed', async () => {
      await reopenedAfter('frozen');
      const { epoch, live, targets } = await index.registry();
      const [standby] = targets;
      assert.ok(standby);
      await index.write(standby, [sampleWrite({ orderId: 'O-1' })], 'rebuild');
      await index.generations.freeze(live.generation);
      const frozen = await index.write(live, [sampleWrite({ orderId: 'O-2' })], 'live');
      assert.equal(frozen[0]?.kind, 'moved');
      await index.generations.refresh(standby.generation);
      const { kind, registry } = await index.generations.renameEpoch(epoch, { live: standby.generation });
      assert.equal(kind, 'moved');
      await index.generations.thaw(live.generation);
      for (const target of registry.targets) {
        const [outcome] = await index.write(target, [sampleWrite({ orderId: 'O-2' })], 'live');
        assert.equal(outcome?.kind, 'written');
      }
      assert.equal((await index.get('O-1'))?.orderId, 'O-1');
    });

    it('takes writes once it is thawed where the swap is given up', async () => {
      await reopenedAfter('frozen');
      const { live } = await index.registry();
      await index.generations.thaw(live.generation);
      const [outcome] = await index.write(live, [sampleWrite({ orderId: 'O-2' })], 'live');
      assert.equal(outcome?.kind, 'written');
    });
  });
});

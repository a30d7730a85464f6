import assert from 'node:assert/strict';
import { divergenceOf } from '../../src/order-index/diverge.ts';
import { eventually } from '../support/eventually.ts';
import { eventOf, openStage, untilVersionIn, type Stage } from '../support/protocol-stage.ts';

describe('a standby that alone takes no writes', function () {
  this.timeout(120_000);
  let stage: Stage;
  beforeEach(async () => {
    stage = await openStage();
    const { ended } = await stage.rebuild();
    const { step, error } = await ended;
    assert.equal(step, 'DONE', error);
  });
  afterEach(() => stage.remove());

  const setBlock = async (number: number, block: string, on: true | null): Promise<void> => {
    await stage.elasticsearch.indices.putSettings({
      index: stage.generation(number),
      settings: { [`index.blocks.${block}`]: on },
    });
  };

  for (const block of ['write', 'read_only', 'read_only_allow_delete']) {
    it(`has diverged after a while, and live goes on (${block})`, async () => {
      await setBlock(1, block, true);
      const projector = await stage.projector();
      await stage.publish(eventOf('O-1', 1));
      await eventually(async () => assert.equal(await stage.versionIn(2, 'O-1'), 1), 90_000);
      await projector.untilSettled();
      const { targets } = await stage.index.registry();
      assert.deepEqual(
        targets.map(({ generation }) => generation),
        [stage.generation(2)],
      );
      const reason = (await divergenceOf(stage.index, stage.generation(1))) ?? '';
      assert.match(reason, /^it could not be written to, and the live one could: cluster_block_exception/);
    });
  }

  it('is written to as ever where the block is lifted soon', async () => {
    await setBlock(1, 'write', true);
    const projector = await stage.projector();
    const refused = projector.hold('looked again');
    await stage.publish(eventOf('O-1', 1));
    await refused.arrived;
    assert.deepEqual([await stage.versionIn(1, 'O-1'), await stage.versionIn(2, 'O-1')], [0, 0]);
    await setBlock(1, 'write', null);
    refused.release();
    await untilVersionIn(stage, 1, 'O-1', 1);
    await projector.untilSettled();
    assert.equal((await stage.index.registry()).targets.length, 2);
  });
});

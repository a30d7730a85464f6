import assert from 'node:assert/strict';
import { OrderLines } from '../../../src/projector/order-lines.ts';

describe('OrderLines', () => {
  it('serves those that share an order in the order of their coming', async () => {
    const lines = new OrderLines();
    const first = lines.enter(['a', 'b']);
    const second = lines.enter(['b', 'c']);
    const third = lines.enter(['b']);
    assert.deepEqual(
      [first.isFirst('b'), second.isFirst('b'), second.isFirst('c'), third.isFirst('b')],
      [true, false, true, false],
    );
    first.leave(['b']);
    await second.changed();
    assert.deepEqual([first.isFirst('a'), second.isFirst('b'), third.isFirst('b')], [true, true, false]);
    second.leave(['b', 'c']);
    await third.changed();
    assert.equal(third.isFirst('b'), true);
  });

  it('passes by those that have left while they were waiting', async () => {
    const lines = new OrderLines();
    const first = lines.enter(['a']);
    const second = lines.enter(['a']);
    const third = lines.enter(['a']);
    second.leave(['a']);
    first.leave(['a']);
    await third.changed();
    assert.equal(third.isFirst('a'), true);
  });
});

import assert from 'node:assert/strict';
import { mock } from 'node:test';
import fc from 'fast-check';
import { Batcher, type BatcherOptions } from '../../../src/projector/batcher.ts';

describe('Batcher', () => {
  let emitted: string[][];
  let isFree: boolean;
  let batcher: Batcher<string>;
  /** Items are named by their order: `a1` is of order `a`. */
  const options: BatcherOptions<string> = {
    ...{ maxCount: 4, maxBytes: 100, delayMs: 50 },
    mayBegin: () => isFree,
    orderOf: (item) => item.charAt(0),
    bytesOf: (item) => item.length,
    now: () => Date.now(),
    emit: (items) => emitted.push(items),
  };
  const add = (...items: string[]) => {
    for (const item of items) batcher.add(item);
  };
  beforeEach(() => {
    mock.timers.enable({ apis: ['setTimeout', 'Date'] });
    [emitted, isFree] = [[], true];
    batcher = new Batcher(options);
  });
  afterEach(() => mock.timers.reset());

  describe('when a batch could be begun with', () => {
    it('emits what has come within the delay of the first item', () => {
      add('a');
      mock.timers.tick(49);
      add('b');
      assert.deepEqual(emitted, []);
      mock.timers.tick(1);
      assert.deepEqual(emitted, [['a', 'b']]);
    });

    it('emits a full one at once', () => {
      add('a', 'b', 'c', 'd', 'e');
      assert.deepEqual(emitted, [['a', 'b', 'c', 'd']]);
    });

    it('emits no more bytes at once than it may, but always an item', () => {
      const [long, longer] = [`b${'x'.repeat(98)}`, `c${'x'.repeat(200)}`];
      add('a', long, longer, 'd');
      assert.deepEqual(emitted, [['a', long]]);
      mock.timers.tick(50);
      assert.deepEqual(emitted.slice(1), [[longer], ['d']]);
    });

    it('forgets nothing where the clock goes on between two looks at it', () => {
      let clock = 0;
      batcher = new Batcher({ ...options, now: () => (clock += 0.2) });
      add('a');
      clock = 49.9; // The timer fires a little early: not due at the first look, due at the second.
      mock.timers.tick(50);
      mock.timers.tick(10);
      assert.deepEqual(emitted, [['a']]);
    });

    it('waits anew for what has come later', () => {
      add('a');
      mock.timers.tick(50);
      add('b');
      mock.timers.tick(49);
      assert.deepEqual(emitted, [['a']]);
      mock.timers.tick(1);
      assert.deepEqual(emitted, [['a'], ['b']]);
    });
  });

  describe('when none could be begun with', () => {
    beforeEach(() => {
      isFree = false;
      add('a1');
      mock.timers.tick(50);
    });

    it('lets the one that is due grow until one could', () => {
      add('b');
      mock.timers.tick(1_000);
      batcher.offer();
      assert.deepEqual(emitted, []);
      isFree = true;
      batcher.offer();
      assert.deepEqual(emitted, [['a1', 'b']]);
    });

    it('lets the events of an order that come meanwhile go together, the oldest orders first', () => {
      let free = 0;
      batcher = new Batcher({ ...options, mayBegin: () => free-- > 0 });
      const offerOnce = () => {
        free = 1;
        batcher.offer();
      };
      add('a1', 'b1', 'c1', 'd1', 'e1', 'a2', 'e2');
      assert.deepEqual(emitted, []);
      offerOnce();
      assert.deepEqual(emitted, [['a1', 'a2', 'b1', 'c1']]);
      add('d2');
      offerOnce();
      assert.deepEqual(emitted[1], ['d1', 'd2', 'e1', 'e2']);
    });

    it('takes the first events of an order that has too many, and the rest next', () => {
      add('a2', 'b1', 'a3', 'a4', 'a5', 'a6');
      isFree = true;
      batcher.offer();
      assert.deepEqual(emitted, [
        ['a1', 'a2', 'a3', 'a4'],
        ['a5', 'a6', 'b1'],
      ]);
    });

    it('begins to wait anew after it was dropped', () => {
      batcher.drop();
      isFree = true;
      add('b');
      batcher.offer();
      assert.deepEqual(emitted, []);
      mock.timers.tick(50);
      assert.deepEqual(emitted, [['b']]);
    });

    it('emits all there is when it is told to', () => {
      add('b', 'c', 'd', 'e');
      batcher.flush();
      assert.deepEqual(emitted, [['a1', 'b', 'c', 'd'], ['e']]);
    });
  });

  describe('whatever comes, and whenever one could be begun with', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f') },
      { weight: 1, arbitrary: fc.constantFrom('free', 'busy', 'wait') },
    );

    /** Three items of two bytes, two of three: the places from 10 on. */
    const MAX_BYTES = 7;

    it('emits each item once, those of an order as they came, no batch above its bounds', () => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
          [emitted, isFree] = [[], false];
          batcher = new Batcher({ ...options, maxBytes: MAX_BYTES });
          const added: string[] = [];
          for (const one of steps) {
            if (one === 'wait') mock.timers.tick(30);
            else if (one === 'free' || one === 'busy') isFree = one === 'free';
            else {
              added.push(`${one}${added.length}`);
              batcher.add(`${one}${added.length - 1}`);
            }
            if (isFree) batcher.offer();
          }
          isFree = true;
          batcher.offer();
          mock.timers.tick(100);
          const ofOrder = (items: string[], order: string) => items.filter((item) => item.startsWith(order));
          for (const order of 'abcdef') assert.deepEqual(ofOrder(emitted.flat(), order), ofOrder(added, order));
          for (const { length } of emitted) assert.ok(length >= 1 && length <= options.maxCount);
          for (const batch of emitted) assert.ok(batch.length === 1 || batch.join('').length <= MAX_BYTES);
        }),
      );
    });
  });
});

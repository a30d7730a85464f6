import assert from 'node:assert/strict';
import fc from 'fast-check';
import { WriteSize } from '../../../src/projector/write-size.ts';

describe('WriteSize', () => {
  it('halves under strain, and grows back step by step', () => {
    const size = new WriteSize(500);
    size.strained();
    size.strained();
    assert.equal(size.current(), 125);
    size.eased();
    assert.equal(size.current(), 150);
    for (let step = 0; step < 20; step++) size.eased();
    assert.equal(size.current(), 500);
  });

  it('stays between a few documents and what is configured', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.array(fc.boolean()), (most, strains) => {
        const size = new WriteSize(most);
        for (const strained of strains) {
          if (strained) size.strained();
          else size.eased();
          assert(size.current() >= Math.min(10, most) && size.current() <= most);
        }
      }),
    );
  });
});

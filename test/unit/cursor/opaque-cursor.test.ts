import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeCursor, encodeCursor } from '../../../src/cursor/opaque-cursor.ts';

const values = fc.array(
  fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true })),
);

describe('an opaque cursor', () => {
  it('gives back what was put into it', () => {
    fc.assert(
      fc.property(values, (some) => {
        const plain = JSON.parse(JSON.stringify(some)) as typeof some;
        assert.deepEqual(decodeCursor(['list', 'a'], encodeCursor(['list', 'a'], some)), plain);
      }),
    );
  });

  it('goes on with nothing but its own list', () => {
    assert.equal(decodeCursor(['list', 'b'], encodeCursor(['list', 'a'], ['x', 1])), undefined);
    assert.equal(decodeCursor(['other', 'a'], encodeCursor(['list', 'a'], ['x', 1])), undefined);
  });

  it('is refused when anything about it is changed', () => {
    const cursor = encodeCursor('list', ['O-1', 17]);
    fc.assert(
      fc.property(fc.nat(cursor.length), fc.constantFrom('', 'A', '_', '-', '=', '.', ' ', 'ä'), (at, text) => {
        for (const changed of [
          cursor.slice(0, at) + text + cursor.slice(at),
          cursor.slice(0, at) + text + cursor.slice(at + 1),
        ]) {
          if (changed !== cursor) assert.equal(decodeCursor('list', changed), undefined, changed);
        }
      }),
    );
  });

  it('is refused when it is something else', () => {
    const others = ['', 'null', '{}', '[]', '"text"', '[null]', '[["nested"]]'];
    for (const other of others) {
      assert.equal(decodeCursor('list', other), undefined);
      assert.equal(decodeCursor('list', Buffer.from(other).toString('base64url')), undefined);
    }
  });
});

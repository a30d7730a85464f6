import assert from 'node:assert/strict';
import fc from 'fast-check';
import { compareOrderIds } from '../../../src/order-index/port.ts';

/** UTF-8 keeps the order of code points, which is said here without any encoding. */
function compareCodePoints(a: string, b: string): number {
  const [these, those] = [[...a], [...b]].map((text) => text.map((character) => character.codePointAt(0) ?? 0));
  for (const [position, point] of these!.entries()) {
    const other = those![position];
    if (other === undefined) return 1;
    if (point !== other) return Math.sign(point - other);
  }
  return these!.length === those!.length ? 0 : -1;
}

/** Near each other, with every length in UTF-8, the surrogates' two sides and NUL. */
const characters = fc.oneof(
  fc.constantFrom(
    '\0',
    'a',
    'b',
    '\x7f',
    '\x80',
    '\u07ff',
    '\u0800',
    '\ud7ff',
    '\ue000',
    '\uffff',
    '\u{10000}',
    '\u{10ffff}',
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
);
const orderIds = fc.array(characters, { maxLength: 6 }).map((list) => list.join(''));

describe('the order of order ids', () => {
  describe('when two are compared', () => {
    it('is that of their code points', () => {
      fc.assert(
        fc.property(orderIds, orderIds, (a, b) => {
          assert.equal(compareOrderIds(a, b), compareCodePoints(a, b));
        }),
      );
    });

    it("is not JavaScript's beyond U+FFFF", () => {
      assert.ok('\u{1f3ee}' < '\uff5e');
      assert.equal(compareOrderIds('\u{1f3ee}', '\uff5e'), 1);
      assert.equal(compareOrderIds('\uff5e', '\u{1f3ee}'), -1);
    });

    it('knows neither case nor accents nor numbers', () => {
      const sorted = ['', 'O', 'O-1', 'O-10', 'O-2', 'o', 'o\u0308', 'ö'];
      assert.deepEqual(sorted.toReversed().sort(compareOrderIds), sorted);
    });

    it('is zero for the same text alone', () => {
      assert.equal(compareOrderIds('ö', 'ö'), 0);
      assert.notEqual(compareOrderIds('ö', 'o\u0308'), 0);
    });
  });
});

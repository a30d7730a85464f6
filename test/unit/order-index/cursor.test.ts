import assert from 'node:assert/strict';
import fc from 'fast-check';
import { decodeSearchCursor, encodeSearchCursor } from '../../../src/order-index/cursor.ts';
import type { SortKey } from '../../../src/order-index/cursor.ts';
import { InvalidCursorError } from '../../../src/order-index/port.ts';
import type { SearchQuery, SearchSort } from '../../../src/order-index/port.ts';

const sortAndKey: fc.Arbitrary<readonly [SearchSort, SortKey]> = fc
  .tuple(
    fc.constantFrom<SearchSort>('relevance', '-placedAt', 'placedAt', '-totalCents', 'totalCents'),
    fc.float({ noNaN: true, noDefaultInfinity: true }),
    fc.maxSafeInteger(),
    fc.string({ unit: 'grapheme' }),
  )
  .map(([sort, score, number, orderId]) => [
    sort,
    sort === 'relevance' ? [score + 0, number, orderId] : [number, orderId],
  ]);

function by(sort: SearchSort, filters: Partial<SearchQuery> = {}): SearchQuery {
  return { sort, size: 20, ...filters };
}

describe('a cursor', () => {
  it('leads back to the place that it was made of', () => {
    fc.assert(
      fc.property(sortAndKey, ([sort, key]) =>
        assert.deepEqual(decodeSearchCursor(by(sort), encodeSearchCursor(by(sort), key)), key),
      ),
    );
  });

  it('is fit for a URL', () => {
    fc.assert(fc.property(sortAndKey, ([sort, key]) => assert.match(encodeSearchCursor(by(sort), key), /^[\w-]+$/)));
  });

  describe('when it was tampered with', () => {
    it('is refused, whatever was changed', () => {
      const changed = fc
        .tuple(sortAndKey, fc.nat(), fc.constantFrom('A', 'z', '_', '', '!', '=', ' '))
        .map(([[sort, key], at, put]) => {
          const cursor = encodeSearchCursor(by(sort), key);
          const place = at % cursor.length;
          return { sort, cursor, other: cursor.slice(0, place) + put + cursor.slice(place + 1) };
        });
      const property = fc.property(changed, ({ sort, cursor, other }) => {
        fc.pre(cursor !== other);
        assert.throws(() => decodeSearchCursor(by(sort), other), InvalidCursorError);
      });
      fc.assert(property);
    });

    it('is refused, whatever was made up', () => {
      const anything = fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.json().map((json) => Buffer.from(json).toString('base64url')),
        fc.array(fc.jsonValue()).map((values) => Buffer.from(JSON.stringify(values)).toString('base64url')),
      );
      fc.assert(
        fc.property(anything, (cursor) =>
          assert.throws(() => decodeSearchCursor(by('placedAt'), cursor), InvalidCursorError),
        ),
      );
    });

    it('is refused, though the checksum is right, where it says what no order has', () => {
      const forged: readonly (readonly [SearchSort, SortKey])[] = [
        ['-placedAt', [1e20, 'o-1']],
        ['placedAt', [-9.3e18, 'o-1']],
        ['placedAt', [1.5, 'o-1']],
        ['totalCents', [1e300, 'o-1']],
        ['relevance', [3, 1e20, 'o-1']],
        ['relevance', [1e300, 5, 'o-1']],
        ['placedAt', [5, 'o'.repeat(513)]],
      ];
      for (const [sort, key] of forged) {
        const cursor = encodeSearchCursor(by(sort), key);
        assert.throws(() => decodeSearchCursor(by(sort), cursor), InvalidCursorError, `${sort} ${key.join(' ')}`);
      }
    });
  });

  describe('when it comes from a search for something else', () => {
    it('is refused, but not on account of the page size or the caller', () => {
      const cursor = encodeSearchCursor(by('placedAt', { q: 'lantern' }), [5, 'o-1']);
      for (const other of [{}, { q: 'candle' }, { q: 'lantern', status: ['paid' as const] }]) {
        assert.throws(() => decodeSearchCursor(by('placedAt', other), cursor), InvalidCursorError);
      }
      const same: Partial<SearchQuery> = {
        q: 'lantern',
        size: 7,
        status: [],
        restrictTo: { field: 'sellerId', value: 's' },
      };
      assert.deepEqual(decodeSearchCursor(by('placedAt', same), cursor), [5, 'o-1']);
    });
  });

  describe('when it comes from another sort', () => {
    it('is refused', () => {
      const cursor = encodeSearchCursor(by('placedAt'), [5, 'o-1']);
      for (const sort of ['relevance', '-placedAt', 'totalCents'] as const) {
        assert.throws(() => decodeSearchCursor(by(sort), cursor), InvalidCursorError);
      }
    });
  });
});

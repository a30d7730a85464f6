import assert from 'node:assert/strict';
import { nextPageSize } from '../../../src/order-index/page-size.ts';

const MIB = 1024 * 1024;

describe('the size of the next page of whole orders', () => {
  it('holds about four mebibytes, by the orders of the last page', () => {
    assert.equal(nextPageSize(100, 100, 8 * MIB), 50);
    assert.equal(nextPageSize(500, 500, 500 * MIB), 4);
  });

  it('is at least one order, however large they are', () => {
    assert.equal(nextPageSize(2, 2, 20 * MIB), 1);
  });

  it('grows by twice at most, and to a thousand', () => {
    assert.deepEqual([nextPageSize(100, 100, 1_000), nextPageSize(900, 900, 1_000)], [200, 1_000]);
    assert.equal(nextPageSize(100, 100, 0), 200);
  });
});

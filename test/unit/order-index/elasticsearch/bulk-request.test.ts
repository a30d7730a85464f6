import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  bodyOf,
  create,
  indexExternal,
  remove,
  replace,
  splitByBytes,
} from '../../../../src/order-index/elasticsearch/bulk-request.ts';
import { placeId } from '../../../../src/order-index/elasticsearch/parking.ts';

const linesOf = ({ ndjson }: { readonly ndjson: string }): unknown[] => {
  assert.ok(ndjson.endsWith('\n'));
  return ndjson
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
};

describe('a bulk operation', () => {
  it('writes under an external version, through an alias only', () => {
    assert.deepEqual(linesOf(indexExternal('orders-000001-w7', 'O\n1', 5, { a: 'x\ny' })), [
      { index: { _index: 'orders-000001-w7', _id: 'O\n1', version: 5, version_type: 'external', require_alias: true } },
      { a: 'x\ny' },
    ]);
  });

  it('creates, replaces and removes', () => {
    assert.deepEqual(linesOf(create('a', '1', { b: 1 })), [
      { create: { _index: 'a', _id: '1', require_alias: true } },
      { b: 1 },
    ]);
    assert.deepEqual(linesOf(replace('a', '1', {}, { seqNo: 3, primaryTerm: 2 }))[0], {
      index: { _index: 'a', _id: '1', require_alias: true, if_seq_no: 3, if_primary_term: 2 },
    });
    assert.deepEqual(linesOf(replace('a', '1', {}))[0], { index: { _index: 'a', _id: '1', require_alias: true } });
    assert.deepEqual(linesOf(remove('a', '1')), [{ delete: { _index: 'a', _id: '1' } }]);
  });

  it('is sent as the bytes of its lines, one operation after another', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), (texts) => {
        const operations = texts.map((text, place) => create('a', String(place), { text }));
        assert.equal(bodyOf(operations).toString(), operations.map(({ ndjson }) => ndjson).join(''));
      }),
    );
  });

  it('knows its bytes', () => {
    assert.equal(remove('a', 'ü').bytes, Buffer.byteLength('{"delete":{"_index":"a","_id":"ü"}}\n'));
  });
});

describe('operations split by bytes', () => {
  it('keep their order, and stay under the limit unless they are alone', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 60 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 100 }), (bytes, limit) => {
        const operations = bytes.map((size, n) => ({ ndjson: String(n), bytes: size }));
        const requests = splitByBytes(operations, limit);
        assert.deepEqual(requests.flat(), operations);
        const total = (request: typeof operations) => request.reduce((sum, operation) => sum + operation.bytes, 0);
        for (const request of requests) assert.ok(request.length === 1 || total(request) <= limit);
        for (const [n, request] of requests.entries()) {
          const next = requests[n + 1]?.[0];
          if (next) assert.ok(total([...request, next]) > limit);
        }
      }),
    );
  });
});

describe("a parked event's id", () => {
  it('is one of its own for each place, and never over 512 bytes', () => {
    const places = fc.record({
      orderId: fc.string({ unit: 'binary', minLength: 1 }),
      sequence: fc.integer({ min: 1, max: 2 ** 53 - 1 }),
    });
    fc.assert(
      fc.property(places, places, (one, other) => {
        const isSame = one.orderId === other.orderId && one.sequence === other.sequence;
        assert.equal(placeId(one) === placeId(other), isSame);
        assert.ok(Buffer.byteLength(placeId(one)) <= 512);
      }),
    );
    assert.ok(placeId({ orderId: 'x'.repeat(512), sequence: 2 ** 53 - 1 }).length <= 512);
    assert.notEqual(placeId({ orderId: 'a:1', sequence: 1 }), placeId({ orderId: 'a', sequence: 11 }));
  });
});

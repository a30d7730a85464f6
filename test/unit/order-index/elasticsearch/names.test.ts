import assert from 'node:assert/strict';
import fc from 'fast-check';
import { indexNames } from '../../../../src/order-index/elasticsearch/names.ts';

const prefixes = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
const numbers = fc.integer({ min: 1, max: 10_000_000 });

describe('index names', () => {
  describe('when they are made from the prefix', () => {
    it('are those of the contract', () => {
      const names = indexNames('orders');
      assert.equal(names.alias, 'orders');
      assert.equal(names.generation(1), 'orders-000001');
      assert.equal(names.writeAlias('orders-000001', 7), 'orders-000001-w7');
      assert.equal(names.marker(7), 'orders-epoch-7');
      const { parked, deadLetters, control } = names;
      assert.deepEqual([parked, deadLetters, control], ['orders-parked', 'orders-dead-letters', 'orders-control']);
    });
  });

  describe('when they are parsed', () => {
    it('gives back what they were made from', () => {
      fc.assert(
        fc.property(prefixes, numbers, numbers, (prefix, number, epoch) => {
          const names = indexNames(prefix);
          const generation = names.generation(number);
          assert.equal(names.generationNumber(generation), number);
          assert.deepEqual(names.parseWriteAlias(names.writeAlias(generation, epoch)), { generation, epoch });
          assert.equal(names.parseMarker(names.marker(epoch)), epoch);
        }),
      );
    });

    it('takes each name for one thing only, and none of them for a technical index', () => {
      fc.assert(
        fc.property(prefixes, numbers, numbers, (prefix, number, epoch) => {
          const names = indexNames(prefix);
          const generation = names.generation(number);
          const all = [names.alias, names.parked, names.deadLetters, names.control, generation];
          all.push(names.writeAlias(generation, epoch), names.marker(epoch));
          for (const name of all) {
            const readings = [names.generationNumber(name), names.parseWriteAlias(name), names.parseMarker(name)];
            const isTechnical = all.indexOf(name) < 4;
            assert.equal(readings.filter((reading) => reading !== undefined).length, isTechnical ? 0 : 1, name);
          }
        }),
      );
    });

    it("takes no name of another prefix's", () => {
      fc.assert(
        fc.property(prefixes, prefixes, numbers, numbers, (one, other, number, epoch) => {
          fc.pre(one !== other);
          const [mine, theirs] = [indexNames(one), indexNames(other)];
          const generation = theirs.generation(number);
          assert.equal(mine.generationNumber(generation), undefined);
          assert.equal(mine.parseWriteAlias(theirs.writeAlias(generation, epoch)), undefined);
          assert.equal(mine.parseMarker(theirs.marker(epoch)), undefined);
        }),
      );
    });

    it('takes nothing that it would not have made', () => {
      const names = indexNames('orders');
      for (const name of ['orders-1', 'orders-000000', 'orders-0000001', 'orders-000001x', 'orders-+00001', 'orders']) {
        assert.equal(names.generationNumber(name), undefined, name);
      }
      for (const name of [
        'orders-000001-w0',
        'orders-000001-w01',
        'orders-000001-w',
        'orders-000001-wx',
        'orders-w7',
      ]) {
        assert.equal(names.parseWriteAlias(name), undefined, name);
      }
      for (const name of [
        'orders-epoch-0',
        'orders-epoch-07',
        'orders-epoch-',
        'orders-epoch--1',
        'orders-epoch-1e3',
      ]) {
        assert.equal(names.parseMarker(name), undefined, name);
      }
    });
  });
});

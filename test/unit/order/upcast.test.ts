import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { upcastPlaced } from '../../../src/order/upcast.ts';
import { PLACED_V1 } from './sample-events.ts';

const centsOf = (price: string) =>
  upcastPlaced({ ...PLACED_V1, lines: [{ sku: 's', name: 'n', qty: 1, price }] }).items[0]?.unitPriceCents;

describe('upcastPlaced', () => {
  it('gives the version 2 shape: no e-mail, no tags, the total summed', () => {
    assert.deepEqual(upcastPlaced(PLACED_V1), {
      customer: { id: 'c-7', name: 'Zoë Ångström' },
      sellerId: 's-9',
      currency: 'EUR',
      items: [
        { sku: 'sku-1', name: 'Paper lantern', quantity: 2, unitPriceCents: 1250 },
        { sku: 'sku-2', name: 'Candle', quantity: 3, unitPriceCents: 7 },
      ],
      totalCents: 2521,
      tags: [],
    });
  });

  it('reads prices with two decimals, one, or none', () => {
    const read = { '12.50': 1250, '12.5': 1250, '12': 1200, '0': 0, '0.0': 0, '0.01': 1, '0.1': 10, '007.20': 720 };
    for (const [price, cents] of Object.entries(read)) assert.equal(centsOf(price), cents, price);
  });

  it('is exact where binary fractions are not', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (cents) => {
        const price = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
        assert.equal(centsOf(price), cents);
      }),
      { numRuns: 500 },
    );
  });
});

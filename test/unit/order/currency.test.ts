import assert from 'node:assert/strict';
import { decimalsOf, hasTwoDecimals, isCurrency } from '../../../src/order/currency.ts';

describe('isCurrency', () => {
  it('knows the codes that ICU prints prices in today, and some that old logs carry', () => {
    for (const code of ['EUR', 'USD', 'GBP', 'JPY', 'CNY', 'INR', 'BRL', 'KWD', 'CHF', 'HRK', 'XAU'])
      assert(isCurrency(code), code);
  });

  it('knows no other texts, not even those that look like codes', () => {
    for (const code of [
      '',
      'eur',
      'EUR ',
      'EU',
      'EURO',
      'ZZZ',
      'AAA',
      '978',
      '€',
      'constructor',
      'DEM',
      'XXX',
      'XTS',
    ]) {
      assert(!isCurrency(code), code);
    }
  });
});

describe('hasTwoDecimals', () => {
  it('says what ISO 4217 says', () => {
    for (const code of ['EUR', 'USD', 'GBP', 'INR', 'HUF', 'IDR', 'TWD', 'MGA', 'MRU'])
      assert(hasTwoDecimals(code), code);
    for (const code of ['JPY', 'KRW', 'VND', 'ISK', 'CLP', 'XAF', 'BHD', 'KWD', 'TND', 'CLF', 'UYW', 'XAU']) {
      assert(!hasTwoDecimals(code), code);
    }
  });
});

describe('decimalsOf', () => {
  it('tells those of ISO 4217, not those in use', () => {
    const decimals = ['EUR', 'HUF', 'IDR', 'JPY', 'IQD', 'CLF', 'XAU'].map(decimalsOf);
    assert.deepEqual(decimals, [2, 2, 2, 0, 3, 4, 0]);
  });
});

import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { rememberStrings } from '../../../src/order/remember-strings.ts';
import { searchStrings } from '../../../src/order/search-text.ts';

describe('rememberStrings', () => {
  it('says the same as searchStrings, however often a text comes', () => {
    const stringsOf = rememberStrings();
    const texts = fc.array(fc.string({ unit: 'grapheme', maxLength: 3 }), { maxLength: 20 });
    fc.assert(
      fc.property(texts, (some) => {
        for (const text of [...some, ...some]) assert.deepEqual(stringsOf(text), searchStrings(text));
      }),
    );
  });

  it('makes them once of a text that is in use', () => {
    const stringsOf = rememberStrings();
    const first = stringsOf('Café Crème');
    stringsOf('x'.repeat(100_000));
    assert.equal(stringsOf('Café Crème'), first);
  });

  it('forgets what has long been out of use, and keeps no text that is as long as all', () => {
    const stringsOf = rememberStrings();
    const first = stringsOf('Café Crème');
    const long = stringsOf('y'.repeat(600_000));
    assert.notEqual(stringsOf('y'.repeat(600_000)), long);
    for (let text = 0; text < 10; text++) stringsOf(`${text}`.repeat(60_000));
    assert.notEqual(stringsOf('Café Crème'), first);
    assert.deepEqual(stringsOf('Café Crème'), first);
  });
});

import assert from 'node:assert/strict';
import { MAX_Q_CHARACTERS } from '../../../src/order/search-text.ts';
import { completionsOf, correctedQuery, namesNearby } from '../../../src/order/suggest.ts';
import type { SuggestibleOrder } from '../../../src/order/suggest.ts';

/** `lantern` first, then as many letters as make it so long. */
const nameOf = (characters: number) => `lantern ${'x'.repeat(characters - 'lantern '.length)}`;
const LONGEST = nameOf(MAX_Q_CHARACTERS);
const TOO_LONG = nameOf(MAX_Q_CHARACTERS + 1);

describe('what a search box may become', () => {
  describe('when a text is longer than one that may be searched for', () => {
    it('is not that text, but the next one', () => {
      const others = ['lantern 1', 'lantern 2', 'lantern 3', 'lantern 4'];
      const rows = [[TOO_LONG], [TOO_LONG, LONGEST], ...others.map((text) => [text])];
      const texts = completionsOf('item', rows, () => true).map(({ text }) => text);
      assert.deepEqual(texts, [LONGEST, ...others]);
    });

    it('is not that name, where it is only near', () => {
      const orders: SuggestibleOrder[] = [
        { orderId: 'A-1', itemNames: [TOO_LONG, LONGEST], customerName: TOO_LONG },
        { orderId: 'A-2', itemNames: [TOO_LONG], customerName: LONGEST },
      ];
      assert.deepEqual(namesNearby('lantren', orders), [
        { text: LONGEST, kind: 'item' },
        { text: LONGEST, kind: 'customer' },
      ]);
    });
  });

  describe('when a word put right makes the query longer than it may be', () => {
    const filled = (characters: number) => `lanter${' '.repeat(characters - 'lanter'.length)}`;
    const orders: SuggestibleOrder[] = [{ orderId: 'A-1', itemNames: ['Paper lantern'] }];

    it('is not that query', () => {
      assert.equal(correctedQuery(filled(MAX_Q_CHARACTERS), orders), null);
    });

    it('says once what one character stands for several words of', () => {
      const fitting: SuggestibleOrder[] = [{ orderId: 'A-1', itemNames: ['½ inch hose'] }];
      assert.equal(correctedQuery('½ inch hoes', fitting), '½ inch hose');
      assert.equal(correctedQuery('hoes ﷺ', fitting), 'hose ﷺ');
    });

    it('is the longest that may be searched for', () => {
      const corrected = correctedQuery(filled(MAX_Q_CHARACTERS - 1), orders);
      assert.equal(corrected?.trim(), 'lantern');
      assert.equal(corrected?.length, MAX_Q_CHARACTERS);
    });
  });
});

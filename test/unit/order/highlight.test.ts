import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { OrderView } from '../../../src/order/document.ts';
import { createHighlighter } from '../../../src/order/highlight.ts';
import { matchesTerm, parseTextQuery, writingsOf } from '../../../src/order/search-text.ts';

const LANTERN: OrderView = {
  orderId: 'INV-536365',
  status: 'paid',
  customerId: 'C17850',
  customerName: 'José Müller',
  sellerId: 'lantern-shop',
  skus: ['85123A', 'LANTERN-1'],
  itemNames: ['White Metal Lantern', 'Hanging <b>Heart</b> & Holder', '東京タワー'],
  tags: ['gift', 'red-lantern'],
  updatedAt: '2025-01-01T00:00:00.000Z',
  projectedAt: '2025-01-01T00:00:00.000Z',
  version: 3,
};

const highlight = (q: string, order: OrderView) => createHighlighter(parseTextQuery(q))(order);

function unmark(html: string): string {
  return html
    .replaceAll(/<\/?mark>/g, '')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
}

describe('createHighlighter', () => {
  describe('when a word is found in several fields', () => {
    it('marks it on the original text of each, and of no other', () => {
      assert.deepEqual(highlight('lantern ', LANTERN), {
        itemNames: ['White Metal <mark>Lantern</mark>'],
        skus: ['<mark>LANTERN</mark>-1'],
        tags: ['red-<mark>lantern</mark>'],
      });
    });
  });

  describe('when several orders of a page have a text in common', () => {
    it('marks it in each, beside what they have not in common', () => {
      const marked = createHighlighter(parseTextQuery('lantern mugg'));
      const other: OrderView = { ...LANTERN, skus: [], itemNames: ['White Metal Lantern', 'Mugg'], tags: ['gift'] };
      const names = [LANTERN, other, LANTERN].map((order) => marked(order)['itemNames']);
      const lantern = 'White Metal <mark>Lantern</mark>';
      assert.deepEqual(names, [[lantern], [lantern, '<mark>Mugg</mark>'], [lantern]]);
    });
  });

  describe('when there is nothing to look for', () => {
    it('marks nothing', () => {
      for (const q of ['', ' ', '—', '""']) assert.deepEqual(highlight(q, LANTERN), {});
    });
  });

  describe('when the last word is unfinished', () => {
    it('marks the whole word that it begins', () => {
      assert.deepEqual(highlight('lant', LANTERN)['itemNames'], ['White Metal <mark>Lantern</mark>']);
    });
  });

  describe('when a word is mistyped', () => {
    it('marks what it was taken for', () => {
      assert.deepEqual(highlight('lantren ', LANTERN)['itemNames'], ['White Metal <mark>Lantern</mark>']);
    });
  });

  describe('when the text has diacritics', () => {
    for (const q of ['jose', 'JOSÉ', 'müller', 'mueller', 'muller']) {
      it(`marks the original for ${q}`, () => {
        assert.match(highlight(`${q} `, LANTERN)['customerName']?.[0] ?? '', /<mark>(José|Müller)<\/mark>/);
      });
    }
  });

  describe('when a phrase is quoted', () => {
    it('marks its words only where they follow one another', () => {
      const order = { ...LANTERN, itemNames: ['Metal White Lantern', 'White metal lantern'] };
      assert.deepEqual(highlight('"white metal"', order)['itemNames'], [
        '<mark>White</mark> <mark>metal</mark> lantern',
      ]);
    });

    it('marks them in either way of writing their umlauts', () => {
      const order = { ...LANTERN, customerName: 'Jürgen Müller', itemNames: ['Juergen Mueller: Briefe'] };
      for (const q of ['"Jürgen Müller"', '"juergen mueller"']) {
        const marked = highlight(q, order);
        assert.deepEqual(marked['customerName'], ['<mark>Jürgen</mark> <mark>Müller</mark>'], q);
        assert.deepEqual(marked['itemNames'], ['<mark>Juergen</mark> <mark>Mueller</mark>: Briefe'], q);
      }
    });
  });

  describe('when an apostrophe is within a word', () => {
    const order = { ...LANTERN, customerName: "Mary O'Brien", itemNames: ['Poppy’s playhouse'] };

    it('marks what it parts, or both with it, as it was typed', () => {
      assert.deepEqual(highlight('obrien ', order)['customerName'], ['Mary <mark>O&#39;Brien</mark>']);
      assert.deepEqual(highlight("o'brien ", order)['customerName'], ['Mary <mark>O</mark>&#39;<mark>Brien</mark>']);
      assert.deepEqual(highlight('brien ', order)['customerName'], ['Mary O&#39;<mark>Brien</mark>']);
      assert.deepEqual(highlight('o obrien brien ', order)['customerName'], ['Mary <mark>O&#39;Brien</mark>']);
    });

    it('marks a phrase that is typed without it', () => {
      const marked = highlight('"poppys playhouse"', order)['itemNames'];
      assert.deepEqual(marked, ['<mark>Poppy’s</mark> <mark>playhouse</mark>']);
    });
  });

  describe('when one character is several words', () => {
    it('marks it once', () => {
      const order = { ...LANTERN, itemNames: ['Lamp ½ price'] };
      assert.deepEqual(highlight('1 2 ', order)['itemNames'], ['Lamp <mark>½</mark> price']);
    });
  });

  describe('when the text looks like HTML', () => {
    it('escapes it around and within the marks', () => {
      assert.deepEqual(highlight('heart ', LANTERN)['itemNames'], [
        'Hanging &lt;b&gt;<mark>Heart</mark>&lt;/b&gt; &amp; Holder',
      ]);
    });
  });

  describe('when the script has no spaces', () => {
    it('marks the characters that match', () => {
      assert.deepEqual(highlight('京', LANTERN)['itemNames'], ['東<mark>京</mark>タワー']);
    });
  });

  describe('when nothing matches or nothing is asked', () => {
    it('gives no entry', () => {
      assert.deepEqual(highlight('zebra', LANTERN), {});
      assert.deepEqual(highlight('', LANTERN), {});
      assert.deepEqual(highlight('<mark>', { ...LANTERN, tags: [] }), {});
    });
  });

  const words = fc.constantFrom(
    'lantern',
    'Müller',
    'straße',
    'ﬁne',
    '<b>',
    '&amp;',
    '</mark>',
    '"',
    "'",
    '東京',
    'é',
    '👩‍👩',
    'İ',
    '‍',
    ' ',
  );
  const texts = fc.oneof(
    fc.array(words).map((parts) => parts.join('')),
    fc.string({ unit: 'binary' }),
  );

  it('changes nothing but marks and escapes, whatever the text and the query', () => {
    fc.assert(
      fc.property(fc.array(texts), texts, (itemNames, q) => {
        const marked = highlight(q, { ...LANTERN, itemNames })['itemNames'] ?? [];
        const originals = [...itemNames];
        for (const html of marked) {
          const at = originals.indexOf(unmark(html));
          assert.ok(at >= 0, `${html} is one of the names, in their order`);
          originals.splice(0, at + 1);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('lets no HTML through but its own marks, whatever the text and the query', () => {
    fc.assert(
      fc.property(texts, texts, (customerName, q) => {
        for (const html of highlight(q, { ...LANTERN, customerName })['customerName'] ?? []) {
          assert.match(html, /<mark>/);
          assert.doesNotMatch(html.replaceAll(/<mark>[^<>]+<\/mark>/g, ''), /[<>"']|&(?!(?:amp|lt|gt|quot|#39);)/);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('marks a text exactly where one of its words matches, whichever letters of Latin scripts and signs it is made of', () => {
    const letter = fc.integer({ min: 0x20, max: 0x24f }).map((code) => String.fromCharCode(code));
    const latin = fc.oneof(
      fc.constantFrom('a', 'e', 'o', 's', 'A', 'O', 'S', '0', ' ', '-', "'"),
      letter,
      fc.constantFrom('ﬁ', '½', '\u0301', 'ŀa', '東'),
    );
    const latinTexts = fc.array(latin, { minLength: 1, maxLength: 12 }).map((letters) => letters.join(''));
    fc.assert(
      fc.property(
        latinTexts,
        // Neither kind of phrase: what is marked is told word by word below.
        latinTexts.filter((q) => !/"|東\p{M}*東/u.test(q)),
        (customerName, q) => {
          const { terms } = parseTextQuery(q);
          const found = writingsOf(customerName)
            .flat()
            .some(({ folded, transcribed }) =>
              [folded, transcribed ?? folded].some((word) => terms.some((term) => matchesTerm(term, word))),
            );
          assert.equal('customerName' in highlight(q, { ...LANTERN, customerName }), found);
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('marks letters of scripts without spaces where they stand together as they were typed', () => {
    assert.deepEqual(highlight('東京', { ...LANTERN, itemNames: ['東京タワー', '京東'] })['itemNames'], [
      '<mark>東</mark><mark>京</mark>タワー',
    ]);
    assert.deepEqual(highlight('กก', { ...LANTERN, itemNames: ['กกิน'] })['itemNames'], [
      '<mark>ก</mark><mark>กิ</mark>น',
    ]);
  });

  it('finds something to mark in every text that is searched for itself', () => {
    const searchable = fc.stringMatching(/^[a-zäöüß]{3,12}( [a-zäöüß]{3,12}){0,3}$/);
    fc.assert(
      fc.property(searchable, (name) => assert.ok(highlight(name, { ...LANTERN, customerName: name })['customerName'])),
    );
  });
});

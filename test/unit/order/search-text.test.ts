import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import {
  foldText,
  matchesTerm,
  parseTextQuery,
  joinTexts,
  searchStrings,
  transcribe,
  withinEdits,
  wordsOf,
  writingsOf,
  type QueryTerm,
} from '../../../src/order/search-text.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 30 });
const foldedWords = (value: string) => wordsOf(value).map(({ folded }) => folded);

describe('foldText', () => {
  const folds: Record<string, string> = {
    José: 'jose',
    'STRAẞE Straße': 'strasse strasse',
    Łódź: 'lodz',
    'Søren Æbelø': 'soren aebelo',
    'İstanbul ISI ısı': 'istanbul isi isi',
    'Đặng Þór': 'dang thor',
    'ﬁne ＡＢＣ①': 'fine abc1',
    ΆΛΦΑ: 'αλφα',
    Ёлка: 'елка',
    한국어: '한국어',
    ｶﾞ: 'ガ',
    ΠΑΠΑΣ: 'παπασ',
    कोमल: 'कोमल',
    क़लम: 'कलम',
    'كِتَاب שָׁלוֹם': 'كتاب שלום',
    'Lan\u00adtern Tea\u200bpot': 'lantern teapot',
    Œuvre: 'oeuvre',
  };
  for (const [from, to] of Object.entries(folds)) {
    it(`folds ${from} to ${to}`, () => assert.equal(foldText(from), to));
  }

  it('folds composed and decomposed texts alike, and a folded text to itself', () => {
    fc.assert(
      fc.property(text, (value) => {
        const folded = foldText(value);
        assert.equal(foldText(value.normalize('NFD')), folded);
        assert.equal(foldText(value.normalize('NFC')), folded);
        assert.equal(foldText(folded), folded);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('transcribe', () => {
  it('writes out the German and Nordic letters', () => {
    assert.equal(transcribe('Müller'), 'mueller');
    assert.equal(transcribe('Mu\u0308ller'), 'mueller');
    assert.equal(transcribe('Åsa'), 'aasa');
    assert.equal(transcribe('SØBY'), 'soeby');
  });

  it('has nothing to say of other words', () => {
    for (const word of ['Miller', 'José', 'Straße', '', '日本']) assert.equal(transcribe(word), undefined);
  });
});

describe('wordsOf', () => {
  it('takes letters, marks and digits together, whatever else separates', () => {
    assert.deepEqual(foldedWords("CHICK-GREY hot_water 50'S (T-Light) a.b/c 85123A"), [
      ...['chick', 'grey', 'hot', 'water', '50', 's', 't', 'light', 'a', 'b', 'c', '85123a'],
    ]);
  });

  it('takes every character of an unspaced script for a word', () => {
    assert.deepEqual(foldedWords('日本の灯籠 LED灯'), ['日', '本', 'の', '灯', '籠', 'led', '灯']);
  });

  it('finds no words in marks, emoji or nothing', () => {
    for (const value of ['', ' ', '—', '🏮🏮', '\u0301', '"…"']) assert.deepEqual(wordsOf(value), []);
  });

  it('says where each word stands, so that the original can be marked', () => {
    fc.assert(
      fc.property(text, (value) => {
        let end = 0;
        for (const word of wordsOf(value)) {
          assert(word.start >= end && word.end > word.start && word.end <= value.length);
          assert(foldText(value.slice(word.start, word.end)).includes(word.folded));
          end = word.start;
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('finds the same words in ASCII texts, which have a way of their own, as in others', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii', maxLength: 30 }), (value) => {
        assert.deepEqual(wordsOf(value), wordsOf(`${value} \u00e9`).slice(0, -1));
      }),
      { numRuns: 1_000 },
    );
  });

  it('makes no word with white space in it, of any character there is', () => {
    const broken: string[] = [];
    for (let code = 0; code <= 0x10ffff; code++) {
      if (code >= 0xd800 && code <= 0xdfff) continue;
      const character = String.fromCodePoint(code);
      if (wordsOf(character).some(({ folded }) => /\s/u.test(folded))) broken.push(`U+${code.toString(16)}`);
    }
    assert.deepEqual(broken, []);
  });
});

describe('words that are longer than the index takes', () => {
  it('are cut, in a text as in a query, and never within a character', () => {
    const long = `${'x'.repeat(255)}y`;
    assert.deepEqual(foldedWords(long), ['x'.repeat(255)]);
    assert.deepEqual(foldedWords(`é${long}`), [`e${'x'.repeat(254)}`]);
    assert.deepEqual(searchStrings(long), ['x'.repeat(255)]);
    assert.deepEqual(searchStrings(`ü${long}`), [`u${'x'.repeat(254)}`, `ue${'x'.repeat(253)}`]);
    assert.deepEqual(parseTextQuery(long).terms[0]?.forms, ['x'.repeat(255)]);
    assert.deepEqual(foldedWords(`x${'𐌰'.repeat(200)}`), [`x${'𐌰'.repeat(127)}`]);
    assert.deepEqual(foldedWords('𐌰'.repeat(200)), ['𐌰'.repeat(127)]);
  });
});

function searchStringOf(texts: readonly string[]): string {
  return joinTexts(texts.flatMap(searchStrings));
}

describe('writingsOf', () => {
  const spans = (value: string) =>
    writingsOf(value).map((words) => words.map(({ folded, start, end }) => [folded, value.slice(start, end)]));

  it('is the words alone where neither an apostrophe nor a hyphen is within one', () => {
    for (const value of ['', 'white mug', "'quoted'", "dogs' bowl", 'don "t', 'mug - white', 'SO-100', '2-ply'])
      assert.deepEqual(writingsOf(value), [wordsOf(value)]);
  });

  it('has what apostrophes part as one, and where it stands', () => {
    assert.deepEqual(spans("Joe O'Brien’s mug"), [
      [['joe', 'Joe'], ['o', 'O'], ['brien', 'Brien'], ['s', 's'], ['mug', 'mug']],
      [['joe', 'Joe'], ['obriens', 'O\'Brien’s'], ['mug', 'mug']],
    ]); // prettier-ignore
  });

  it('takes whatever is written for an apostrophe as one', () => {
    for (const name of ['O‘Brien', 'O\u02bcBrien', 'O\u02bbBrien', 'O＇Brien'])
      assert.deepEqual(spans(name), [[['o', 'O'], ['brien', 'Brien']], [['obrien', name]]]); // prettier-ignore
  });

  it('has what hyphens between letters part as one', () => {
    assert.deepEqual(spans('T-shirt, wi‑fi')[1], [
      ['tshirt', 'T-shirt'],
      ['wifi', 'wi‑fi'],
    ]);
  });

  it('has each word where it stands, whatever the text', () => {
    const parts = fc.constantFrom("'", '’', '\u02bc', 'o', 'Brien', 'é', '½', '東', ' ', '-', "'s", '\u0301', '\u00ad');
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 10 }), (letters) => {
        const value = letters.join('');
        for (const words of writingsOf(value)) {
          for (const { folded, start, end } of words) {
            const joined = value.slice(start, end).replaceAll(/['’\u02bc-]/g, '');
            assert.ok(
              wordsOf(joined).some((word) => word.folded === folded),
              `${folded} in ${value}`,
            );
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('searchStrings', () => {
  it('has the folded words of each text, and the same transcribed, apart from each other', () => {
    assert.equal(
      searchStringOf(['Jörg Fuß', 'Öl-Lampe', '—', 'Mug']),
      ['jorg fuss', 'joerg fuss', 'ol lampe', 'oel lampe', 'ollampe', 'oellampe', 'mug'].join(' | | | '),
    );
    assert.equal(searchStringOf([]), '');
  });

  it('has a word that an apostrophe parts as one too, beside the others of its text', () => {
    assert.equal(
      searchStringOf(["POPPY'S PLAYHOUSE", 'Rosa O’Müller', "50'S", "'quoted'", "dogs' bowl", "rock 'n' roll"]),
      [
        ...[
          'poppy s playhouse',
          'poppys playhouse',
          'rosa o muller',
          'rosa o mueller',
          'rosa omuller',
          'rosa omueller',
        ],
        ...['50 s', '50s', 'quoted', 'dogs bowl', 'rock n roll'],
      ].join(' | | | '),
    );
  });

  it('gives the words back when it is split at white space', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), (texts) => {
        const expected = texts
          .flatMap(writingsOf)
          .flatMap((words) => [
            ...words.map(({ folded }) => folded),
            ...words.map(({ transcribed }) => transcribed).filter((word) => word !== undefined),
          ]);
        const given = searchStringOf(texts)
          .split(/\s+/u)
          .filter((word) => word !== '' && word !== '|');
        assert.deepEqual(new Set(given), new Set(expected));
      }),
      { numRuns: 500 },
    );
  });

  it('holds a match for every word of the text itself', () => {
    fc.assert(
      fc.property(text, (value) => {
        const indexed = searchStringOf([value]).split(' ');
        const { terms } = parseTextQuery(value.replaceAll('"', ' '));
        for (const term of terms)
          assert(
            indexed.some((word) => matchesTerm(term, word)),
            JSON.stringify(term),
          );
      }),
      { numRuns: 500 },
    );
  });
});

describe('parseTextQuery', () => {
  it('takes each word for a term, the last one, while unfinished, for a prefix', () => {
    assert.deepEqual(parseTextQuery('white lant').terms, [
      { forms: ['white'], edits: 1, prefix: false },
      { forms: ['lant'], edits: 1, prefix: true },
    ]);
    assert.equal(parseTextQuery('white lant ').terms[1]?.prefix, false);
    assert.equal(parseTextQuery('white lant-').terms[1]?.prefix, false);
  });

  it('takes both ways of writing an umlaut', () => {
    assert.deepEqual(parseTextQuery('Müller ').terms, [{ forms: ['muller', 'mueller'], edits: 2, prefix: false }]);
  });

  it('guesses by length, and never at a number', () => {
    const edits = (word: string) => parseTextQuery(word).terms[0]?.edits;
    assert.deepEqual(['ab', 'abc', 'abcde', 'abcdef', '85123A', '537224'].map(edits), [0, 1, 1, 2, 0, 0]);
  });

  it('takes quoted words for a phrase, a single one for an exact word', () => {
    const query = parseTextQuery('"Metal Lantern" "white" x');
    assert.deepEqual(query.phrases, [{ forms: [['metal', 'lantern']], prefix: false }]);
    assert.deepEqual(query.terms, [
      { forms: ['white'], edits: 0, prefix: false },
      { forms: ['x'], edits: 0, prefix: true },
    ]);
  });

  it('takes a phrase in both ways of writing its umlauts', () => {
    assert.deepEqual(parseTextQuery('"Jörg Müller Fuß"').phrases, [
      {
        forms: [
          ['jorg', 'muller', 'fuss'],
          ['joerg', 'mueller', 'fuss'],
        ],
        prefix: false,
      },
    ]);
  });

  it('takes what stands together in a script without spaces for a phrase', () => {
    const { terms, phrases } = parseTextQuery('LED灯 日本の灯 京');
    assert.deepEqual(phrases, [{ forms: [['日', '本', 'の', '灯']], prefix: false }]);
    assert.deepEqual(
      terms.map(({ forms, prefix }) => [forms[0], prefix]),
      [['led', false], ['灯', false], ['京', true]],
    ); // prettier-ignore
    assert.deepEqual(parseTextQuery('กิน').phrases, [{ forms: [['กิ', 'น']], prefix: true }]);
  });

  it('takes an unpaired quote for nothing', () => {
    const { terms, phrases } = parseTextQuery('white "metal lantern');
    assert.deepEqual([terms.map(({ forms }) => forms[0]), phrases], [['white', 'metal', 'lantern'], []]);
  });

  it('keeps the whole text for ids', () => {
    assert.equal(parseTextQuery('  Order-5/Ä ').exact, 'order-5/a');
    assert.equal(parseTextQuery(' "Order-5" ').exact, 'order-5');
    assert.equal(parseTextQuery('"Order-5" "x"').exact, '"order-5" "x"');
  });

  it('finds nothing to look for in a text without words', () => {
    assert.deepEqual(parseTextQuery(' "" —'), { terms: [], phrases: [], exact: '"" —' });
  });

  it('ignores what no person types', () => {
    assert.equal(parseTextQuery('w '.repeat(10_000)).terms.length, 24);
    assert.equal(parseTextQuery('"v w" '.repeat(10_000)).phrases.length, 8);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (q) => void parseTextQuery(q)),
      { numRuns: 500 },
    );
  });
});

describe('matchesTerm', () => {
  const term = (over: Partial<QueryTerm>): QueryTerm => ({ forms: ['lantern'], edits: 0, prefix: false, ...over });

  it('matches the word itself and nothing else without edits or prefix', () => {
    assert.equal(matchesTerm(term({}), 'lantern'), true);
    for (const word of ['lanterns', 'lanter', 'lantren', '']) assert.equal(matchesTerm(term({}), word), false);
  });

  it('matches a longer word by its prefix, exactly', () => {
    assert.equal(matchesTerm(term({ forms: ['lant'], prefix: true }), 'lantern'), true);
    assert.equal(matchesTerm(term({ forms: ['lamt'], prefix: true, edits: 1 }), 'lantern'), false);
  });

  it('matches a typo, but not in the first letter', () => {
    const fuzzy = term({ edits: 2 });
    for (const word of ['lantren', 'lntern', 'lanterns', 'laterna', 'lanetrn'])
      assert.equal(matchesTerm(fuzzy, word), true, word);
    for (const word of ['mantern', 'alntern', 'lettern', 'lan'])
      assert.equal(matchesTerm(fuzzy, word), word === 'lettern', word);
  });

  it('matches any of its forms', () => {
    assert.equal(matchesTerm(term({ forms: ['muller', 'mueller'] }), 'mueller'), true);
  });
});

describe('withinEdits', () => {
  /** Optimal string alignment by its recurrence, whole table. */
  function distance(a: readonly string[], b: readonly string[]): number {
    const table = Array.from({ length: a.length + 1 }, (_, i) => Array.from({ length: b.length + 1 }, (_, j) => i + j));
    for (let i = 1; i <= a.length; i++) {
      for (let j = 1; j <= b.length; j++) {
        const ways = [
          table[i - 1]![j]! + 1,
          table[i]![j - 1]! + 1,
          table[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1),
        ];
        if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) ways.push(table[i - 2]![j - 2]! + 1);
        table[i]![j] = Math.min(...ways);
      }
    }
    return table[a.length]![b.length]!;
  }

  it('is the optimal string alignment distance behind a right first letter', () => {
    const word = fc.array(fc.constantFrom('a', 'b', 'c', '🏮'), { maxLength: 7 });
    fc.assert(
      fc.property(word, word, fc.constantFrom(0, 1, 2), (a, b, edits) => {
        const expected = a[0] === b[0] && distance(a, b) <= edits;
        assert.equal(withinEdits(a.join(''), b.join(''), edits), expected);
      }),
      { numRuns: 5_000 },
    );
  });

  it('counts a transposition of neighbours once', () => {
    assert.equal(withinEdits('lantren', 'lantern', 1), true);
    assert.equal(withinEdits('laern', 'lanter', 1), false);
  });
});

/**
 * How text becomes search words, and when a query's word matches one. The index holds the words made here and splits them at
 * white space only, so both backends, the highlighter and the tests agree to the letter on what matches.
 */

/** Letters that Unicode does not decompose. */
const LETTERS: Readonly<Record<string, string>> = {
  ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ı: 'i', ħ: 'h', ŋ: 'n', ŧ: 't', ĸ: 'k', ſ: 's',
  ς: 'σ',
}; // prettier-ignore

/** The German and Nordic way of writing these without their marks: indexed beside the bare letter. */
const TRANSCRIBED: Readonly<Record<string, string>> = {
  ä: 'ae',
  ö: 'oe',
  ü: 'ue',
  å: 'aa',
  ø: 'oe',
};

/**
 * Marks that words are told apart by seldom, and typed without. In the scripts of India and South East Asia, and in kana, a mark is a
 * vowel or another consonant, and stays; of these only the nukta goes.
 */
const DIACRITICS =
  /[[\p{M}--[\u3099\u309a]]&&[\p{Script=Inherited}\p{Script=Latin}\p{Script=Greek}\p{Script=Cyrillic}\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}]]|[\u093c\u09bc\u0a3c\u0abc\u0b3c\u0cbc]/gv;
/** Soft hyphens, and spaces and joiners without a width: nobody sees them in a word, or types them. */
const INVISIBLE = /[\u00ad\u200b\u2060\ufeff]/gu;
/** U+02BB and U+02BC are letters to Unicode, and apostrophes to whoever writes them. */
const LETTER = '[[\\p{L}\\p{M}\\p{N}]--[\u02bb\u02bc]]';
const WORD = new RegExp(`${LETTER}(?:${LETTER}|${INVISIBLE.source}+(?=${LETTER}))*`, 'gv');
/** The same, of texts that are ASCII and lower case. */
const ASCII_WORD = /[a-z0-9]+/g;
/** Scripts written without spaces: every character, with its marks, is a word, and a run of them that is searched for a phrase. */
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u;
const SPLIT_UNSPACED = new RegExp(`(${UNSPACED.source}\\p{M}*)`, 'u');
/** The index would part longer words, in UTF-16 code units; what is beyond is neither found nor looked for. */
const MAX_WORD_CHARACTERS = 255;

function isAscii(text: string): boolean {
  return /^[\x00-\x7f]*$/.test(text);
}

/** Lower case without diacritics and what nobody sees: `José` → `jose`, `STRAẞE` → `strasse`. */
export function foldText(text: string): string {
  if (isAscii(text)) return text.toLowerCase();
  const bare = text.normalize('NFKD').toLowerCase().replace(DIACRITICS, '').replace(INVISIBLE, '').normalize('NFC');
  return bare.replace(/[^\x00-\x7f]/gu, (letter) => LETTERS[letter] ?? letter);
}

/** `Müller` → `mueller`; undefined where the transcribed way is no other than the folded one. */
export function transcribe(word: string): string | undefined {
  if (isAscii(word)) return undefined;
  const lower = word.normalize('NFC').toLowerCase();
  const written = lower.replace(/[äöüåø]/gu, (letter) => TRANSCRIBED[letter] ?? letter);
  return written === lower ? undefined : foldText(written);
}

/** A word as it stands in a text: its folded form (and its transcription) and where it is, in UTF-16 code units. */
export interface Word {
  readonly folded: string;
  readonly transcribed: string | undefined;
  readonly start: number;
  readonly end: number;
}

/** The words of a text, in order. */
export function wordsOf(text: string): Word[] {
  return isAscii(text) ? asciiWordsOf(text) : anyWordsOf(text);
}

/** Most texts are, and one expression finds their words; `matchAll` would take twice as long as all the rest. */
function asciiWordsOf(text: string): Word[] {
  const lower = text.toLowerCase();
  const pattern = new RegExp(ASCII_WORD);
  const words: Word[] = [];
  for (let match = pattern.exec(lower); match !== null; match = pattern.exec(lower)) {
    const [word] = match;
    words.push({ folded: cut(word), transcribed: undefined, start: match.index, end: pattern.lastIndex });
  }
  return words;
}

function anyWordsOf(text: string): Word[] {
  const words: Word[] = [];
  for (const match of text.matchAll(WORD)) {
    let start = match.index;
    for (const part of UNSPACED.test(match[0]) ? match[0].split(SPLIT_UNSPACED) : [match[0]]) {
      const span = { start, end: start + part.length };
      // One character can fold to several words: `½` to 1 and 2, `ﷺ` to a sentence.
      const folded = foldText(part).match(WORD) ?? [];
      const transcribed = folded.length === 1 ? transcribe(part) : undefined;
      words.push(
        ...folded.map((word) => ({ folded: cut(word), transcribed: transcribed && cut(transcribed), ...span })),
      );
      start = span.end;
    }
  }
  return words;
}

function cut(word: string): string {
  if (word.length <= MAX_WORD_CHARACTERS) return word;
  const short = word.slice(0, MAX_WORD_CHARACTERS);
  return short.isWellFormed() ? short : short.slice(0, -1);
}

/** Apostrophes within a word, and hyphens between letters; whoever looks for it leaves them out as often as not. */
const JOINT = /(?<=[\p{L}\p{M}\p{N}])['’‘ʻʼ＇](?=[\p{L}\p{N}])|(?<=\p{L}\p{M}*)[-‐‑](?=\p{L})/gu;
const MAY_HAVE_JOINT = /['’‘ʻʼ＇‐‑-]/;

function withoutJoints(text: string): string {
  return MAY_HAVE_JOINT.test(text) ? text.replace(JOINT, '') : text;
}

/**
 * The words by which a text is found, one list for each way of writing it: as it stands, and, where an apostrophe or a hyphen is within a
 * word, with what it parts written as one (`O'Brien`: o and brien, or obrien; `T-shirt`: t and shirt, or tshirt).
 */
export function writingsOf(text: string): readonly (readonly Word[])[] {
  const words = wordsOf(text);
  const joined = withoutJoints(text);
  if (joined === text) return [words];
  const left = [...text.matchAll(JOINT)].map(({ index }, before) => index - before);
  const startAt = (at: number) => at + left.filter((gone) => gone <= at).length;
  const endAt = (at: number) => at + left.filter((gone) => gone < at).length;
  return [words, wordsOf(joined).map((word) => ({ ...word, start: startAt(word.start), end: endAt(word.end) }))];
}

/** Words as they are written, one after another, in each way of writing them: bare, and transcribed where that is another way. */
export function spellings(words: readonly Pick<Word, 'folded' | 'transcribed'>[]): string[][] {
  const bare = words.map(({ folded }) => folded);
  if (words.every(({ transcribed }) => transcribed === undefined)) return [bare];
  return [bare, words.map(({ folded, transcribed }) => transcribed ?? folded)];
}

/** Words of a name that count as together have at most so many others between them. */
export const MAX_BETWEEN_WORDS = 2;

/** Stand between texts, and are no words of any: neither a word nor a phrase matches across them, and no words are together. */
const BETWEEN_TEXTS = Array<string>(MAX_BETWEEN_WORDS + 1)
  .fill('|')
  .join(' ');

/**
 * A text as the index holds it, in each of its {@link writingsOf}: its folded words in order, and transcribed where that is another way to
 * write them; empty ones left out.
 */
export function searchStrings(text: string): string[] {
  const joined = withoutJoints(text);
  return joined === text ? stringsOf(text) : [...stringsOf(text), ...stringsOf(joined)];
}

function stringsOf(text: string): string[] {
  const isShort = text.length <= MAX_WORD_CHARACTERS;
  const strings =
    isShort && isAscii(text)
      ? [text.toLowerCase().match(ASCII_WORD)?.join(' ') ?? '']
      : spellings(wordsOf(text)).map((words) => words.join(' '));
  return strings.filter((words) => words !== '');
}

/** One string of words for the index, of what {@link searchStrings} has made of some texts. */
export function joinTexts(strings: readonly string[]): string {
  return strings.join(` ${BETWEEN_TEXTS} `);
}

/** One word of a query. A document's word matches when it equals a form, starts with one (`prefix`), or is a typo away (`edits`). */
export interface QueryTerm {
  readonly forms: readonly string[];
  /** Edits allowed: insertion, deletion, substitution, transposition of neighbours; the first letter must be right. */
  readonly edits: 0 | 1 | 2;
  readonly prefix: boolean;
}

/** Words that must follow one another in a text, in one of the ways in which they may be written. `prefix`: the last may be a beginning. */
export interface QueryPhrase {
  readonly forms: readonly (readonly string[])[];
  readonly prefix: boolean;
}

/**
 * A search box's text, understood. A document matches when there is a term or a phrase and every term matches one of its words and
 * every phrase stands in one of its texts; or when `exact` is one of its ids.
 */
export interface TextQuery {
  readonly terms: readonly QueryTerm[];
  readonly phrases: readonly QueryPhrase[];
  /** The whole text, folded and trimmed, without the quotation marks around it: compared with whole ids. */
  readonly exact: string;
}

/** A text that is searched for may have at most so many Unicode characters: as many as a name. */
export const MAX_Q_CHARACTERS = 1_024;

/** More words and phrases than a person types; the rest is ignored. */
const MAX_TERMS = 24;
const MAX_PHRASES = 8;

/**
 * Quoted parts are phrases, and so are words of a script without spaces that stand together; whatever else is no letter or digit separates
 * words. The last word, while unfinished, is a prefix.
 */
export function parseTextQuery(q: string): TextQuery {
  const terms: QueryTerm[] = [];
  const phrases: QueryPhrase[] = [];
  const parts = q.split('"');
  parts.forEach((part, index) => {
    const isQuoted = index % 2 === 1 && index < parts.length - 1;
    const words = wordsOf(part);
    const isUnfinished = index === parts.length - 1 && endsInWord(part);
    for (const run of isQuoted ? [words] : runsOf(words, part)) {
      const isLast = !isQuoted && isUnfinished && run.at(-1) === words.at(-1);
      if (run.length > 1) phrases.push({ forms: spellings(run), prefix: isLast });
      else terms.push(...run.map((word) => ({ ...queryTerm(word, isQuoted), prefix: isLast })));
    }
  });
  return {
    terms: terms.slice(0, MAX_TERMS),
    phrases: phrases.slice(0, MAX_PHRASES),
    exact: foldText(unquoted(q.trim()).trim()),
  };
}

/** The words of a text, each for itself, typos forgiven; the last one, while unfinished, is a prefix. */
export function termsOf(q: string): readonly QueryTerm[] {
  const terms = wordsOf(q).map((word) => queryTerm(word, false));
  const last = terms.at(-1);
  if (last && endsInWord(q)) terms[terms.length - 1] = { ...last, prefix: true };
  return terms.slice(0, MAX_TERMS);
}

function endsInWord(text: string): boolean {
  return /[\p{L}\p{M}\p{N}]$/u.test(text);
}

/** Words of scripts without spaces that stand together, and every other word by itself. */
function runsOf(words: readonly Word[], text: string): Word[][] {
  const runs: Word[][] = [];
  let runsOn = -1;
  for (const word of words) {
    const isUnspaced = UNSPACED.test(text.slice(word.start, word.end));
    if (isUnspaced && word.start === runsOn) runs.at(-1)?.push(word);
    else runs.push([word]);
    runsOn = isUnspaced ? word.end : -1;
  }
  return runs;
}

/** The terms as they are written one after another, in each way of writing them. */
export function spellingsOf(terms: readonly QueryTerm[]): string[][] {
  return spellings(terms.map(({ forms: [folded = '', transcribed] }) => ({ folded, transcribed })));
}

function unquoted(text: string): string {
  return /^"([^"]*)"$/.exec(text)?.[1] ?? text;
}

function queryTerm(word: Word, quoted: boolean): QueryTerm {
  const forms = word.transcribed === undefined ? [word.folded] : [word.folded, word.transcribed];
  return { forms, edits: quoted ? 0 : editsFor(word.folded), prefix: false };
}

/** By length, as in Elasticsearch's `AUTO`; a number is never guessed at. */
function editsFor(word: string): 0 | 1 | 2 {
  const letters = [...word].length;
  if (letters < 3 || /\p{N}/u.test(word)) return 0;
  return letters < 6 ? 1 : 2;
}

/** Whether a document's folded word matches a term; the same rule as both indices apply. */
export function matchesTerm(term: QueryTerm, word: string): boolean {
  return term.forms.some(
    (form) =>
      word === form ||
      (term.prefix && word.startsWith(form)) ||
      (term.edits > 0 && withinEdits(form, word, term.edits)),
  );
}

/** Optimal string alignment distance ≤ `edits` between two words with the same first letter, as Lucene's fuzzy query has it. */
export function withinEdits(a: string, b: string, edits: number): boolean {
  const from = [...a];
  const to = [...b];
  if (from[0] !== to[0] || Math.abs(from.length - to.length) > edits) return false;
  let beforeLast: number[] = [];
  let last = to.map((_, j) => j + 1);
  last.unshift(0);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const swap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const cost = from[i - 1] === to[j - 1] ? 0 : 1;
      const best = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + cost);
      row.push(swap ? Math.min(best, (beforeLast[j - 2] ?? 0) + 1) : best);
    }
    if (Math.min(...row) > edits) return false;
    beforeLast = last;
    last = row;
  }
  return (last[to.length] ?? Infinity) <= edits;
}

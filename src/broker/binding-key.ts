/** Whether one of the keys binds a message with this routing key, as a topic exchange has it: `*` is one word, `#` any number of them. */
export function isBound(bindingKeys: readonly string[], routingKey: string): boolean {
  const words = wordsOf(routingKey);
  return bindingKeys.some((key) => matches(wordsOf(key), words));
}

/** Words may be empty; of an empty key there are none. */
function wordsOf(key: string): string[] {
  return key === '' ? [] : key.split('.');
}

/** For each word of the key in turn, how many words may be behind: `ends[n]` says whether the first n words match it so far. */
function matches(keyWords: readonly string[], words: readonly string[]): boolean {
  let ends = [true, ...words.map(() => false)];
  for (const keyWord of keyWords) ends = endsAfter(keyWord, ends, words);
  return ends.at(-1) === true;
}

function endsAfter(keyWord: string, ends: readonly boolean[], words: readonly string[]): boolean[] {
  if (keyWord === '#') {
    const first = ends.indexOf(true);
    return ends.map((_, end) => first !== -1 && end >= first);
  }
  return ends.map((_, end) => end > 0 && ends[end - 1] === true && (keyWord === '*' || keyWord === words[end - 1]));
}

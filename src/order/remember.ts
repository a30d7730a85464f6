/** A judgement of texts that is made once of each, for as long as the returned function is kept. */
export function remember<T extends NonNullable<unknown>>(judge: (text: string) => T): (text: string) => T {
  const verdicts = new Map<string, T>();
  return (text) => {
    const known = verdicts.get(text);
    if (known !== undefined) return known;
    const verdict = judge(text);
    verdicts.set(text, verdict);
    return verdict;
  };
}

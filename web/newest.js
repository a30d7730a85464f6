/** Of questions that are under way at once only the newest counts: an older one that is answered later changes nothing. */
export function createNewest() {
  let asked = 0;
  return {
    /**
     * @template T
     * @param {Promise<T>} answer to what has just been asked
     * @returns {Promise<T | undefined>} undefined: something newer was asked meanwhile, or this is to be forgotten
     */
    async of(answer) {
      const mine = (asked += 1);
      const given = await answer;
      return mine === asked ? given : undefined;
    },
    /** What is under way counts no more. */
    forget() {
      asked += 1;
    },
  };
}

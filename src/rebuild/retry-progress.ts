/**
 * Whether work that starts over after each failure still gets further. One repetition is granted, which redoes what was done before. From
 * the second failure on only what goes beyond the farthest place counts: what always fails at one place would seem to be alive for ever.
 * An attempt that got nowhere, as all do during an outage, is no such failure.
 */
export class RetryProgress {
  #farthest = 0;
  /** Since it reached the farthest place. */
  #failures = 0;
  /** Whether this attempt got anywhere. */
  #hasMoved = false;

  failed(): void {
    if (this.#hasMoved) this.#failures += 1;
    this.#hasMoved = false;
  }

  /** @param place that it has reached, counted from where it begins */
  isMade(place: number): boolean {
    this.#hasMoved = true;
    const isBeyond = place > this.#farthest;
    if (isBeyond) [this.#farthest, this.#failures] = [place, 0];
    return isBeyond || this.#failures <= 1;
  }
}

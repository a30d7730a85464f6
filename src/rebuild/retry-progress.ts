/**
 * Whether something gets on that begins anew after each failure. It may do once more what was done before; from a second failure on only
 * what goes beyond that counts, or what fails at one place for ever would pass for getting on. Attempts that come nowhere, as all do
 * while an outage lasts, are no such failures: they say nothing of the next one.
 */
export class Headway {
  #farthest = 0;
  /** Since it came farthest. */
  #failures = 0;
  /** Whether this attempt has come anywhere. */
  #hasMoved = false;

  failed(): void {
    if (this.#hasMoved) this.#failures += 1;
    this.#hasMoved = false;
  }

  /** @param place that it has come to, counted from where it begins */
  isMade(place: number): boolean {
    this.#hasMoved = true;
    const isBeyond = place > this.#farthest;
    if (isBeyond) [this.#farthest, this.#failures] = [place, 0];
    return isBeyond || this.#failures <= 1;
  }
}

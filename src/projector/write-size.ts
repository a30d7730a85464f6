/** Smaller bulks than this would not help. */
const LEAST = 10;

/**
 * How many documents one write carries: halved when the index is strained (429, a timeout), grown again step by step while it is not.
 * Additive increase, multiplicative decrease: Chiu and Jain, "Analysis of the Increase and Decrease Algorithms for Congestion
 * Avoidance in Computer Networks", 1989.
 */
export class WriteSize {
  readonly #most: number;
  #size: number;

  constructor(most: number) {
    this.#most = most;
    this.#size = most;
  }

  current(): number {
    return this.#size;
  }

  strained(): void {
    this.#size = Math.max(Math.min(LEAST, this.#most), Math.floor(this.#size / 2));
  }

  eased(): void {
    this.#size = Math.min(this.#most, this.#size + Math.max(1, Math.floor(this.#most / 20)));
  }
}

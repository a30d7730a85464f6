/** How far answers were behind at one moment. */
export interface LagSample {
  /** RFC 3339. */
  readonly at: string;
  /** Null before anything was known. */
  readonly lagSeconds: number | null;
  /** Waiting in the live queue, or in a projector's hand; null where the broker could not be asked. */
  readonly messages: number | null;
}

/** How far answers are behind now, and were at the moments that are kept, the oldest first. */
export interface LagReport {
  /** RFC 3339. */
  readonly asOf: string;
  readonly lagSeconds: number;
  readonly messages: number | null;
  readonly samples: readonly LagSample[];
}

/** Answers while the index is away too. `since`: RFC 3339, only samples that were taken after that. */
export type ReadLag = (since: string | undefined) => Promise<LagReport>;

import type { Answered } from './answered.ts';
import type { lagAnswer } from './answers.ts';

type LagAnswer = Answered<typeof lagAnswer>;

/** How far answers were behind at one moment. */
export type LagSample = LagAnswer['items'][number];

/** How far answers are behind now, and were at the moments that are kept, the oldest first. */
export interface LagReport extends Omit<LagAnswer, 'items' | 'nextCursor'> {
  readonly samples: readonly LagSample[];
}

/** Answers while the index is away too. `since`: RFC 3339, only samples that were taken after that. */
export type ReadLag = (since: string | undefined) => Promise<LagReport>;

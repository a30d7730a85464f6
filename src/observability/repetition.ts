/** How often the same failure may be logged. */
export interface RepetitionLimits {
  /** Lines within a window; what comes on top is counted. */
  readonly lines: number;
  readonly windowMs: number;
}

/**
 * Whether a line about a failure may be written. Where some were left out, `tellRest` is called at the end of the window, once, with their
 * number.
 */
export type Admit = (failure: string, tellRest: (leftOut: number) => void) => boolean;

interface Window {
  lines: number;
  leftOut: number;
  tellRest: (leftOut: number) => void;
}

/** Failures told apart at a time; of more of them than that each line is written. */
const MAX_FAILURES = 1_000;

/** A flood of one failure must not drown the others, nor fill the disk. */
export function limitRepetition({ lines, windowMs }: RepetitionLimits): Admit {
  const windows = new Map<string, Window>();
  const open = (failure: string, tellRest: Window['tellRest']): void => {
    if (windows.size >= MAX_FAILURES) return;
    const window = { lines: 1, leftOut: 0, tellRest };
    windows.set(failure, window);
    setTimeout(() => {
      windows.delete(failure);
      if (window.leftOut > 0) window.tellRest(window.leftOut);
    }, windowMs).unref();
  };
  return (failure, tellRest) => {
    const window = windows.get(failure);
    if (!window) {
      open(failure, tellRest);
      return true;
    }
    if (window.lines < lines) {
      window.lines += 1;
      return true;
    }
    window.leftOut += 1;
    window.tellRest = tellRest;
    return false;
  };
}

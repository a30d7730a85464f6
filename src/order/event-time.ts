/** An event time that is further ahead of the clock than this is believed by nobody (contract §1, `final`). */
export const MAX_AHEAD_MS = 5 * 60_000;

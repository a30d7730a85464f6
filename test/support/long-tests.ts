/** Tests of minutes, which say the same as shorter ones at more places: run with LONG_TESTS=true, by hand and not by CI. */
export const RUNS_LONG_TESTS = process.env['LONG_TESTS'] === 'true';

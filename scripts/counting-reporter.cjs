// Mocha's spec reporter, which also leaves the numbers, the failures and how long each file took for scripts/test.ts, however the process ends.
const { writeFileSync } = require('node:fs');
const { relative } = require('node:path');
const { performance } = require('node:perf_hooks');
const { reporters } = require('mocha');

module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    let ended = false;
    runner.once('end', () => (ended = true));
    const tookMs = timeFiles(runner);
    process.on('exit', (exitCode) => {
      const { passes, failures } = this.stats;
      const failed = this.failures.map((test) => ({
        title: test.fullTitle(),
        error: test.err?.stack ?? test.err?.message ?? '',
      }));
      writeFileSync(
        options.reporterOptions.file,
        JSON.stringify({ passes, failures, failed, ended, exitCode, tookMs }),
      );
    });
  }
};

// By file: its outermost suites, hooks included; loading it is not.
function timeFiles(runner) {
  const tookMs = {};
  let startedMs = 0;
  runner.on('suite', ({ parent }) => {
    if (parent?.root) startedMs = performance.now();
  });
  runner.on('suite end', ({ parent, file }) => {
    if (!parent?.root) return;
    const name = relative(process.cwd(), file);
    tookMs[name] = (tookMs[name] ?? 0) + performance.now() - startedMs;
  });
  return tookMs;
}

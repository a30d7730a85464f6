// Mocha's spec reporter, which also leaves the numbers and the failures for scripts/test.ts, however the process ends.
const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    let ended = false;
    runner.once('end', () => (ended = true));
    process.on('exit', () => {
      const { passes, failures } = this.stats;
      const failed = this.failures.map((test) => ({
        title: test.fullTitle(),
        error: test.err?.stack ?? test.err?.message ?? '',
      }));
      writeFileSync(options.reporterOptions.file, JSON.stringify({ passes, failures, failed, ended }));
    });
  }
};

// Mocha's spec reporter, which also leaves the numbers for scripts/test.ts, however the process ends.
const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    let ended = false;
    runner.once('end', () => (ended = true));
    process.on('exit', () => {
      const { passes, failures, pending } = this.stats;
      writeFileSync(options.reporterOptions.file, JSON.stringify({ passes, failures, pending, ended }));
    });
  }
};

import assert from 'node:assert/strict';
import { fuzzEmbedded, fuzzServices, installSchemathesis } from '../support/schemathesis.ts';
import type { Fuzzed } from '../support/schemathesis.ts';

/** Few, since there are some forty operations; `npm run fuzz` has more patience. */
const OPTIONS = ['--max-examples', '3'];

describe('the interface under Schemathesis', function () {
  this.timeout(180_000);

  before(async function () {
    try {
      await installSchemathesis();
    } catch (error) {
      if (process.env['CI'] === 'true') throw error;
      console.log(`      (not run: ${(error as Error).message})`);
      this.skip();
    }
  });

  const backends: [string, (options: readonly string[]) => Promise<Fuzzed>][] = [
    ['embedded', fuzzEmbedded],
    ['RabbitMQ and Elasticsearch', fuzzServices],
  ];
  for (const [name, fuzz] of backends) {
    it(`gives no 500 and no answer that its document does not tell of: ${name}`, async () => {
      const { isClean, output } = await fuzz(OPTIONS);
      assert.ok(isClean, output);
      // That of the document's examples some were sent, too.
      assert.match(output, /Examples \(in [^\n]*\s+✅\s+\d+ passed/);
    });
  }
});

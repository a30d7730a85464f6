import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { eventually } from '../support/eventually.ts';
import { compareDocuments, expectedOutcome, type CloudEventJson } from '../support/oracle.ts';
import { startService, untilReady, type RunningService } from '../support/running-service.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

const CLI = new URL('../../bin/order-search.js', import.meta.url).pathname;
const README = readFileSync('README.md', 'utf8');

interface SearchAnswer {
  readonly hits: readonly { readonly order: { readonly orderId: string; readonly itemNames: readonly string[] } }[];
}

/** What README tells a newcomer to type, without what stands for its own place. */
function typed(pattern: RegExp): string {
  const [, found] = pattern.exec(README) ?? [];
  assert.ok(found !== undefined, String(pattern));
  return found;
}

describe('the example orders of README', function () {
  this.timeout(60_000);
  const file = typed(/^AMQP_URL=\S+ npx order-search publish (\S+)$/m);
  const path = typed(/^curl 'http:\/\/127\.0\.0\.1:3000(\/search\S+)'$/m);
  const events = readFileSync(file, 'utf8').trim().split('\n');
  let backend: TestBackend;
  let service: RunningService;

  before(async () => {
    backend = await testBackend();
    service = await startService(backend.environment);
    await untilReady(service);
    const env = { ...process.env, ...backend.environment };
    const { stdout } = await promisify(execFile)(process.execPath, [CLI, 'publish', file], { env });
    assert.match(stdout, new RegExp(`^published ${events.length} events `));
  });

  after(async () => {
    await service.stop();
    await backend.remove();
  });

  it('are found in spite of a typo, by what README says', async () => {
    assert.match(path, /q=lantren/);
    const order = await eventually(async () => {
      const { body } = await service.get<SearchAnswer>(path);
      assert.ok(body.hits[0]);
      return body.hits[0].order;
    });
    assert.ok(order.itemNames.some((name) => /lantern/i.test(name)));
  });

  it('become the documents that the contract says, with no event left over', async () => {
    const expected = expectedOutcome(events.map((line) => JSON.parse(line) as CloudEventJson));
    assert.equal(expected.parked.size, 0);
    await eventually(async () => {
      const found = await backend.documents();
      const differences = [...expected.documents.values()].flatMap((order) =>
        compareDocuments(order, found.get(order.orderId)),
      );
      assert.deepEqual([differences, found.size], [[], expected.documents.size]);
    });
  });
});

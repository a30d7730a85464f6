import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { eventually } from '../support/eventually.ts';
import { compareDocuments, expectedDocuments, type CloudEventJson } from '../support/oracle.ts';
import { startService, untilReady, type RunningService } from '../support/running-service.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

const FILE = new URL('../../../shared/data/online-retail.events.ndjson.gz', import.meta.url).pathname;
const CLI = new URL('../../bin/order-search.js', import.meta.url).pathname;
const ORDERS = 439;
const EVENTS = 887;
const UPCAST = 246;

interface SearchAnswer {
  readonly total: number;
  readonly asOf: string;
  readonly hits: readonly { readonly order: { readonly orderId: string } }[];
}

describe('the real orders, through RabbitMQ into Elasticsearch', function () {
  this.timeout(120_000);
  let running: { readonly backend: TestBackend; readonly service: RunningService } | undefined;

  before(async function () {
    if (!existsSync(FILE)) {
      console.log(`      (not run: ${FILE.split('/').slice(-3).join('/')} is absent)`);
      this.skip();
    }
    const backend = await testBackend();
    running = { backend, service: await startService(backend.environment) };
    await untilReady(running.service);
    await publish();
    await untilSettled(EVENTS);
  });

  after(async () => {
    await running?.service.stop();
    await running?.backend.remove();
  });

  function parts() {
    assert.ok(running);
    return running;
  }

  async function publish(): Promise<string> {
    const env = { ...process.env, ...parts().backend.environment };
    return (await promisify(execFile)(process.execPath, [CLI, 'publish', FILE], { env })).stdout;
  }

  async function outcomes(): Promise<Partial<Record<string, number>>> {
    const text = await (await fetch(`${parts().service.url}/metrics`)).text();
    const counts = text.matchAll(/^projection_updates_total\{projection="orders",outcome="(\w+)"\} (\d+)$/gm);
    return Object.fromEntries([...counts].map(([, outcome, count]) => [outcome ?? '', Number(count)]));
  }

  /** And visible: what `asOf` promises. */
  async function untilSettled(events: number): Promise<void> {
    await eventually(async () => {
      const settled = Object.values(await outcomes()).reduce((sum = 0, count = 0) => sum + count, 0);
      assert.equal(settled, events);
    }, 60_000);
    const now = Date.now();
    await eventually(async () => {
      const { body } = await parts().service.get<SearchAnswer>('/search?size=1');
      assert.ok(Date.parse(body.asOf) >= now, `as of ${body.asOf}`);
    });
  }

  async function search(query: string): Promise<{ total: number; ids: string[] }> {
    const { status, body } = await parts().service.get<SearchAnswer>(`/search?size=100&${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return { total: body.total, ids: body.hits.map(({ order }) => order.orderId) };
  }

  it(`gives exactly ${ORDERS} documents whose versions and contents are the fold, ${UPCAST} of them upcast`, async () => {
    const events = gunzipSync(readFileSync(FILE)).toString().trim().split('\n');
    const expected = expectedDocuments(events.map((line) => JSON.parse(line) as CloudEventJson));
    const documents = await parts().backend.documents();
    assert.equal(documents.size, ORDERS);
    const differences = [...expected.values()].flatMap((order) =>
      compareDocuments(order, documents.get(order.orderId)),
    );
    assert.deepEqual(differences, []);
    const upcast = [...documents.values()].filter(({ events: [first] }) => first?.type === 'order.placed.v1');
    assert.equal(upcast.length, UPCAST);
  });

  it('is found by a word, a typo, a prefix, a customer id and an invoice number', async () => {
    const documents = [...(await parts().backend.documents()).values()];
    const withWord = documents.filter(({ search: words }) =>
      words?.items.split(' ').some((word) => /^lanterns?$/.test(word)),
    );
    assert.ok(withWord.length > 0 && withWord.length < ORDERS / 4);
    const ids = withWord.map(({ orderId }) => orderId).sort();
    for (const q of ['lantern', 'lantren', 'lant']) {
      const found = await search(`q=${q}`);
      assert.deepEqual([found.total, found.ids.sort()], [ids.length, ids], q);
    }
    const ofCustomer = documents.filter(({ customerId }) => customerId === '17850').map(({ orderId }) => orderId);
    assert.deepEqual((await search('q=17850')).ids.sort(), ofCustomer.sort());
    assert.deepEqual((await search('q=536365')).ids, ['536365']);
  });

  it('changes no document when it is published again, and counts every event as a duplicate', async () => {
    const before = await parts().backend.documents();
    const applied = (await outcomes())['applied'];
    await publish();
    await untilSettled(2 * EVENTS);
    assert.deepEqual(await parts().backend.documents(), before);
    const counts = await outcomes();
    assert.deepEqual([counts['applied'], counts['duplicate']], [applied, EVENTS]);
  });
});

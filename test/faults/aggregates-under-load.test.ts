import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { Client } from '@elastic/elasticsearch';
import type { RevenueDailyAnswer, SellerDashboardAnswer } from '../../src/client/index.ts';
import type { RollupStep } from '../../src/rollups/turn.ts';
import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import { aggregateEvents, EVENT_DAYS, FINISHED, finishedEvents } from '../support/aggregate-events.ts';
import { assertDocuments, publish, untilDrained } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { assertAggregates } from '../support/judged-aggregates.ts';
import { operatorOf } from '../support/rebuild-operator.ts';
import { startService, untilReady, type Environment, type RunningService } from '../support/running-service.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';
import { freePort } from '../support/under-load.ts';
import { watchDashboards, type DashboardWatch } from '../support/watchful-dashboards.ts';
import { RUNS_LONG_TESTS } from '../support/long-tests.ts';

/** By hand: `AGGREGATE_EVENTS=100000 npx mocha test/faults/aggregates-under-load.test.ts`. */
const EVENTS = Number(process.env['AGGREGATE_EVENTS'] ?? (RUNS_LONG_TESTS ? 3_000 : 1_500));
const CLI = new URL('../../bin/order-search.js', import.meta.url).pathname;
const ENVIRONMENT: Environment = { ROLLUP_INTERVAL_MS: '300', REFRESH_INTERVAL: '200ms', RATE_LIMIT_PER_MINUTE: '0' };
/** What is held when a process is killed comes again, and is handled one by one the third time: those that die hold little. */
const SMALL_BATCHES: Environment = { PREFETCH: '200', BATCH_SIZE: '100', BATCH_DELAY_MS: '10' };
const DAYS = `from=${EVENT_DAYS.from}&to=${EVENT_DAYS.to}`;

/** How often a step is to be reached before the leader dies there. */
type Death = readonly [step: RollupStep, nth: number];

/** While it is built for the first time, while orders are written, and while it is built of the orders' new generation. */
const FIRST_DEATHS: readonly Death[] = [
  ['rollup created', 1],
  ['rollup activated', 1],
];
const DEATHS: readonly Death[] = [
  ['rollup claimed', 3],
  ['rollup checkpoint', 3],
  ['rollup computed', 2],
  ['rollup written', 3],
  ['rollup kept', 3],
];
const DEATHS_AFTER_SWAP: readonly Death[] = [
  ['rollup created', 1],
  ['rollup written', 1],
  // The last, since the other aggregate may be activated at the same moment.
  ['rollup activated', 1],
];
const PORTIONS = DEATHS.length + DEATHS_AFTER_SWAP.length;

describe(`aggregates of ${EVENTS} events whose leader is killed ten times, with a swap meanwhile`, function () {
  this.timeout(600_000 + EVENTS * 30);
  let backend: TestBackend;
  let environment: Environment;
  let api: RunningService;
  let watch: DashboardWatch;
  let leader: RunningService | undefined;

  before(async () => {
    const bare = await testBackend();
    environment = { ...bare.environment, ...ENVIRONMENT };
    backend = { ...bare, environment };
    api = await startService({ ...environment, ROLE: 'api' });
    watch = watchDashboards(api.url);
    // All behind one port, so that each knows that the one before it is dead.
    environment = { ...environment, PORT: String(await freePort()) };
  });
  after(async () => {
    await Promise.allSettled([watch.stop(), leader?.stop(), api.stop()]);
    await backend.remove();
  });

  /** One that dies there, while these events arrive. */
  async function dies([step, nth]: Death, events: readonly CloudEvent[] = []): Promise<void> {
    const victim = await startService({
      ...environment,
      ...SMALL_BATCHES,
      ORDER_SEARCH_FAULT_POINT: `${step}#${nth}:kill`,
    });
    let hasEnded = false;
    void victim.ended.then(() => (hasEnded = true));
    try {
      // Before, what is written is counted by nobody, and later all at once.
      await eventually(async () => assert.ok(hasEnded || (await isLeader(victim))), 60_000);
      for (const portion of portionsOf(events, 3)) {
        await publish(backend, portion);
        // Each is counted for itself.
        await eventually(async () => assert.ok(hasEnded || (await backend.queues()).live === 0), 120_000 + EVENTS * 8);
      }
      await eventually(() => assert.ok(hasEnded, `${step} was not reached`), 60_000 + EVENTS * 3);
    } finally {
      await victim.kill();
    }
    assert.equal(await victim.ended, 'SIGKILL');
  }

  async function answer<T>(path: string): Promise<T> {
    const { status, body } = await api.get<T>(path);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  }

  /** As of now. */
  async function upToDate<T extends { readonly asOf: string }>(path: string): Promise<T> {
    const since = Date.now();
    return await eventually(async () => {
      const found = await answer<T>(path);
      assert.ok(Date.parse(found.asOf) >= since, `as of ${found.asOf}`);
      return found;
    }, 60_000);
  }

  it('have every key as an independent computation has it, and no reader ever saw anything else', async () => {
    const startedAt = performance.now();
    const published = finishedEvents();
    for (const death of FIRST_DEATHS) await dies(death);
    leader = await startService(environment);
    await untilReady(leader);
    await publish(backend, published);
    await untilDrained(backend, leader);
    // Each aggregate is built for itself.
    await upToDate(`/revenue/daily?${DAYS}`);
    await upToDate(`/sellers/${FINISHED.sellerId}/dashboard?${DAYS}`);
    await watch.finish();
    await leader.kill();

    const events = aggregateEvents({ seed: 'aggregates', events: EVENTS });
    const portions = portionsOf(events, PORTIONS + 1);
    published.push(...events);
    for (const [number, death] of DEATHS.entries()) await dies(death, portions[number]);
    const operator = operatorOf(api);
    const { id } = await operator.start();
    for (const [number, death] of DEATHS_AFTER_SWAP.entries()) await dies(death, portions[DEATHS.length + number]);
    leader = await startService(environment);
    await publish(backend, portions.at(-1) ?? []);
    assert.equal((await operator.over(id, 60_000 + EVENTS * 5)).state, 'DONE');
    await untilDrained(backend, leader, 120_000 + EVENTS * 8);

    const revenue = await upToDate<RevenueDailyAnswer>(`/revenue/daily?${DAYS}`);
    await upToDate<SellerDashboardAnswer>(`/sellers/${FINISHED.sellerId}/dashboard?${DAYS}`);
    await watch.stop();
    await assertDocuments(backend, published);
    const rows = await assertAggregates(backend, published);
    assert.ok(revenue.days.some(({ orders }) => orders > 0) && rows > 100, `${rows} rows`);
    console.log(`${published.length} events, ${rows} rows, ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
  });

  it('are verified, and a row that somebody else has changed is named', async () => {
    const right = await verified(api);
    assert.deepEqual([right.exitCode, right.stderr], [0, ''], right.stdout);
    assert.match(right.stdout, /^\d+ orders, \d+ rows: no difference\n$/);
    const { key, revenueCents } = await tamper(backend);
    const wrong = await verified(api);
    const named = `seller-daily ${key}: revenueCents is ${revenueCents + 1}, and should be ${revenueCents}\n`;
    assert.deepEqual([wrong.exitCode, wrong.stdout.split('\n')[0]], [1, named.trim()], wrong.stdout);
    assert.match(wrong.stdout, / 1 differences\n$/);
  });
});

if (RUNS_LONG_TESTS) {
  describe('two projectors, of which the one that leads the aggregates is killed', function () {
    this.timeout(90_000);
    let backend: TestBackend;
    const running: RunningService[] = [];

    before(async () => {
      const bare = await testBackend();
      backend = { ...bare, environment: { ...bare.environment, ...ENVIRONMENT, SINGLE_ACTIVE_CONSUMER: 'false' } };
      const environment = { ...backend.environment, ROLE: 'projector' };
      running.push(await startService(environment), await startService(environment));
      await Promise.all(running.map((service) => untilReady(service)));
    });
    after(async () => {
      await Promise.all(running.map((service) => service.stop()));
      await backend.remove();
    });

    it('go on within a quarter of a minute with the other one, and end right', async () => {
      const leader = await eventually(async () => {
        const leads = await Promise.all(running.map(isLeader));
        assert.deepEqual(leads.toSorted(), [false, true]);
        return running[leads.indexOf(true)];
      });
      const other = running.find((service) => service !== leader);
      assert.ok(leader && other);
      const events = aggregateEvents({ seed: 'two projectors', events: 1_000 });
      await publish(backend, events.slice(0, 500));
      await eventually(async () => assert.ok((await backend.queues()).live < 200));
      await leader.kill();
      const killedAt = performance.now();
      await publish(backend, events.slice(500));
      await eventually(async () => assert.ok(await isLeader(other)), 20_000);
      assert.ok(performance.now() - killedAt < 15_000);
      // Without `asOf`, which waits for what the dead one may hold still.
      await eventually(() => assertAggregates(backend, events), 60_000);
    });
  });
}

async function isLeader({ url }: RunningService): Promise<boolean> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return /^projection_rollup_leader 1$/m.test(text);
}

function portionsOf(events: readonly CloudEvent[], count: number): CloudEvent[][] {
  const size = Math.ceil(events.length / count);
  return Array.from({ length: count }, (_, number) => events.slice(number * size, (number + 1) * size));
}

interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `order-search verify`, as a cron job runs it. */
async function verified({ url }: RunningService): Promise<Run> {
  const { promise, resolve } = Promise.withResolvers<Run>();
  execFile(process.execPath, [CLI, 'verify', '--url', url], (error, stdout, stderr) => {
    resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
  });
  return await promise;
}

/** Adds a cent to a row, past the service; the row as it was. */
async function tamper({ environment, prefix }: TestBackend): Promise<{ key: string; revenueCents: number }> {
  const client = new Client({ node: environment['ELASTICSEARCH_URL'] ?? '' });
  try {
    const index = `${prefix}-seller-daily`;
    const query = { range: { revenueCents: { gt: 0 } } };
    const { hits } = await client.search<{ key: string; revenueCents: number }>({ index, size: 1, query });
    const [hit] = hits.hits;
    assert.ok(hit?._id !== undefined && hit._source);
    const { key, revenueCents } = hit._source;
    await client.update({ index, id: hit._id, doc: { revenueCents: revenueCents + 1 }, refresh: true });
    return { key, revenueCents };
  } finally {
    await client.close();
  }
}

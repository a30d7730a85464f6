import assert from 'node:assert/strict';
import type { OutgoingEvent } from '../../src/broker/port.ts';
import { messageOf, publishMessages } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { operatorOf } from '../support/rebuild-operator.ts';
import { startService, untilReady, type RunningService } from '../support/running-service.ts';
import { scrape, type ScrapedMetrics } from '../support/scraped-metrics.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { SHARED_SERVICES, testBackend, type TestBackend } from '../support/test-backend.ts';

/** The newest event's; the days before it are final at once. */
const NEWEST = '2026-03-10T10:00:00.000Z';
const LATE_GRACE_SECONDS = 60;
const START_WITHIN_MS = 60_000;

const items = [{ sku: 'S-1', name: 'Lantern', quantity: 1, unitPriceCents: 100 }];
const PLACED = {
  customer: { id: 'c-1', name: 'José' },
  sellerId: 's-1',
  currency: 'EUR',
  items,
  totalCents: 100,
  tags: [],
};

const placed = (subject: string, time: string) => eventOf(subject, 1, 'order.placed.v2', PLACED, time);
const paid = (subject: string, time: string) =>
  eventOf(subject, 2, 'order.payment_captured.v1', { amountCents: 100 }, time);

function eventOf(subject: string, sequence: number, type: string, data: object, time = NEWEST): OutgoingEvent {
  const common = { specversion: '1.0', id: `${subject}-${sequence}`, source: '/test', subject, time, sequence };
  return messageOf(JSON.stringify({ ...common, type, data }));
}

const EARLY = '2026-03-01T10:00:00.000Z';
/** What shall become of each, by the contract. */
const TRAFFIC: readonly (readonly [outcome: string, event: OutgoingEvent])[] = [
  ['applied', placed('a', NEWEST)],
  ['applied', paid('a', NEWEST)],
  ['duplicate', paid('a', NEWEST)],
  ['skipped', eventOf('a', 3, 'order.gift_wrapped.v1', { ribbon: 'red' })],
  ['dead_lettered', messageOf(JSON.stringify({ ...JSON.parse(textOf(paid('a', NEWEST))), id: 'another' }))],
  ['dead_lettered', eventOf('a', 4, 'order.tagged.v1', { add: [7], remove: [] })],
  ['dead_lettered', messageOf('no JSON')],
  ['parked', eventOf('b', 3, 'order.tagged.v1', { add: ['early'], remove: [] })],
];
/** Of a day that is final by then: late is the payment, since the order itself counts on no day. */
const LATE_TRAFFIC = [placed('c', EARLY), paid('c', EARLY)];
const APPLIED = 7;
const DOCUMENTS = 3;

function textOf({ body }: OutgoingEvent): string {
  return Buffer.from(body).toString();
}

describe('the metrics of a service that is up', function () {
  this.timeout(120_000);
  let backend: TestBackend;
  let proxy: TcpProxy;
  let projector: RunningService;
  let api: RunningService;
  /** An api that reaches Elasticsearch as the projector does. */
  let idle: RunningService;

  before(async () => {
    backend = await testBackend();
    const { hostname, port } = new URL(SHARED_SERVICES.elasticsearchUrl);
    proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    const environment = { ...backend.environment, ROLLUP_INTERVAL_MS: '200', GAP_GRACE_SECONDS: '0' };
    projector = await startService({
      ...{
        ...environment,
        ELASTICSEARCH_URL: `http://127.0.0.1:${proxy.port}`,
        ROLE: 'projector',
        BATCH_DELAY_MS: '200',
      },
      LATE_GRACE_SECONDS: String(LATE_GRACE_SECONDS),
    });
    await untilReady(projector, START_WITHIN_MS);
    api = await startService({ ...environment, ROLE: 'api' });
    const behindProxy = { ...environment, ELASTICSEARCH_URL: `http://127.0.0.1:${proxy.port}` };
    idle = await startService({ ...behindProxy, ROLE: 'api' });
    for (const service of [api, idle]) await untilReady(service, START_WITHIN_MS);
  });
  after(async () => {
    await Promise.all([projector.kill(), api.stop(), idle.stop()]);
    await proxy.close();
    await backend.remove();
  });

  const updates = (metrics: ScrapedMetrics, outcome: string, projection = 'orders') =>
    metrics.value('projection_updates_total', { projection, outcome });
  const errors = (metrics: ScrapedMetrics, reason: string) =>
    metrics.value('projection_update_errors_total', { projection: 'orders', reason });
  const lag = (metrics: ScrapedMetrics, projection = 'orders') =>
    metrics.value('projection_lag_seconds', { projection }) ?? NaN;
  /** Events that took longer to be found. */
  const slowerThan = (seconds: number, metrics: ScrapedMetrics) =>
    (metrics.value('projection_event_to_searchable_seconds_count') ?? NaN) -
    (metrics.value('projection_event_to_searchable_seconds_bucket', { le: String(seconds) }) ?? NaN);
  const breaker = (metrics: ScrapedMetrics) => metrics.value('circuit_breaker_state', { name: 'elasticsearch-writes' });

  async function isFound(orderId: string): Promise<boolean> {
    return (await api.get(`/orders/${orderId}`)).status === 200;
  }

  async function untilScraped(
    service: RunningService,
    question: (metrics: ScrapedMetrics) => void,
    timeoutMs = 20_000,
  ) {
    await eventually(async () => question(await scrape(service)), timeoutMs);
  }

  describe('while the projector does not reach Elasticsearch', () => {
    let earlier: ScrapedMetrics;

    before('a heartbeat has come through', async () => {
      await untilScraped(projector, (metrics) => assert.ok(lag(metrics) < 2));
      earlier = await scrape(projector);
      assert.equal(breaker(earlier), 0);
      await proxy.refuse();
      const shipped = eventOf('first', 3, 'order.shipped.v1', {}, EARLY);
      await publishMessages(backend, [placed('first', EARLY), paid('first', EARLY), shipped]);
    });

    it('say how old searches are, how much is in hand, that the breaker is open, and what has failed', async () => {
      await untilScraped(projector, (metrics) => {
        assert.ok(lag(metrics) > 2.5, `${lag(metrics)} s`);
        assert.equal(metrics.value('projection_lag_messages'), 3);
        assert.equal(breaker(metrics), 1);
        assert.ok((errors(metrics, 'unavailable') ?? 0) > 0);
        assert.equal(metrics.value('projection_dead_letters'), undefined, 'nobody knows');
      });
      await untilScraped(api, (metrics) => assert.ok(lag(metrics) > 2.5, `${lag(metrics)} s`));
    });

    it('say that nobody refreshes the aggregates', async () => {
      await untilScraped(projector, (metrics) => assert.equal(metrics.value('projection_rollup_leader'), 0));
    });

    it('say that the breaker of an instance that only serves is open, too', async () => {
      await untilScraped(idle, (metrics) => assert.equal(breaker(metrics), 1));
      assert.equal((await idle.get('/health/ready')).status, 503);
    });

    it('measure how long it took to be found once it is', async () => {
      assert.equal(await isFound('first'), false);
      assert.equal(slowerThan(2, await scrape(projector)), slowerThan(2, earlier));
      await proxy.accept();
      await eventually(async () => assert.ok(await isFound('first')), 20_000);
      await untilScraped(projector, (metrics) => {
        assert.ok(slowerThan(2, metrics) > slowerThan(2, earlier));
        assert.ok(lag(metrics) < 2);
        assert.equal(metrics.value('projection_lag_messages'), 0);
        assert.equal(breaker(metrics), 0);
        assert.equal(updates(metrics, 'applied'), 3);
        assert.equal(metrics.value('projection_batch_size_sum'), 3);
        assert.ok((metrics.value('projection_write_seconds_sum') ?? 0) > 2);
      });
    });

    it('say afterwards that it is closed, though nobody has searched there or written', async () => {
      await untilScraped(idle, (metrics) => assert.equal(breaker(metrics), 0));
      assert.equal((await idle.get('/health/ready')).status, 200);
    });
  });

  describe('after known traffic', () => {
    before(async () => {
      await publishMessages(
        backend,
        TRAFFIC.map(([, event]) => event),
      );
      await eventually(async () => assert.ok(await isFound('a')));
      await publishMessages(backend, LATE_TRAFFIC);
      await untilScraped(projector, (metrics) => assert.equal(updates(metrics, 'applied'), APPLIED));
    });

    it('count what became of each event', async () => {
      const metrics = await scrape(projector);
      for (const outcome of ['duplicate', 'skipped', 'dead_lettered', 'parked']) {
        assert.equal(updates(metrics, outcome), TRAFFIC.filter(([expected]) => expected === outcome).length, outcome);
      }
      for (const reason of ['invalid', 'unparseable', 'sequence_conflict']) {
        assert.equal(errors(metrics, reason), 1, reason);
      }
    });

    it('count the events of batches and the time that these took', async () => {
      const metrics = await scrape(projector);
      // Two are refused before they come into one.
      assert.equal(metrics.value('projection_batch_size_sum'), 3 + TRAFFIC.length - 2 + LATE_TRAFFIC.length);
      const batches = metrics.value('projection_batch_size_count');
      assert.equal(metrics.value('projection_write_seconds_count'), batches);
    });

    it('say what waits for an operator', async () => {
      await untilScraped(projector, (metrics) => {
        assert.equal(metrics.value('projection_parked_events'), 1);
        assert.equal(metrics.value('projection_gapped_orders'), 1);
        assert.ok((metrics.value('projection_oldest_parked_seconds') ?? 0) > 0);
        assert.equal(metrics.value('projection_dead_letters'), 3);
      });
      assert.equal((await scrape(api)).value('projection_dead_letters'), 3);
    });

    it('count changes to days that were final', async () => {
      assert.equal((await scrape(projector)).value('projection_late_events_total'), 1);
    });

    for (const projection of ['revenue-daily', 'seller-daily']) {
      it(`say how far ${projection} is, and how much of it was written`, async () => {
        await untilScraped(projector, (metrics) => {
          const watermark = Date.parse(NEWEST) / 1_000 - LATE_GRACE_SECONDS;
          assert.equal(metrics.value('projection_watermark_seconds', { projection }), watermark);
          assert.ok(lag(metrics, projection) < 10, `${lag(metrics, projection)} s`);
          assert.equal(metrics.value('projection_rollup_interval_seconds', { projection }), 0.2);
          // Two days, if no more than once.
          assert.ok((updates(metrics, 'applied', projection) ?? 0) >= 2);
          assert.equal(metrics.value('projection_rollup_leader'), 1);
        });
      });
    }

    it('count requests by route, method and status', async () => {
      const before = await scrape(api);
      await Promise.all(
        ['/orders/a', '/orders/a', '/orders/nobody', '/search?q=lantern', '/nowhere'].map((path) => ask(path)),
      );
      await ask('/search', 'POST');
      const requests: [count: number, route: string, method: string, status: string][] = [
        [2, '/orders/:id', 'GET', '200'],
        [1, '/orders/:id', 'GET', '404'],
        [1, '/search', 'GET', '200'],
        [1, '/search', 'POST', '405'],
        [1, 'unmatched', 'GET', '404'],
      ];
      await untilScraped(api, (metrics) => {
        for (const [count, route, method, status] of requests) {
          const told = (one: ScrapedMetrics) =>
            one.value('http_request_duration_seconds_count', { route, method, status }) ?? 0;
          assert.equal(told(metrics) - told(before), count, `${method} ${route} ${status}`);
        }
      });
    });

    it('have the process defaults', async () => {
      const { names } = await scrape(projector);
      for (const name of ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'nodejs_eventloop_lag_seconds'])
        assert.ok(names.has(name), name);
    });
  });

  describe('after a rebuild', () => {
    const toldByAll = async () => {
      for (const service of [projector, api]) {
        await untilScraped(service, (metrics) => {
          assert.equal(metrics.value('projection_rebuild_processed'), DOCUMENTS);
          assert.equal(metrics.value('projection_rebuild_total'), DOCUMENTS);
        });
      }
    };

    it('say how many of how many orders it has processed, and how long it took', async () => {
      const operator = operatorOf(api);
      const { id } = await operator.start();
      const { processed, startedAt, finishedAt } = await operator.over(id);
      assert.equal(processed, DOCUMENTS);
      const seconds = (Date.parse(finishedAt ?? '') - Date.parse(startedAt)) / 1_000;
      await toldByAll();
      await untilScraped(projector, (metrics) => {
        assert.equal(metrics.value('projection_rebuild_duration_seconds_count'), 1);
        assert.equal(metrics.value('projection_rebuild_duration_seconds_sum'), seconds);
        assert.equal(metrics.value('projection_rebuild_stalled'), 0);
      });
    });

    it('still say so after readers were moved back: that is no rebuild', async () => {
      const operator = operatorOf(api);
      const standby = (await operator.generations()).find(({ state }) => state === 'standby');
      await operator.activate(standby?.name ?? '');
      await toldByAll();
      assert.equal((await scrape(projector)).value('projection_rebuild_duration_seconds_count'), 1);
    });
  });

  describe('when the projector hangs, and when it is gone', () => {
    it('say on those that only serve how old searches have become, and what waits', async () => {
      await untilScraped(api, (metrics) => assert.ok(lag(metrics) < 2));
      process.kill(projector.pid, 'SIGSTOP');
      await untilScraped(api, (metrics) => assert.ok(lag(metrics) > 3));
      const hung = lag(await scrape(api));
      await projector.kill();
      await publishMessages(backend, [placed('x', NEWEST), placed('y', NEWEST)]);
      await untilScraped(api, (metrics) => {
        assert.ok(lag(metrics) > hung + 1);
        // A heartbeat may wait with them.
        assert.ok([2, 3].includes(metrics.value('projection_lag_messages') ?? NaN));
      });
    });
  });

  async function ask(path: string, method = 'GET'): Promise<void> {
    await (await fetch(`${api.url}${path}`, { method })).text();
  }
});

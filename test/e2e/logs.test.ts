import assert from 'node:assert/strict';
import { UPDATE_OUTCOMES } from '../../src/observability/metrics.ts';
import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import { messageOf, publish, publishMessages, untilDrained } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { startService, untilReady, type RunningService } from '../support/running-service.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

const PERSON = { name: 'Zebulon Sekretowitz', email: 'zebulon@sekretowitz.example', street: 'Geheimweg 7' };
const FLOOD = 300;

interface Line {
  readonly level: string;
  readonly time: string;
  readonly service: string;
  readonly msg: string;
  readonly eventId?: string;
  readonly orderId?: string;
  readonly sequence?: number;
  readonly outcome?: string;
  readonly at?: string;
  readonly reason?: string;
}

function event(orderId: string, sequence: number, type: string, data: CloudEvent['data']): CloudEvent {
  const time = `2026-03-01T00:00:${String(sequence).padStart(2, '0')}Z`;
  const about = { type, subject: orderId, partitionkey: orderId, time, sequence, data };
  return {
    specversion: '1.0',
    id: `${orderId}-${sequence}`,
    source: '/test',
    datacontenttype: 'application/json',
    ...about,
  };
}

const placed = (orderId: string, customer: object = { id: 'c-1', ...PERSON }): CloudEvent =>
  event(orderId, 1, 'order.placed.v2', {
    customer,
    sellerId: 's-1',
    currency: 'EUR',
    items: [{ sku: 'S-1', name: 'Lantern', quantity: 1, unitPriceCents: 100 }],
    totalCents: 100,
    tags: [],
    shipTo: PERSON.street,
  });

/** A person's order all its life, and everything that can go wrong with what is said of her. */
function life(): CloudEvent[] {
  return [
    placed('L-1'),
    event('L-1', 2, 'order.corrected.v1', { patch: { customer: { name: `${PERSON.name} jr.` } }, reason: 'a typo' }),
    event('L-1', 4, 'order.tagged.v1', { add: [PERSON.name], remove: [] }),
    placed('L-2', { id: 'c-1', name: [PERSON.name], email: PERSON.email }),
    { ...placed('L-3'), time: PERSON.name },
    placed('L-4'),
    { ...placed('L-4'), id: 'another' },
    event('L-4', 2, 'order.erased.v1', { reason: `asked for by ${PERSON.email}` }),
  ];
}

describe('the logs of a run', function () {
  this.timeout(60_000);
  let backend: TestBackend;
  let service: RunningService;

  beforeEach(async () => {
    backend = await testBackend();
  });
  afterEach(async () => {
    await service.stop();
    await backend.remove();
  });

  const lines = (): Line[] =>
    service
      .log()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);

  async function runThrough(level: string): Promise<void> {
    service = await startService({ ...backend.environment, LOG_LEVEL: level });
    await untilReady(service);
    await publish(backend, life());
    const broken = JSON.stringify(placed('L-5')).replace('"email":', '"email" oops ');
    await publishMessages(backend, [messageOf(broken), messageOf(`"${PERSON.name}"`)]);
    const name = encodeURIComponent(PERSON.name);
    for (const path of [`/search?q=${name}`, `/suggest?q=${name}`, `/orders/${name}`, `/search?nobody=${name}`])
      await service.get(path);
    await untilDrained(backend, service);
    await eventually(async () => {
      const { body } = await service.get<{ items: unknown[] }>('/admin/dead-letters');
      assert.equal(body.items.length, 4);
    });
  }

  describe('at info', () => {
    it('tell of nobody, in lines of one shape, and name the events that were refused', async () => {
      await runThrough('info');
      const log = service.log();
      for (const part of ['Zebulon', 'ekretowitz', 'Geheimweg']) assert.ok(!log.includes(part), log);
      for (const { level, time, service: who, msg } of lines()) {
        assert.match(level, /^(info|warn|error)$/);
        assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
        assert.equal(who, 'order-search');
        assert.ok(msg.length > 0);
      }
      const refused = lines().filter(({ msg }) => msg === 'dead-lettered');
      const named = refused.map(({ reason, eventId }) => `${reason} ${eventId}`).sort();
      assert.deepEqual(named, [
        'invalid L-2-1',
        'invalid L-3-1',
        'sequence_conflict another',
        'unparseable undefined',
        'unparseable undefined',
      ]);
      assert.ok(lines().some(({ msg }) => msg === 'batch projected'));
    });
  });

  describe('at debug', () => {
    it('name each event with what became of it, a line each', async () => {
      await runThrough('debug');
      const settled = lines().filter(({ msg }) => msg === 'event settled');
      const ofFirst = settled.filter(({ eventId }) => eventId === 'L-1-1');
      assert.deepEqual(
        ofFirst.map(({ orderId, sequence, outcome, at }) => ({ orderId, sequence, outcome, at })),
        [{ orderId: 'L-1', sequence: 1, outcome: 'applied', at: '2026-03-01T00:00:01.000Z' }],
      );
      const unread = settled.filter(({ outcome, eventId }) => outcome === 'dead_lettered' && eventId === undefined);
      assert.equal(unread.length, 2);
      assert.ok(unread.every(({ at }) => typeof at === 'string'));
      for (const { outcome } of settled) assert.ok((UPDATE_OUTCOMES as readonly unknown[]).includes(outcome), outcome);
    });

    it('say when an event is applied that was parked', async () => {
      service = await startService({ ...backend.environment, LOG_LEVEL: 'debug' });
      await untilReady(service);
      await publish(backend, [event('L-6', 2, 'order.paid.v1', { amountCents: 100 })]);
      await untilDrained(backend, service);
      await publish(backend, [placed('L-6')]);
      await eventually(() => {
        const said = lines().filter(({ eventId }) => eventId === 'L-6-2');
        assert.deepEqual(
          said.map(({ msg, outcome, orderId, sequence }) => [msg, outcome, orderId, sequence]),
          [
            ['event settled', 'parked', 'L-6', 2],
            ['parked event applied', 'applied', 'L-6', 2],
          ],
        );
      });
    });
  });

  describe('when a producer sends the same mistake again and again', () => {
    it('tell of it a few times only', async () => {
      service = await startService(backend.environment);
      await untilReady(service);
      await publish(
        backend,
        Array.from({ length: FLOOD }, (_, index) => ({ ...placed(`F-${index}`), specversion: '0.3' as '1.0' })),
      );
      await eventually(async () => {
        const text = await (await fetch(`${service.url}/metrics`)).text();
        assert.match(text, new RegExp(`outcome="dead_lettered"\\} ${FLOOD}$`, 'm'));
      }, 20_000);
      assert.equal(lines().filter(({ msg }) => msg === 'dead-lettered').length, 5);
    });
  });
});

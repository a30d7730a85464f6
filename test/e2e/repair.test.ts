import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { connect } from 'amqplib';
import { outgoingOf, type CloudEvent } from '../../src/sample/cloud-event.ts';
import { generateEvents } from '../support/generate-events.ts';
import { assertExactly, deadLettersOf, publish, untilDrained } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { operatorOf } from '../support/rebuild-operator.ts';
import { startService, untilReady, type RunningService } from '../support/running-service.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';
import { freePort } from '../support/under-load.ts';

const CLI = new URL('../../src/cli.ts', import.meta.url).pathname;
/** Of ten orders the second event is in the history alone; of one the third is nowhere. */
const HELD_BACK = 10;
const LOST = 'G-000021';
const LOST_SEQUENCE = 3;

interface Parked {
  readonly items: readonly { orderId: string; version: number; missing: number[][]; parked: number; gapped: boolean }[];
}

interface Health {
  readonly parts: { readonly projector: { readonly state: string; readonly reason?: string } };
}

describe('orders with holes', function () {
  this.timeout(120_000);
  let backend: TestBackend;
  let service: RunningService;

  beforeEach(async () => {
    backend = await testBackend();
    service = await startService({ ...backend.environment, GAP_GRACE_SECONDS: '1' });
    await untilReady(service);
  });
  afterEach(async () => {
    await service.stop();
    await backend.remove();
  });

  const all = generateEvents({ seed: 'repair', orders: 40, eventsPerOrder: { min: 4, max: 8 }, shuffleWindow: 20 });
  const isLost = ({ subject, sequence }: CloudEvent) => subject === LOST && sequence === LOST_SEQUENCE;
  const isHeldBack = ({ subject, sequence }: CloudEvent) => sequence === 2 && Number(subject.slice(-6)) <= HELD_BACK;

  async function publishWithHoles(): Promise<void> {
    await publishIntoHistory(backend, all.filter(isHeldBack));
    await publish(
      backend,
      all.filter((event) => !isHeldBack(event) && !isLost(event)),
    );
    await untilDrained(backend, service);
  }

  async function listed(): Promise<Parked['items']> {
    return (await service.get<Parked>('/admin/parked?size=100')).body.items;
  }

  async function projectorIs(state: string): Promise<string> {
    return eventually(async () => {
      const { projector } = (await service.get<Health>('/health')).body.parts;
      assert.equal(projector.state, state, JSON.stringify(projector));
      return projector.reason ?? '';
    }, 20_000);
  }

  async function repair(path: string, missing: string): Promise<{ status: number; body: unknown }> {
    const response = await fetch(`${service.url}${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ missing }),
    });
    return { status: response.status, body: await response.json() };
  }

  const untilParked = (orders: number) =>
    eventually(async () => assert.equal(new Set((await listed()).map(({ orderId }) => orderId)).size, orders), 30_000);

  describe('when an event has reached the history alone', () => {
    it('says which orders wait, and repairs them all from the history; what is nowhere is skipped for good', async () => {
      await publishWithHoles();
      const waiting = await eventually(async () => {
        const items = await listed();
        assert.ok(items.every(({ gapped }) => gapped));
        return items;
      });
      assert.deepEqual(
        waiting.map(({ orderId, missing }) => [orderId, missing]),
        [...expectedHoles()],
      );
      const reason = await projectorIs('degraded');
      assert.match(reason, /^11 orders wait for events that have not come .* POST \/admin\/parked\/repair/);
      const parked = waiting.reduce((sum, item) => sum + item.parked, 0);
      assert.match(
        await (await fetch(`${service.url}/metrics`)).text(),
        new RegExp(`^projection_parked_events ${parked}$[^]*^projection_gapped_orders 11$`, 'm'),
      );

      const stillMissing = [{ orderId: LOST, missing: [[LOST_SEQUENCE, LOST_SEQUENCE]] }];
      const report = { orders: 11, found: 10, republished: 10, skipped: 0, ordersStillMissing: 1, stillMissing };
      assert.deepEqual(await repair('/admin/parked/repair', 'history'), { status: 200, body: report });
      await untilParked(1);
      const again = { ...report, orders: 1, found: 0, republished: 0 };
      assert.deepEqual(await repair(`/admin/orders/${LOST}/repair`, 'history'), { status: 200, body: again });

      const skipped = { ...again, skipped: 1, ordersStillMissing: 0, stillMissing: [] };
      assert.deepEqual(await repair(`/admin/orders/${LOST}/repair`, 'skip'), { status: 200, body: skipped });
      await untilParked(0);
      assert.equal((await repair(`/admin/orders/${LOST}/repair`, 'skip')).status, 404);
      await projectorIs('up');

      await publish(backend, all.filter(isLost));
      await eventually(async () => {
        assert.deepEqual(await deadLettersOf(backend), [`declared_missing sequence ${LOST} ${LOST_SEQUENCE}`]);
      });
      await service.stop();
      const skip = (await backend.documents()).get(LOST)?.events.find(({ sequence }) => sequence === LOST_SEQUENCE);
      assert.equal(skip?.type, 'order.skipped.v1');
      assert.equal(skip.id, `skipped-${LOST}-${LOST_SEQUENCE}`);
      const told = all.map((event) =>
        isLost(event) ? { ...event, ...skip, data: { ...(skip.data as object) } } : event,
      );
      await assertExactly(backend, told, [`declared_missing sequence ${LOST} ${LOST_SEQUENCE}`]);
    });
  });

  describe('when a rebuild reads the history again', () => {
    it('declares nothing missing that may be among it, until that is over', async () => {
      await publishWithHoles();
      await service.stop();
      // The same name, so that it goes on with the rebuild at once.
      const environment = { ...backend.environment, PORT: String(await freePort()) };
      service = await startService({ ...environment, ORDER_SEARCH_FAULT_POINT: 'rebuild COPY:stall=600000' });
      await untilReady(service);
      const { id } = await operatorOf(service).start({ source: 'history' });
      await operatorOf(service).in(id, 'COPY');
      const detail = 'a rebuild is reading events again, the missing ones perhaps among them: wait until it is over';
      for (const path of [`/admin/orders/${LOST}/repair`, '/admin/parked/repair']) {
        const { status, body } = await repair(path, 'skip');
        assert.deepEqual([status, (body as { detail: string }).detail], [409, detail]);
      }
      assert.equal((await repair(`/admin/orders/${LOST}/repair`, 'history')).status, 200);

      await service.kill();
      service = await startService(environment);
      await untilReady(service);
      const { state, error } = await operatorOf(service).over(id);
      assert.equal(state, 'DONE', error ?? '');
      assert.equal((await repair(`/admin/orders/${LOST}/repair`, 'skip')).status, 200);
    });
  });

  describe('when the command line is used', () => {
    it('lists and repairs, and tells the shell whether something is still missing', async () => {
      await publishWithHoles();
      await eventually(async () => assert.ok((await listed()).every(({ gapped }) => gapped)));
      const list = await cli('parked', 'list', '--json');
      assert.equal(list.exitCode, 0);
      assert.deepEqual(
        list.stdout
          .trim()
          .split('\n')
          .map((line) => (JSON.parse(line) as { orderId: string }).orderId),
        expectedHoles().map(([orderId]) => orderId),
      );
      assert.match(
        (await cli('parked', 'list')).stdout,
        /^G-000001 {2}version 1, lacks 2; \d+ events? waits? since 20/,
      );
      const fetched = await cli('parked', 'repair', '--all', '--missing', 'history');
      assert.deepEqual(fetched, {
        exitCode: 1,
        stdout: `published 10 events again of 11 orders\n${LOST}  still lacks ${LOST_SEQUENCE}\n`,
        stderr: '',
      });
      await untilParked(1);
      const skipped = await cli('parked', 'repair', LOST, '--missing', 'skip', '--json');
      assert.equal(skipped.exitCode, 0);
      assert.equal((JSON.parse(skipped.stdout) as { skipped: number }).skipped, 1);
      await untilParked(0);
      assert.equal((await cli('parked', 'list')).stdout, 'no order waits for an event\n');
      const nothing = await cli('parked', 'repair', LOST, '--missing', 'history');
      assert.deepEqual([nothing.exitCode, nothing.stdout], [1, '']);
      assert.match(nothing.stderr, /No event of such an order is parked/);
    });
  });

  async function cli(...args: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
    const { promise, resolve } = Promise.withResolvers<{ exitCode: number; stdout: string; stderr: string }>();
    const env = { ...process.env, ORDER_SEARCH_URL: service.url };
    execFile(process.execPath, [CLI, ...args], { env }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), stdout, stderr });
    });
    return promise;
  }

  /** By order id. */
  function expectedHoles(): [string, number[][]][] {
    const heldBack = all
      .filter(isHeldBack)
      .map(({ subject, sequence }): [string, number[][]] => [subject, [[sequence, sequence]]]);
    return [...heldBack, [LOST, [[LOST_SEQUENCE, LOST_SEQUENCE]]] as [string, number[][]]].sort(([a], [b]) =>
      a < b ? -1 : 1,
    );
  }
});

/** Straight into the stream: the live queue never sees them. */
async function publishIntoHistory({ environment, prefix }: TestBackend, events: readonly CloudEvent[]): Promise<void> {
  const connection = await connect(environment['AMQP_URL'] ?? '');
  const channel = await connection.createConfirmChannel();
  for (const event of events) channel.sendToQueue(`${prefix}.history`, Buffer.from(outgoingOf(event).body));
  await channel.waitForConfirms();
  await connection.close();
}

import assert from 'node:assert/strict';
import type { CloudEvent } from '../../src/sample/cloud-event.ts';
import type { Step } from '../../src/rebuild/state.ts';
import { publish } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { hugeOrder, narrow, type AmountField } from '../support/narrowed-generation.ts';
import { startService, type Environment, type RunningService } from '../support/running-service.ts';
import { beginUnderLoad, EVENTS_PER_SECOND, freePort, type UnderLoad } from '../support/under-load.ts';

/** What a dead process held comes again, a message at a time from the third time on: not too much of it. */
const SHORT_LIVED: Environment = { PREFETCH: '200' };

describe(`under ${EVENTS_PER_SECOND} live events a second, a generation whose mapping refuses documents`, function () {
  this.timeout(600_000);
  let scene: UnderLoad;
  let port: string;
  let last: RunningService;
  const huge: CloudEvent[] = [];
  before(async () => {
    port = String(await freePort());
    scene = await beginUnderLoad({
      seed: 'refused',
      maxWaiting: 2_000,
      environment: SHORT_LIVED,
      first: { PORT: port },
    });
    last = scene.service;
  });
  after(async () => {
    await last.kill();
    await scene.remove();
  });

  async function restart(stalledAt?: Step): Promise<void> {
    await last.kill();
    const fault = stalledAt && { ORDER_SEARCH_FAULT_POINT: `rebuild ${stalledAt}:stall=600000` };
    last = await startService({ ...scene.environment, PORT: port, ...fault });
  }

  /** A rebuild whose generation is narrower in that field than the code thinks, and nothing written to it yet. */
  async function beginNarrowed(field: AmountField, request: Readonly<Record<string, unknown>> = {}): Promise<string> {
    await restart('REGISTER');
    const { id } = await scene.operator.start(request);
    const { generation } = await scene.operator.in(id, 'REGISTER');
    await narrow(scene.backend, generation, field);
    return id;
  }

  /** Published, and found: live goes on taking. */
  async function publishHuge(orderId: string, field: AmountField): Promise<void> {
    const events = hugeOrder(orderId, field);
    huge.push(...events);
    await publish(scene.backend, events);
    await eventually(async () => {
      const { status } = await scene.api.get(`/orders/${orderId}?minVersion=${events.length}&waitMs=5000`);
      assert.equal(status, 200);
    }, 120_000);
  }

  async function states(): Promise<string[]> {
    return (await scene.operator.generations()).map(({ state }) => state);
  }

  describe('when what is copied to it is refused', () => {
    it('fails, naming the order and the field, and is dropped', async () => {
      await publishHuge('huge-total', 'totalCents');
      const id = await beginNarrowed('totalCents');
      await restart();
      const { state, error } = await scene.operator.over(id);
      assert.equal(state, 'FAILED');
      assert.match(error ?? '', /^1 order cannot be built: huge-total \(totalCents: /);
      assert.deepEqual(await states(), ['live']);
    });
  });

  describe('when it refuses a live write while it is built', () => {
    it('fails with the reason, and live takes the write all the same', async () => {
      const id = await beginNarrowed('paidCents');
      await restart('CATCH_UP');
      await scene.operator.in(id, 'CATCH_UP');
      await publishHuge('huge-payment', 'paidCents');
      await restart();
      const { state, error } = await scene.operator.over(id);
      assert.equal(state, 'FAILED');
      assert.match(error ?? '', /refuses order huge-payment at version \d \(paidCents: /);
      assert.deepEqual(await states(), ['live']);
    });
  });

  describe('when it refuses a live write as a standby', () => {
    it('has diverged: it is not swapped to, and may be deleted', async () => {
      const id = await beginNarrowed('refundedCents', { activate: false });
      await restart();
      const { state, generation } = await scene.operator.over(id);
      assert.equal(state, 'DONE');
      assert.deepEqual(await states(), ['live', 'standby']);
      await publishHuge('huge-refund', 'refundedCents');
      assert.deepEqual(await states(), ['live', 'diverged']);
      const reason = /refuses order huge-refund at version 3 \(refundedCents: /;
      assert.match((await scene.operator.generations())[1]?.reason ?? '', reason);
      assert.match(await scene.operator.refused('POST', `/admin/generations/${generation}/activate`, 409), reason);
      await scene.operator.remove(generation);
      assert.deepEqual(await states(), ['live']);
    });
  });

  describe('when all of that has happened', () => {
    it('has no effect on what is live, and nothing is dead-lettered', () => scene.judge(last, huge));
  });
});

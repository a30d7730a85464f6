import assert from 'node:assert/strict';
import type { VerificationEvent } from '../../../src/http/dependencies.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeOrders, fakeDependencies } from './fake-orders.ts';
import { withApp } from './running-app.ts';

const PATH = '/admin/aggregates/verification';
const DIFFERENCE = { aggregate: 'revenue-daily', key: '2026-03-01|EUR', field: 'orders', expected: 1, found: 2 };
const END = { orders: 3, rows: 2, differences: 1, unsettled: 0 };

/** Longer than it takes one that was hung up on to end. */
const LET_GO_MS = 50;

/** A verification that says how far it is, and then what it is let say. */
function heldVerification() {
  const going = Promise.withResolvers<void>();
  let ended = 0;
  async function* verifyAggregates(signal: AbortSignal): AsyncGenerator<VerificationEvent> {
    const hungUp = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
    try {
      yield { kind: 'progress', orders: 1, total: 3 };
      await Promise.race([going.promise, hungUp]);
      yield { kind: 'difference', ...DIFFERENCE };
      yield { kind: 'end', ...END };
    } finally {
      ended += 1;
      hungUp.catch(() => undefined); // Of those that end otherwise.
    }
  }
  return { verifyAggregates, release: going.resolve, ended: () => ended };
}

describe('GET /admin/aggregates/verification', () => {
  it('tells how far it is, each difference and the end', async () => {
    const { verifyAggregates, release } = heldVerification();
    release();
    await withApp(fakeDependencies(new FakeOrders(), { verifyAggregates }), async (get) => {
      const { status, headers, text } = await get(PATH);
      assert.deepEqual([status, headers.get('content-type')], [200, 'text/event-stream']);
      const events = text.split('\n\n').filter((one) => one.startsWith('event: '));
      assert.deepEqual(events, [
        'event: progress\nid: 1\ndata: {"orders":1,"total":3}',
        `event: difference\nid: 2\ndata: ${JSON.stringify(DIFFERENCE)}`,
        `event: end\nid: 3\ndata: ${JSON.stringify(END)}`,
      ]);
      assert.equal((await get(PATH)).status, 200);
    });
  });

  it('is refused while another one runs, and not after that', async () => {
    const { verifyAggregates, release } = heldVerification();
    await withApp(fakeDependencies(new FakeOrders(), { verifyAggregates }), async (get, port) => {
      const first = await fetch(`http://127.0.0.1:${port}${PATH}`);
      const second = await get(PATH);
      assert.equal(second.status, 409);
      assert.match(second.text, /verified already/);
      release();
      await first.text();
      assert.equal((await get(PATH)).status, 200);
    });
  });

  it('ends when its client hangs up, and lets the next one begin', async () => {
    const { verifyAggregates, release, ended } = heldVerification();
    await withApp(fakeDependencies(new FakeOrders(), { verifyAggregates }), async (get, port) => {
      const client = new AbortController();
      await fetch(`http://127.0.0.1:${port}${PATH}`, { signal: client.signal });
      assert.equal(ended(), 0);
      client.abort();
      await eventually(() => assert.equal(ended(), 1));
      release();
      await eventually(async () => assert.equal((await get(PATH)).status, 200));
    });
  });

  it('is refused while another one runs that has begun before the one that was hung up on had ended', async () => {
    const ends = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let begun = 0;
    async function* verifyAggregates(): AsyncGenerator<VerificationEvent> {
      const end = ends[begun++];
      yield { kind: 'progress', orders: 1, total: 3 };
      await end?.promise;
      yield { kind: 'end', ...END };
    }
    await withApp(fakeDependencies(new FakeOrders(), { verifyAggregates }), async (get, port) => {
      const address = `http://127.0.0.1:${port}${PATH}`;
      const client = new AbortController();
      await fetch(address, { signal: client.signal });
      client.abort();
      const second = await eventually(async () => {
        const response = await fetch(address);
        assert.equal(response.status, 200);
        return response;
      });
      ends[0]?.resolve();
      await new Promise((resolve) => setTimeout(resolve, LET_GO_MS));
      assert.equal((await get(PATH)).status, 409);
      ends[1]?.resolve();
      await second.text();
    });
  });

  it('lets the next one begin after one whose events nobody wanted', async () => {
    const { verifyAggregates, release } = heldVerification();
    release();
    await withApp(fakeDependencies(new FakeOrders(), { verifyAggregates }), async (get) => {
      assert.equal((await get(PATH, { method: 'HEAD' })).status, 200);
      await eventually(async () => assert.equal((await get(PATH)).status, 200));
    });
  });
});

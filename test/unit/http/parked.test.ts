import assert from 'node:assert/strict';
import { BrokerUnavailableError } from '../../../src/broker/port.ts';
import type { HttpDependencies, ParkedOrder, RepairOutcome, RepairRequest } from '../../../src/http/dependencies.ts';
import { FakeOrders, fakeDependencies } from './fake-orders.ts';
import { withApp, type Answered } from './running-app.ts';

const PARKED: readonly ParkedOrder[] = ['a', 'b', 'ü/3'].map((orderId) => ({
  orderId,
  version: 1,
  missing: [[2, 3]],
  parked: 4,
  oldestParkedAt: '2026-01-01T00:00:00.000Z',
  gapped: true,
}));

const REPORT = { orders: 1, found: 0, republished: 0, skipped: 1, ordersStillMissing: 0, stillMissing: [] };

type Call = (path: string, init?: RequestInit) => Promise<Answered>;

async function withParked(
  replaced: Partial<HttpDependencies>,
  test: (get: Call, requests: readonly RepairRequest[]) => Promise<void>,
): Promise<void> {
  const requests: RepairRequest[] = [];
  const dependencies = fakeDependencies(new FakeOrders(), {
    parkedOrders: ({ after, size }) => {
      const from = after === undefined ? 0 : PARKED.findIndex(({ orderId }) => orderId === after) + 1;
      const gaps = PARKED.slice(from, from + size);
      return Promise.resolve({ gaps, next: from + size < PARKED.length ? gaps.at(-1)?.orderId : undefined });
    },
    repair: (request) => {
      requests.push(request);
      return Promise.resolve({ kind: 'repaired', report: REPORT });
    },
    ...replaced,
  });
  await withApp(dependencies, (get) => test(get, requests));
}

const post = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
});

describe('GET /admin/parked', () => {
  describe('when orders have parked events', () => {
    it('lists them page by page', () =>
      withParked({}, async (get) => {
        const first = (await get('/admin/parked?size=2')).json() as { items: unknown[]; nextCursor: string };
        assert.deepEqual(first.items, PARKED.slice(0, 2));
        const second = (await get(`/admin/parked?size=2&cursor=${first.nextCursor}`)).json();
        assert.deepEqual(second, { items: PARKED.slice(2), nextCursor: null });
      }));
  });

  describe('when the last of a page has the longest id', () => {
    it('goes on by its own cursor', () => {
      const longest = '\u0001'.repeat(512);
      const parkedOrders: HttpDependencies['parkedOrders'] = ({ after }) =>
        Promise.resolve({ gaps: [], next: after === undefined ? longest : undefined });
      return withParked({ parkedOrders }, async (get) => {
        const { nextCursor } = (await get('/admin/parked')).json() as { nextCursor: string };
        const answered = await get(`/admin/parked?cursor=${nextCursor}`);
        assert.deepEqual([answered.status, answered.json()], [200, { items: [], nextCursor: null }]);
      });
    });
  });

  describe('when the input is bad', () => {
    it('answers 400, for a cursor that was tampered with too', () =>
      withParked({}, async (get) => {
        const { nextCursor } = (await get('/admin/parked?size=1')).json() as { nextCursor: string };
        const tampered = Buffer.from(Buffer.from(nextCursor, 'base64url').toString().replace('"a"', '"b"')).toString(
          'base64url',
        );
        for (const query of [
          'size=0',
          'size=101',
          'colour=red',
          'cursor=',
          'cursor=W10',
          'cursor=*',
          `cursor=${tampered}`,
        ]) {
          assert.equal((await get(`/admin/parked?${query}`)).status, 400, query);
        }
      }));
  });
});

describe('POST /admin/parked/repair and /admin/orders/{id}/repair', () => {
  describe('when an admin asks for it', () => {
    it('repairs all gapped orders, or the one that is named, in the admin’s name', () =>
      withParked({}, async (get, requests) => {
        const all = await get('/admin/parked/repair', post({ missing: 'history' }));
        assert.deepEqual([all.status, all.json()], [200, REPORT]);
        assert.equal(
          (await get(`/admin/orders/${encodeURIComponent('ü/3')}/repair`, post({ missing: 'skip' }))).status,
          200,
        );
        const by = 'admin anonymous';
        assert.deepEqual(requests, [
          { missing: 'history', by },
          { orderId: 'ü/3', missing: 'skip', by },
        ]);
      }));
  });

  describe('when it cannot be done', () => {
    const cases: readonly [RepairOutcome, number, RegExp][] = [
      [{ kind: 'nothing_parked' }, 404, /No event of such an order is parked/],
      [{ kind: 'refused', reason: 'Order x lacks 12345 events.' }, 409, /Order x lacks 12345 events/],
      [{ kind: 'busy' }, 409, /A repair is running/],
    ];
    for (const [outcome, status, detail] of cases) {
      it(`answers ${status} for ${outcome.kind}`, () =>
        withParked({ repair: () => Promise.resolve(outcome) }, async (get) => {
          const answer = await get('/admin/orders/x/repair', post({ missing: 'skip' }));
          assert.equal(answer.status, status);
          assert.match((answer.json() as { detail: string }).detail, detail);
        }));
    }

    it('answers 503 while the broker is away', () =>
      withParked({ repair: () => Promise.reject(new BrokerUnavailableError('away')) }, async (get) => {
        assert.equal((await get('/admin/parked/repair', post({ missing: 'history' }))).status, 503);
      }));
  });

  describe('when the input is bad', () => {
    it('answers 400 and repairs nothing', () =>
      withParked({}, async (get, requests) => {
        for (const body of [{}, { missing: 'all' }, { missing: 'skip', force: true }]) {
          assert.equal((await get('/admin/parked/repair', post(body))).status, 400, JSON.stringify(body));
        }
        assert.equal((await get('/admin/parked/repair')).status, 405);
        assert.deepEqual(requests, []);
      }));
  });

  describe('when someone else asks', () => {
    it('answers 403 to every role but admin', async () => {
      for (const role of ['customer', 'seller', 'support'] as const) {
        const authenticate = () => Promise.resolve({ kind: 'caller', caller: { role, sub: 's' } } as const);
        await withParked({ authenticate }, async (get, requests) => {
          const statuses = [
            (await get('/admin/parked')).status,
            (await get('/admin/parked/repair', post({ missing: 'skip' }))).status,
            (await get('/admin/orders/x/repair', post({ missing: 'skip' }))).status,
          ];
          assert.deepEqual([statuses, requests], [[403, 403, 403], []]);
        });
      }
    });
  });
});

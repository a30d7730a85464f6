import assert from 'node:assert/strict';
import { lagAnswer } from '../../../src/http/answers.ts';
import type { LagReport } from '../../../src/http/lag-report.ts';
import { FakeOrders, fakeDependencies } from './fake-orders.ts';
import { withApp } from './running-app.ts';

const AT = '2026-03-01T10:00:00.000Z';
const REPORT: LagReport = {
  ...{ asOf: AT, lagSeconds: 1.5, messages: null },
  samples: [
    { at: AT, lagSeconds: null, messages: null },
    { at: '2026-03-01T10:00:05.000Z', lagSeconds: 0.7, messages: 12 },
  ],
};

describe('GET /admin/lag', () => {
  it('tells how far answers are behind, and were', async () => {
    const asked: (string | undefined)[] = [];
    const lag = (since: string | undefined) => {
      asked.push(since);
      return Promise.resolve(REPORT);
    };
    await withApp(fakeDependencies(new FakeOrders(), { lag }), async (get) => {
      const answered = await get('/admin/lag');
      assert.equal(answered.status, 200, answered.text);
      const { samples: items, ...now } = REPORT;
      assert.deepEqual(lagAnswer.parse(answered.json()), { items, nextCursor: null, ...now });
      assert.equal((await get('/admin/lag?since=2026-03-01T11:00:00%2B01:00')).status, 200);
      assert.deepEqual(asked, [undefined, AT]);
    });
  });

  it('refuses what is no instant, and names the encoding only where that is what is wrong', async () => {
    const message = 'must be an instant such as 2026-03-01T10:00:00Z';
    await withApp(fakeDependencies(new FakeOrders()), async (get) => {
      for (const [since, told] of [
        ['yesterday', message],
        ['2026-03-01T11:00:00%252B01:00', message],
        ['2026-03-01 11:00:00Z', message],
        ['2026-03-01T11:00:00+01:00', 'must have its + written %2B'],
        ['2026-03-01T11:00:00%2001:00', 'must have its + written %2B'],
      ] as const) {
        const answered = await get(`/admin/lag?since=${since}`);
        assert.equal(answered.status, 400, since);
        const { errors } = answered.json() as { errors: unknown };
        assert.deepEqual(errors, [{ path: 'since', message: told }], since);
      }
    });
  });

  it('is for admins alone', async () => {
    const authenticate = () => Promise.resolve({ kind: 'caller', caller: { role: 'support', sub: 's' } } as const);
    await withApp(fakeDependencies(new FakeOrders(), { authenticate }), async (get) => {
      assert.equal((await get('/admin/lag')).status, 403);
    });
  });
});

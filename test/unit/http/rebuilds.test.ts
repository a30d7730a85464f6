import assert from 'node:assert/strict';
import type { RebuildOperations, RebuildRequest } from '../../../src/http/dependencies.ts';
import { rebuildAnswer, rebuildsAnswer } from '../../../src/http/rebuild-answers.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { FakeOrders, fakeDependencies } from './fake-orders.ts';
import { rebuildView } from './rebuild-views.ts';
import { withApp } from './running-app.ts';
import type { Answered } from './running-app.ts';

const never = () => assert.fail('not asked for');
const NONE: RebuildOperations = {
  projections: ['revenue-daily'],
  start: never,
  list: never,
  get: never,
  change: never,
};

async function ask(operations: Partial<RebuildOperations>, path = '', init: RequestInit = {}): Promise<Answered> {
  const dependencies = fakeDependencies(new FakeOrders(), { rebuilds: { ...NONE, ...operations } });
  return withApp(dependencies, (request) => request(`/admin/rebuilds${path}`, init));
}

const post = (body?: string): RequestInit => ({
  method: 'POST',
  ...(body !== undefined && { body, headers: { 'Content-Type': 'application/json' } }),
});

describe('POST /admin/rebuilds', () => {
  const DEFAULTS = { projection: 'orders', source: 'index', activate: true, keep: 1, allowPartial: false };

  describe('when nothing else runs', () => {
    it('answers 202 with the rebuild and where to look for it', async () => {
      const rebuild = rebuildView({ id: 'r/1', state: 'CREATE', generation: '', processed: 0, total: null });
      const answered = await ask({ start: () => Promise.resolve({ kind: 'started', rebuild }) }, '', post());
      assert.equal(answered.status, 202, answered.text);
      assert.equal(answered.headers.get('location'), '/admin/rebuilds/r%2F1');
      assert.deepEqual(rebuildAnswer.parse(answered.json()), rebuild);
    });

    it('fills in what is left out', async () => {
      const asked: RebuildRequest[] = [];
      const start = (request: RebuildRequest) => {
        asked.push(request);
        return Promise.resolve({ kind: 'started', rebuild: rebuildView() } as const);
      };
      const whole = { ...DEFAULTS, source: 'file', path: 'a/b.gz', activate: false, keep: 0, allowPartial: true };
      const aggregates = ['{"projection":"revenue-daily"}', '{"projection":"revenue-daily","keep":1}'];
      for (const body of [undefined, '{}', '{"source":"history"}', JSON.stringify(whole), ...aggregates]) {
        assert.equal((await ask({ start }, '', post(body))).status, 202, body);
      }
      assert.deepEqual(asked, [
        ...[DEFAULTS, DEFAULTS, { ...DEFAULTS, source: 'history' }, whole],
        ...aggregates.map(() => ({ ...DEFAULTS, projection: 'revenue-daily' })),
      ]);
    });
  });

  describe('when the history is to be read from an instant on', () => {
    it('takes it in any time zone', async () => {
      const asked: (string | undefined)[] = [];
      const start = ({ from }: RebuildRequest) => {
        asked.push(from);
        return Promise.resolve({ kind: 'started', rebuild: rebuildView() } as const);
      };
      for (const from of ['2026-11-22T12:00:00+01:00', '2026-11-22T11:00:00Z', '2026-11-22T11:00:00.000999Z']) {
        const answered = await ask({ start }, '', post(JSON.stringify({ source: 'history', from })));
        assert.equal(answered.status, 202, answered.text);
      }
      assert.deepEqual(asked, Array<string>(3).fill('2026-11-22T11:00:00.000Z'));
    });
  });

  describe('when one runs already', () => {
    it('answers 409 and says which one', async () => {
      const busy = (paused: boolean) =>
        ask(
          { start: () => Promise.resolve({ kind: 'busy', by: rebuildView({ paused }), canBeCancelled: true }) },
          '',
          post(),
        );
      const answered = await busy(false);
      assert.equal(answered.status, 409);
      assert.match(answered.headers.get('content-type') ?? '', /^application\/problem\+json/);
      const { detail } = answered.json() as { detail: string };
      assert.equal(
        detail,
        'Rebuild r-1, started at 2026-03-01T10:00:00.000Z from index, is in COPY: wait for it, or POST /admin/rebuilds/r-1/cancel.',
      );
      assert.match((await busy(true)).text, /is paused in COPY/);
    });

    it('does not advise to cancel one that readers have been moved by', async () => {
      const by = rebuildView({ state: 'ROLLUPS' });
      const start = () => Promise.resolve({ kind: 'busy', by, canBeCancelled: false } as const);
      const { detail } = (await ask({ start }, '', post())).json() as { detail: string };
      assert.match(detail, / is in ROLLUPS: wait for it: it is too late to cancel it\.$/);
    });

    it('does not advise to cancel one that has ended and is only being cleaned up', async () => {
      for (const [state, ended] of [
        ['FAILED', 'has failed'],
        ['CANCELLED', 'was cancelled'],
      ] as const) {
        const by = rebuildView({ state });
        const start = () => Promise.resolve({ kind: 'busy', by, canBeCancelled: false } as const);
        const answered = await ask({ start }, '', post());
        assert.equal(answered.status, 409);
        assert.equal(
          (answered.json() as { detail: string }).detail,
          `Rebuild r-1, started at 2026-03-01T10:00:00.000Z from index, ${ended} and is being cleaned up: try again in a moment.`,
        );
      }
    });
  });

  describe('when the body is wrong', () => {
    it('answers 400, names the field, and starts nothing', async () => {
      for (const [body, path, message] of [
        ['{"projection":"invoices"}', 'projection', 'must be one of orders, revenue-daily'],
        ['{"source":"disk"}', 'source', 'must be one of index, history, file'],
        ['{"source":"file"}', 'path', 'is needed with the source file'],
        ['{"path":"a"}', 'path', 'does not go with the source index'],
        ['{"from":"2026-03-01T00:00:00Z"}', 'from', 'does not go with the source index'],
        ['{"source":"history","from":"yesterday"}', 'from', 'must be an instant such as 2026-03-01T10:00:00Z'],
        [
          '{"source":"history","from":"2026-03-01T10:00:00 01:00"}',
          'from',
          'must be an instant such as 2026-03-01T10:00:00Z',
        ],
        ['{"source":"history","from":1}', 'from', 'must be a text'],
        ['{"source":"file","path":""}', 'path', 'must not be empty'],
        ['{"activate":"yes"}', 'activate', 'must be true or false'],
        ['{"keep":-1}', 'keep', 'must be a whole number from 0 to 100'],
        ['{"keep":1.5}', 'keep', 'must be a whole number from 0 to 100'],
        ['{"projection":"revenue-daily","keep":2}', 'keep', 'must be left out: revenue-daily has no standbys'],
        ['{"projection":"revenue-daily","activate":false}', 'activate', 'must be true: revenue-daily has no standbys'],
        [
          '{"projection":"revenue-daily","allowPartial":true}',
          'allowPartial',
          'must be false: revenue-daily is made from the orders as they are',
        ],
        ['{"allowPartial":null}', 'allowPartial', 'must be true or false'],
        ['{"force":true}', 'force', 'there is no such parameter'],
      ] as const) {
        const answered = await ask({}, '', post(body));
        assert.equal(answered.status, 400, body);
        assert.deepEqual((answered.json() as { errors: unknown }).errors, [{ path, message }], body);
      }
    });

    it('answers 400 and names the body where that is no JSON object', async () => {
      const message = 'must be a JSON object, in the encoding that its headers name';
      for (const body of ['[', '{bad', 'null', '"x"', '1', '[]', '[{}]']) {
        const answered = await ask({}, '', post(body));
        assert.equal(answered.status, 400, body);
        const { detail, errors } = answered.json() as { detail: string; errors: unknown };
        assert.deepEqual(errors, [{ path: 'body', message }], body);
        assert.equal(detail, `body: ${message}`, body);
      }
      const headers = { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' };
      const answered = await ask({}, '', { method: 'POST', body: '{}', headers });
      assert.deepEqual((answered.json() as { errors: unknown }).errors, [{ path: 'body', message }]);
    });

    it('answers 400 for what only the rebuild can tell', async () => {
      const start = () => Promise.resolve({ kind: 'invalid', path: 'path', message: 'there is no such file' } as const);
      const answered = await ask({ start }, '', post('{"source":"file","path":"../a"}'));
      assert.equal(answered.status, 400);
      const { errors } = answered.json() as { errors: unknown };
      assert.deepEqual(errors, [{ path: 'path', message: 'there is no such file' }]);
    });
  });

  describe('when the index is away', () => {
    it('answers 503', async () => {
      const start = () => Promise.reject(new IndexUnavailableError('away'));
      assert.equal((await ask({ start }, '', post())).status, 503);
    });
  });
});

describe('GET /admin/rebuilds', () => {
  it('lists them', async () => {
    const views = [rebuildView(), rebuildView({ id: 'r-0', state: 'FAILED', error: 'refused', finishedAt: AT })];
    const answered = await ask({ list: () => Promise.resolve(views) });
    assert.equal(answered.status, 200, answered.text);
    assert.deepEqual(rebuildsAnswer.parse(answered.json()), { items: views, nextCursor: null });
    assert.equal((await ask({}, '?state=COPY')).status, 400);
  });
});

const AT = '2026-03-01T10:01:00.000Z';

describe('GET /admin/rebuilds/{id}', () => {
  it('answers with it, or with 404', async () => {
    const get = (id: string) => Promise.resolve(id === 'r-1' ? rebuildView() : undefined);
    assert.deepEqual(rebuildAnswer.parse((await ask({ get }, '/r-1')).json()), rebuildView());
    assert.equal((await ask({ get }, '/r-2')).status, 404);
  });
});

describe('POST /admin/rebuilds/{id}/pause, resume and cancel', () => {
  const changed = (path: string, outcome: Awaited<ReturnType<RebuildOperations['change']>>) =>
    ask({ change: () => Promise.resolve(outcome) }, `/r-1/${path}`, post());

  it('pass the command on and answer with the rebuild', async () => {
    for (const [path, status] of [
      ['pause', 200],
      ['resume', 200],
      ['cancel', 202],
    ] as const) {
      const asked: string[][] = [];
      const change: RebuildOperations['change'] = (id, command) => {
        asked.push([id, command]);
        return Promise.resolve({ kind: 'accepted', rebuild: rebuildView() });
      };
      const answered = await ask({ change }, `/r-1/${path}`, post());
      assert.equal(answered.status, status, answered.text);
      assert.deepEqual(rebuildAnswer.parse(answered.json()), rebuildView());
      assert.deepEqual(asked, [['r-1', path]]);
    }
  });

  it('answer 200 to a cancel where it is cancelled already', async () => {
    const rebuild = rebuildView({ state: 'CANCELLED', finishedAt: AT });
    assert.equal((await changed('cancel', { kind: 'accepted', rebuild })).status, 200);
  });

  it('answer 404 for one that is not there, 409 where it is too late', async () => {
    assert.equal((await changed('pause', { kind: 'not_found' })).status, 404);
    const late = await changed('cancel', { kind: 'over', rebuild: rebuildView({ state: 'DONE', finishedAt: AT }) });
    assert.equal(late.status, 409);
    assert.match(late.text, /Rebuild r-1 is DONE since 2026-03-01T10:01:00.000Z: it is too late to cancel it\./);
  });

  it('take no body, and no other method', async () => {
    assert.equal((await ask({}, '/r-1/pause', post('{"now":true}'))).status, 400);
    assert.equal((await ask({}, '/r-1/pause')).status, 405);
  });
});

describe('the routes of rebuilds', () => {
  it('are for admins alone', async () => {
    const requests: [string, RequestInit][] = [
      ['', {}],
      ['', post('{}')],
      ['/r-1', {}],
      ['/r-1/progress', {}],
      ['/r-1/pause', post()],
      ['/r-1/resume', post()],
      ['/r-1/cancel', post()],
    ];
    const authenticate = () => Promise.resolve({ kind: 'caller', caller: { role: 'support', sub: 's' } } as const);
    await withApp(fakeDependencies(new FakeOrders(), { authenticate, rebuilds: NONE }), async (request) => {
      for (const [path, init] of requests) {
        assert.equal((await request(`/admin/rebuilds${path}`, init)).status, 403, path);
      }
    });
  });
});

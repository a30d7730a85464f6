import assert from 'node:assert/strict';
import type { GenerationOperations } from '../../../src/http/dependencies.ts';
import { generationAnswer, generationsAnswer } from '../../../src/http/rebuild-answers.ts';
import { IndexUnavailableError, RegistryError } from '../../../src/order-index/port.ts';
import { FakeOrders, fakeDependencies } from './fake-orders.ts';
import { generationView } from './rebuild-views.ts';
import { withApp } from './running-app.ts';
import type { Answered } from './running-app.ts';

const never = () => assert.fail('not asked for');
const NONE: GenerationOperations = { list: never, activate: never, remove: never };
const POST = { method: 'POST' };
const DELETE = { method: 'DELETE' };

async function ask(operations: Partial<GenerationOperations>, path = '', init: RequestInit = {}): Promise<Answered> {
  const dependencies = fakeDependencies(new FakeOrders(), { generations: { ...NONE, ...operations } });
  return withApp(dependencies, (request) => request(`/admin/generations${path}`, init));
}

describe('GET /admin/generations', () => {
  it('lists them as they are', async () => {
    const views = [
      generationView({ state: 'diverged', reason: 'refused 3 documents' }),
      generationView({ name: 'orders-000002', number: 2, state: 'live' }),
    ];
    const answered = await ask({ list: () => Promise.resolve(views) });
    assert.equal(answered.status, 200, answered.text);
    assert.deepEqual(generationsAnswer.parse(answered.json()), { items: views, nextCursor: null });
  });

  it('refuses parameters that it does not know', async () => {
    assert.equal((await ask({}, '?size=1')).status, 400);
  });

  it('answers 503 while the index is away', async () => {
    assert.equal((await ask({ list: () => Promise.reject(new IndexUnavailableError('away')) })).status, 503);
  });

  it('tells an operator what is wrong with the aliases', async () => {
    const remedy = 'the alias "orders" is on no index: put it back on orders-000003';
    const answered = await ask({ list: () => Promise.reject(new RegistryError(remedy)) });
    assert.equal(answered.status, 503);
    assert.equal(
      (answered.json() as { detail: string }).detail,
      `The registry of generations cannot be read: ${remedy}.`,
    );
  });
});

describe('POST /admin/generations/{name}/activate', () => {
  it('answers with the generation once readers have moved to it', async () => {
    const asked: string[] = [];
    const live = generationView({ state: 'live' });
    const activate = (name: string) => {
      asked.push(name);
      return Promise.resolve({ kind: 'activated', generation: live } as const);
    };
    const answered = await ask({ activate }, '/orders-000001/activate', POST);
    assert.equal(answered.status, 200, answered.text);
    assert.deepEqual(generationAnswer.parse(answered.json()), live);
    assert.deepEqual(asked, ['orders-000001']);
  });

  it('answers 404 for one that is not there, 409 with the reason for one that is not fit', async () => {
    const refusing = (kind: 'not_found' | 'refused') =>
      ask({ activate: () => Promise.resolve({ kind, reason: 'it has diverged' }) }, '/orders-000001/activate', POST);
    assert.equal((await refusing('not_found')).status, 404);
    const refused = await refusing('refused');
    assert.equal(refused.status, 409);
    assert.equal((refused.json() as { detail: string }).detail, 'it has diverged');
  });
});

describe('POST and DELETE /admin/generations/{name}', () => {
  it('tell an operator what is wrong with the aliases', async () => {
    const fail = () => Promise.reject(new RegistryError('it is on no index'));
    for (const answered of [
      await ask({ activate: fail }, '/orders-000001/activate', POST),
      await ask({ remove: fail }, '/orders-000001', DELETE),
    ]) {
      assert.deepEqual([answered.status, /it is on no index\./.test(answered.text)], [503, true]);
    }
  });
});

describe('DELETE /admin/generations/{name}', () => {
  const removing = (outcome: Awaited<ReturnType<GenerationOperations['remove']>>) =>
    ask({ remove: () => Promise.resolve(outcome) }, '/orders-000001', DELETE);

  it('answers 204 with nothing', async () => {
    const answered = await removing({ kind: 'deleted' });
    assert.deepEqual([answered.status, answered.text, answered.headers.get('content-type')], [204, '', null]);
  });

  it('answers 404 for one that is not there, 409 with the reason for the live one', async () => {
    assert.equal((await removing({ kind: 'not_found' })).status, 404);
    const refused = await removing({ kind: 'refused', reason: 'it is live' });
    assert.deepEqual([refused.status, (refused.json() as { detail: string }).detail], [409, 'it is live']);
  });
});

describe('the routes of generations', () => {
  it('are for admins alone', async () => {
    const authenticate = () => Promise.resolve({ kind: 'caller', caller: { role: 'support', sub: 's' } } as const);
    await withApp(fakeDependencies(new FakeOrders(), { authenticate, generations: NONE }), async (request) => {
      assert.equal((await request('/admin/generations')).status, 403);
      assert.equal((await request('/admin/generations/a/activate', POST)).status, 403);
      assert.equal((await request('/admin/generations/a', DELETE)).status, 403);
    });
  });
});

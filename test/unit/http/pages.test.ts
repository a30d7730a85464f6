import assert from 'node:assert/strict';
import { FakeOrders, fakeDependencies } from './fake-orders.ts';
import { withApp } from './running-app.ts';
import { authenticate } from '../../support/tokens.ts';

describe('the pages', () => {
  const dependencies = fakeDependencies(new FakeOrders());

  describe('when they are asked for', () => {
    it('answers under the names of the contract', async () => {
      await withApp(dependencies, async (get) => {
        for (const path of ['/', '/dashboard', '/admin', '/docs']) {
          const { status, headers } = await get(path);
          assert.deepEqual([status, headers.get('content-type')], [200, 'text/html; charset=utf-8'], path);
        }
      });
    });

    it('sends what they are made of compressed, what others made too, and answers of the interface as they are', async () => {
      await withApp(dependencies, async (get) => {
        for (const path of [
          '/page.css',
          '/search-page.js',
          '/client/index.ts',
          '/vendor/uplot.js',
          '/vendor/uplot.css',
        ]) {
          const { status, headers } = await get(path, { headers: { 'accept-encoding': 'gzip' } });
          assert.deepEqual([status, headers.get('content-encoding')], [200, 'gzip'], path);
          assert.match(headers.get('vary') ?? '', /Accept-Encoding/i);
        }
        assert.equal((await get('/openapi.json')).headers.get('content-encoding'), null);
      });
    });

    it('sends nothing anew that the browser has', async () => {
      await withApp(dependencies, async (get) => {
        for (const path of ['/page.css', '/vendor/uplot.js']) {
          const tag = (await get(path)).headers.get('etag') ?? '';
          assert.equal(
            (await get(path, { headers: { 'if-none-match': tag, 'cache-control': 'max-age=0' } })).status,
            304,
            path,
          );
        }
      });
    });
  });

  describe('when they ask what they have to know before anything else', () => {
    it('tells whether callers have to say who they are, and what can be rebuilt', async () => {
      const settings = (replaced: object) =>
        withApp({ ...dependencies, ...replaced }, async (get) => (await get('/page-settings.json')).json());
      const projections = ['orders', ...dependencies.rebuilds.projections];
      assert.deepEqual(await settings({}), { authentication: 'off', projections });
      assert.deepEqual(await settings({ authenticate }), { authentication: 'on', projections });
    });
  });
});

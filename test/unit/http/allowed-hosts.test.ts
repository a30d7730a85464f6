import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { createHttpApp } from '../../../src/http/app.ts';
import { FakeOrders, fakeDependencies } from './fake-orders.ts';
import { withServer } from './running-app.ts';

describe('the names under which the service is called', () => {
  /** The status for a request to each of these hosts, and what is said to the last one. */
  async function asked(path: string, hosts: readonly string[], allowedHosts?: readonly string[]) {
    const statuses: number[] = [];
    let said = '';
    await withServer(createHttpApp(fakeDependencies(new FakeOrders()), 'all', { allowedHosts }), async (_, port) => {
      for (const host of hosts) {
        const sent = request({ host: '127.0.0.1', port, path, headers: { host } }).end();
        const [response] = (await once(sent, 'response')) as [IncomingMessage];
        statuses.push(response.statusCode ?? 0);
        said = await text(response);
      }
    });
    return { statuses, said };
  }

  const PRIVATE = [
    ...['127.0.0.1:3000', '[::1]:3000', '192.0.2.1', 'localhost', 'LOCALHOST:3000', 'app.localhost', 'localhost.'],
    ...['order-search:3000', 'order-search.shop.svc.cluster.local', 'host.docker.internal'],
  ];
  const PUBLIC = ['evil.example', 'evil.example.:3000', 'local.evil.example', '127.0.0.1.evil.example', 'a b', '@'];

  describe('where nobody has to say who they are', () => {
    it('may be addresses and names that no stranger can have', async () => {
      const { statuses } = await asked('/search', PRIVATE, []);
      assert.deepEqual(statuses, PRIVATE.map(() => 200)); // prettier-ignore
    });

    it('may not be others, on the pages as elsewhere, and it is said what to do', async () => {
      for (const path of ['/search', '/', '/client/index.ts', '/admin/rebuilds']) {
        const { statuses } = await asked(path, PUBLIC, []);
        assert.deepEqual(statuses, PUBLIC.map(() => 421)); // prettier-ignore
      }
      const { said } = await asked('/search', ['evil.example:3000'], []);
      const { status, detail } = JSON.parse(said) as { status: number; detail: string };
      assert.equal(status, 421);
      assert.match(detail, /"evil\.example:3000" is not known here: list its name in ALLOWED_HOSTS/);
    });

    it('may be those listed, and no part of them', async () => {
      const hosts = ['orders.example', 'Orders.Example:8443', 'a.orders.example', 'example'];
      assert.deepEqual((await asked('/search', hosts, ['orders.example'])).statuses, [200, 200, 421, 200]);
    });

    it('may be any for health and metrics, which tell of no order', async () => {
      for (const path of ['/health', '/metrics'])
        assert.deepEqual((await asked(path, ['evil.example'], [])).statuses, [200]);
    });
  });

  describe('where everyone has to', () => {
    it('may be any', async () => {
      assert.deepEqual((await asked('/search', ['evil.example'])).statuses, [200]);
    });
  });
});

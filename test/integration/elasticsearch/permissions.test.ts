import assert from 'node:assert/strict';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateEvents } from '../../support/generate-events.ts';
import { messageOf, publish, publishMessages, untilDrained } from '../../support/drain.ts';
import { eventually } from '../../support/eventually.ts';
import { RUNS_LONG_TESTS } from '../../support/long-tests.ts';
import { operatorOf } from '../../support/rebuild-operator.ts';
import { startService, untilReady, type RunningService } from '../../support/running-service.ts';
import { startPrivateServices, type PrivateServices } from '../../support/services.ts';
import { SHARED_SERVICES, testBackend, type TestBackend } from '../../support/test-backend.ts';

const SUPERUSER = { username: 'elastic', password: 'of-the-superuser' };
const ES_PORT = 9_296;
const OURS = { username: 'order-search', password: 'of-the-service' };

/** As the file realm keeps it: PBKDF2 with HMAC-SHA-512. */
function hashed(password: string): string {
  const [rounds, salt] = [10_000, randomBytes(32)];
  const hash = pbkdf2Sync(password, salt, rounds, 32, 'sha512');
  return `{PBKDF2}${rounds}$${salt.toString('base64')}$${hash.toString('base64')}`;
}

/**
 * A configuration with the service's user and its role for this prefix, by files: Elasticsearch as published for integration tests has
 * its security, but not the analysis without which it cannot keep users in an index.
 */
function configurationFor(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'order-search-role-'));
  const role = readFileSync('deploy/elasticsearch/role.json', 'utf8').replaceAll('"orders', `"${prefix}`);
  // JSON is YAML; a role begins with the line of its name.
  writeFileSync(join(folder, 'roles.yml'), `order-search: ${JSON.stringify(JSON.parse(role))}\n`);
  writeFileSync(join(folder, 'users'), `${OURS.username}:${hashed(OURS.password)}\n`);
  writeFileSync(join(folder, 'users_roles'), `order-search:${OURS.username}\n`);
  return folder;
}

// What it says changes with the calls only, and it takes an Elasticsearch of its own.
if (RUNS_LONG_TESTS) {
  describe('Elasticsearch with the role of deploy/elasticsearch', function () {
    this.timeout(180_000);
    const orders = generateEvents({ seed: 'role', orders: 10, eventsPerOrder: { min: 4, max: 4 } });
    const holed = orders[0]?.subject ?? '';
    let esConfig: string;
    let services: PrivateServices;
    let backend: TestBackend;
    let service: RunningService;

    before(async () => {
      const { username, password: esPassword } = SUPERUSER;
      const urls = { ...SHARED_SERVICES, elasticsearchUrl: `http://${username}:${esPassword}@127.0.0.1:${ES_PORT}` };
      backend = await testBackend(urls);
      esConfig = configurationFor(backend.prefix);
      const options = {
        name: 'role-test',
        amqpPort: 5_696,
        esPort: ES_PORT,
        only: 'elasticsearch',
        native: true,
      } as const;
      services = await startPrivateServices({ ...options, esPassword, esConfig });
      service = await startService({
        ...backend.environment,
        ELASTICSEARCH_URL: services.elasticsearchUrl,
        ...{ ELASTICSEARCH_USERNAME: OURS.username, ELASTICSEARCH_PASSWORD: OURS.password },
        ...{ GAP_GRACE_SECONDS: '0', ROLLUP_INTERVAL_MS: '200' },
      });
      await untilReady(service, 30_000);
    });
    after(async () => {
      await service.stop();
      await backend.remove();
      await services.stop();
      rmSync(esConfig, { recursive: true });
    });

    /** The answer's text, which must be none of a failure. */
    async function ask(method: string, path: string, body?: object): Promise<string> {
      const headers = { 'content-type': 'application/json' };
      const response = await fetch(service.url + path, {
        method,
        ...(body && { headers, body: JSON.stringify(body) }),
      });
      const text = await response.text();
      assert.ok(response.ok, `${method} ${path}: ${text}`);
      return text;
    }

    it('lets the service take events, keep what is refused and what is early, and answer', async () => {
      const isMissing = (event: (typeof orders)[number]) => event.subject === holed && event.sequence === 2;
      await publish(
        backend,
        orders.filter((event) => !isMissing(event)),
      );
      await publishMessages(backend, [messageOf(JSON.stringify({ type: 'order.tagged.v1' }))]);
      await untilDrained(backend, service);
      const ofOrder = ['', '?minVersion=1&waitMs=1000', '/history'].map((rest) => `/orders/${holed}${rest}`);
      const days = '?from=2026-01-01&to=2026-01-31';
      const ofOthers = ['/customers/c-1/orders', `/revenue/daily${days}`, `/sellers/s-1/dashboard${days}`];
      const words = ['/search?q=lantren', '/search?status=paid', '/suggest?q=lan', '/suggest?q=lantren'];
      const ofAdmins = ['dead-letters', 'parked', 'generations', 'rebuilds', 'aggregates/verification'];
      const paths = [...words, '/metrics', '/health/ready', ...ofOrder, ...ofOthers];
      for (const path of [...paths, ...ofAdmins.map((name) => `/admin/${name}`)])
        await eventually(() => ask('GET', path), 20_000);
      const { body } = await service.get<{ parts: Readonly<Record<string, { state: string }>> }>('/health');
      assert.deepEqual([body.parts['index']?.state, body.parts['aggregates']?.state], ['up', 'up']);
    });

    it('lets an operator mend what was refused and what is missing, rebuild, and go back', async () => {
      const [letter] = await eventually(async () => {
        const { items } = JSON.parse(await ask('GET', '/admin/dead-letters')) as { items: { id: string }[] };
        assert.equal(items.length, 1);
        return items;
      });
      await ask('POST', `/admin/dead-letters/${letter?.id}/replay`);
      await eventually(() => ask('POST', `/admin/orders/${holed}/repair`, { missing: 'skip' }));
      const operator = operatorOf(service);
      for (const request of [{ source: 'history', allowPartial: true }, { projection: 'revenue-daily' }]) {
        const { id } = await operator.start(request);
        const { state, error } = await operator.over(id);
        assert.equal(state, 'DONE', error ?? '');
      }
      const names = (await operator.generations()).map(({ name }) => name).sort();
      assert.equal(names.length, 2);
      await operator.activate(names[0] ?? '');
      await operator.remove(names[1] ?? '');
      assert.doesNotMatch(service.log(), /security_exception|unauthorized/);
    });

    it('lets it do nothing else', async () => {
      const authorization = `Basic ${Buffer.from(`${OURS.username}:${OURS.password}`).toString('base64')}`;
      const status = async (method: string, path: string, body?: string) => {
        const headers = { authorization, 'content-type': 'application/json' };
        const response = await fetch(services.elasticsearchUrl + path, { method, headers, ...(body && { body }) });
        return response.status;
      };
      assert.equal(await status('GET', `/${backend.prefix}/_search`), 200);
      for (const [method, path, body] of [
        ['PUT', '/another-index', '{}'],
        ['DELETE', '/another-index'],
        ['GET', '/another-index/_search'],
        ['POST', '/another-index/_doc', '{}'],
        ['PUT', '/_cluster/settings', '{"persistent": {"cluster.max_shards_per_node": 1000}}'],
        ['GET', '/_security/user'],
        ['PUT', '/_security/user/somebody', '{"password": "whatever", "roles": ["superuser"]}'],
        ['PUT', '/_snapshot/somewhere', '{"type": "fs", "settings": {"location": "x"}}'],
      ] as const) {
        assert.equal(await status(method, path, body), 403, `${method} ${path}`);
      }
    });
  });
}

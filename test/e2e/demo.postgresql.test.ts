import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { testDatabase, type TestDatabase } from '../support/postgresql.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';
import { freePort } from '../support/under-load.ts';

const DEMO = new URL('../../scripts/demo', import.meta.url).pathname;
/** Much longer than it takes on two processors. */
const LIMIT_MS = 10_000;

describe('scripts/demo', function () {
  this.timeout(180_000);
  let backend: TestBackend;
  let database: TestDatabase;

  before(async () => {
    [backend, database] = await Promise.all([testBackend(), testDatabase()]);
  });
  after(() => Promise.all([backend.remove(), database.remove()]));

  it('starts everything together, and finds a placed order within seconds', async () => {
    const { promise, resolve } = Promise.withResolvers<{ exitCode: number; output: string }>();
    const ports = { SEARCH_PORT: String(await freePort()), SHOP_PORT: String(await freePort()) };
    const limits = { REFRESH_INTERVAL: '200ms', LIMIT_MS: String(LIMIT_MS) };
    const env = { ...process.env, ...ports, ...limits, ...backend.environment, POSTGRES_URL: database.url };
    execFile(DEMO, ['--once'], { env }, (error, stdout, stderr) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    );
    const { exitCode, output } = await promise;
    assert.equal(exitCode, 0, output);
    const tookMs = Number(/found it (\d+) ms later/.exec(output)?.[1]);
    assert.ok(tookMs <= LIMIT_MS, output);
  });
});

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { testDatabase, type TestDatabase } from '../support/postgresql.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

const DEMO = new URL('../../scripts/demo', import.meta.url).pathname;
const PORTS = { SEARCH_PORT: '3990', SHOP_PORT: '3991' };

describe('scripts/demo', function () {
  this.timeout(60_000);
  let backend: TestBackend;
  let database: TestDatabase;

  before(async () => {
    [backend, database] = await Promise.all([testBackend(), testDatabase()]);
  });
  after(() => Promise.all([backend.remove(), database.remove()]));

  it('starts everything together, and finds a placed order within two seconds', async () => {
    const { promise, resolve } = Promise.withResolvers<{ exitCode: number; output: string }>();
    const env = { ...process.env, ...PORTS, ...backend.environment, POSTGRES_URL: database.url };
    execFile(DEMO, ['--once'], { env }, (error, stdout, stderr) =>
      resolve({ exitCode: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    );
    const { exitCode, output } = await promise;
    assert.equal(exitCode, 0, output);
    const tookMs = Number(/found it (\d+) ms later/.exec(output)?.[1]);
    assert.ok(tookMs <= 2_000, output);
  });
});

import assert from 'node:assert/strict';
import { healthCommand } from '../../../src/cli/health-command.ts';
import { createHttpApp } from '../../../src/http/app.ts';
import { listen } from '../../../src/http/server.ts';
import { combineHealth, type PartHealth } from '../../../src/observability/health.ts';
import { FakeOrders, fakeDependencies } from '../http/fake-orders.ts';
import { runCommand } from './running-command.ts';
import type { Run } from './running-command.ts';

describe('order-search health', () => {
  async function run(index: PartHealth, ...args: string[]): Promise<Run> {
    const health = () =>
      Promise.resolve(combineHealth({ broker: { state: 'up' }, index, projector: { state: 'up', details: { n: 1 } } }));
    const server = await listen(createHttpApp(fakeDependencies(new FakeOrders(), { health })), {
      host: '127.0.0.1',
      port: 0,
    });
    try {
      return await runCommand(healthCommand, args, `http://127.0.0.1:${server.port}`);
    } finally {
      await server.close(0);
    }
  }

  it('names each part with its state, and says why', async () => {
    const reason = `the index is blocked for writes: ${'x'.repeat(100)}`;
    const { exitCode, stdout } = await run({ state: 'degraded', reason });
    assert.equal(exitCode, 0);
    assert.match(stdout, /^PART +STATE\nbroker +up\nindex +degraded\nprojector +up\nrebuild +off\n/);
    assert.ok(stdout.includes(`\nindex: ${reason}\n`), stdout);
  });

  it('ends with 3 where the service says that it is down', async () => {
    const { exitCode, stdout, stderr } = await run({ state: 'down', reason: 'it does not answer' });
    assert.deepEqual([exitCode, stderr], [3, '']);
    assert.match(stdout, /^index +down$/m);
    assert.match(stdout, /^index: it does not answer$/m);
  });

  it('prints what the service answers', async () => {
    const { exitCode, stdout } = await run({ state: 'down', reason: 'gone' }, '--json');
    assert.equal(exitCode, 3);
    const { status, parts } = JSON.parse(stdout) as { status: string; parts: Record<string, object> };
    assert.deepEqual([status, parts['index']], ['down', { state: 'down', reason: 'gone' }]);
    assert.deepEqual(parts['projector'], { state: 'up', details: { n: 1 } });
  });
});

import assert from 'node:assert/strict';
import { parkedCommand } from '../../../src/cli/parked-command.ts';
import { createHttpApp } from '../../../src/http/app.ts';
import type { HttpDependencies } from '../../../src/http/dependencies.ts';
import { listen } from '../../../src/http/server.ts';
import { FakeOrders, fakeDependencies } from '../http/fake-orders.ts';
import { runCommand } from './running-command.ts';
import type { Run, Terminal } from './running-command.ts';

describe('order-search parked repair', () => {
  let done: string[];

  beforeEach(() => {
    done = [];
  });

  const repair: HttpDependencies['repair'] = ({ orderId = 'all', missing }) => {
    done.push(`${orderId} ${missing}`);
    const report = { orders: 1, found: 0, republished: 0, skipped: 2, ordersStillMissing: 0, stillMissing: [] };
    return Promise.resolve({ kind: 'repaired', report });
  };

  async function run(args: readonly string[], terminal: Terminal = {}): Promise<Run> {
    const app = createHttpApp(fakeDependencies(new FakeOrders(), { repair }));
    const server = await listen(app, { host: '127.0.0.1', port: 0 });
    try {
      return await runCommand(parkedCommand, ['repair', ...args], `http://127.0.0.1:${server.port}`, terminal);
    } finally {
      await server.close(0);
    }
  }

  it('skips for who types it, having said what will happen', async () => {
    const one = await run(['O-1', '--missing', 'skip'], { isTTY: true, typed: ['skip'] });
    assert.deepEqual([one.exitCode, one.stdout], [0, 'skipped 2 events of 1 order\n']);
    assert.match(one.stderr, /^What is missing of O-1 will be left out for good: .*\nType skip to go on: $/);
    const all = await run(['--all', '--missing', 'skip'], { isTTY: true, typed: ['skip'] });
    assert.match(all.stderr, /^What is missing of every order that has waited longer than the grace/);
    assert.deepEqual(done, ['O-1 skip', 'all skip']);
  });

  it('skips nothing where anything else is typed, or nothing', async () => {
    for (const typed of [['yes'], [''], []]) {
      const { exitCode, stdout, stderr } = await run(['--all', '--missing', 'skip'], { isTTY: true, typed });
      assert.deepEqual([exitCode, stdout], [4, '']);
      assert.match(stderr, /nothing was changed\n$/);
    }
    assert.deepEqual(done, []);
  });

  it('asks neither a script nor who says --yes, nor where the history is asked', async () => {
    await run(['O-1', '--missing', 'skip']);
    await run(['O-2', '--missing', 'skip', '--yes'], { isTTY: true });
    await run(['O-3', '--missing', 'history'], { isTTY: true });
    assert.deepEqual(done, ['O-1 skip', 'O-2 skip', 'O-3 history']);
  });
});

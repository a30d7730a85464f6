import assert from 'node:assert/strict';
import { verifyCommand } from '../../../src/cli/verify-command.ts';
import { createHttpApp } from '../../../src/http/app.ts';
import type { VerificationEvent } from '../../../src/http/dependencies.ts';
import { listen } from '../../../src/http/server.ts';
import type { HttpServer } from '../../../src/http/server.ts';
import { FakeOrders, fakeDependencies } from '../http/fake-orders.ts';
import { runCommand, type Run } from './running-command.ts';

const PROGRESS: VerificationEvent = { kind: 'progress', orders: 10_000, total: 20_000 };
const DIFFERENCE = {
  ...{ aggregate: 'seller-daily', key: '2026-03-01|EUR|S-1\u001b[2J', field: 'products.LAN.quantity' },
  ...{ expected: 2, found: 3 },
};
const END = { orders: 20_000, rows: 31, differences: 0, unsettled: 0 };

describe('order-search verify', function () {
  this.slow(4_000);
  let server: HttpServer;
  let told: readonly VerificationEvent[];

  beforeEach(async () => {
    async function* verifyAggregates(): AsyncGenerator<VerificationEvent> {
      yield* told;
      await Promise.resolve();
    }
    const app = createHttpApp(fakeDependencies(new FakeOrders(), { verifyAggregates }));
    server = await listen(app, { host: '127.0.0.1', port: 0 });
  });
  afterEach(() => server.close(0));

  const run = (...args: readonly string[]): Promise<Run> =>
    runCommand(verifyCommand, args, `http://127.0.0.1:${server.port}`);

  it('ends with 0 where there is no difference', async () => {
    told = [PROGRESS, { kind: 'end', ...END }];
    assert.deepEqual(await run(), { exitCode: 0, stdout: '20000 orders, 31 rows: no difference\n', stderr: '' });
  });

  it('names each difference, and ends with 1', async () => {
    told = [PROGRESS, { kind: 'difference', ...DIFFERENCE }, { kind: 'end', ...END, differences: 1, unsettled: 4 }];
    const { exitCode, stdout, stderr } = await run();
    assert.deepEqual([exitCode, stderr], [1, '']);
    assert.deepEqual(stdout.split('\n'), [
      'seller-daily 2026-03-01|EUR|S-1\\u001b[2J: products.LAN.quantity is 3, and should be 2',
      '20000 orders, 31 rows, 4 of them left out since orders were being written: 1 differences',
      '',
    ]);
  });

  it('prints one JSON a line where it is told to', async () => {
    told = [PROGRESS, { kind: 'difference', ...DIFFERENCE }, { kind: 'end', ...END, differences: 1 }];
    const { exitCode, stdout } = await run('--json');
    const lines = stdout.trimEnd().split('\n');
    assert.equal(exitCode, 1);
    assert.deepEqual(
      lines.map((line) => JSON.parse(line) as unknown),
      [
        { event: 'difference', ...DIFFERENCE },
        { event: 'end', ...END, differences: 1 },
      ],
    );
  });

  it('ends with 4 where it cannot be told now', async () => {
    told = [{ kind: 'refused', reason: 'the aggregates have not caught up' }];
    assert.deepEqual(await run(), { exitCode: 4, stdout: '', stderr: 'the aggregates have not caught up\n' });
  });

  it('ends with 3 where it ends before its end, or nothing answers', async () => {
    told = [PROGRESS];
    const { exitCode, stdout } = await run();
    assert.deepEqual([exitCode, stdout], [3, '']);
    await server.close(0);
    assert.equal((await run()).exitCode, 3);
  });
});

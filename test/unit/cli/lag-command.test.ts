import assert from 'node:assert/strict';
import { lagCommand } from '../../../src/cli/lag-command.ts';
import { createHttpApp } from '../../../src/http/app.ts';
import type { LagReport } from '../../../src/http/lag-report.ts';
import { listen } from '../../../src/http/server.ts';
import { FakeOrders, fakeDependencies } from '../http/fake-orders.ts';
import { runCommand } from './running-command.ts';
import type { Run } from './running-command.ts';

const AT = '2026-03-01T10:00:00.000Z';
const LATER = '2026-03-01T10:00:05.000Z';
const SAMPLES: LagReport['samples'] = [
  { at: AT, lagSeconds: null, messages: null },
  { at: LATER, lagSeconds: 0.72, messages: 12 },
];

describe('order-search lag', () => {
  let asked: (string | undefined)[];

  beforeEach(() => {
    asked = [];
  });

  async function run(args: readonly string[], report: Partial<LagReport> = {}): Promise<Run> {
    const lag = (since: string | undefined) => {
      asked.push(since);
      return Promise.resolve({ asOf: LATER, lagSeconds: 1.26, messages: 7, samples: SAMPLES, ...report });
    };
    const app = createHttpApp(fakeDependencies(new FakeOrders(), { lag }));
    const server = await listen(app, { host: '127.0.0.1', port: 0 });
    try {
      return await runCommand(lagCommand, args, `http://127.0.0.1:${server.port}`);
    } finally {
      await server.close(0);
    }
  }

  it('prints what was seen, and how it is now', async () => {
    const { exitCode, stdout } = await run([]);
    assert.equal(exitCode, 0);
    assert.equal(
      stdout,
      [
        'AT                        LAG    MESSAGES',
        `${AT}  -      -`,
        `${LATER}  0.7 s  12`,
        '',
        `answers are as of ${LATER}, 1.3 s ago; waiting messages: 7`,
        '',
      ].join('\n'),
    );
    assert.deepEqual(asked, [undefined]);
  });

  it('says how it is where nothing was seen yet, and what the broker does not say', async () => {
    const { stdout } = await run([], { samples: [], messages: null });
    assert.equal(stdout, `answers are as of ${LATER}, 1.3 s ago; waiting messages: the broker does not say\n`);
  });

  it('does not say how old answers are before anything is known of it', async () => {
    const { stdout } = await run([], { asOf: new Date(0).toISOString(), lagSeconds: 1_790_000_000, samples: [] });
    assert.equal(stdout, 'how old answers are is not known yet; waiting messages: 7\n');
  });

  it('asks for what came after an instant, and prints what the service answers', async () => {
    const { exitCode, stdout } = await run(['--since', AT, '--json']);
    assert.equal(exitCode, 0);
    assert.deepEqual(JSON.parse(stdout), {
      ...{ items: SAMPLES, nextCursor: null, messages: 7, asOf: LATER, lagSeconds: 1.26 },
    });
    assert.deepEqual(asked, [AT]);
  });

  it('tells a wrong usage from what failed', async () => {
    const { exitCode, stderr } = await run(['--since', 'yesterday']);
    assert.equal(exitCode, 2);
    assert.match(stderr, /since: must be an instant/);
  });
});

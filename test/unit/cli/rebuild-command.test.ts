import assert from 'node:assert/strict';
import { rebuildCommand } from '../../../src/cli/rebuild-command.ts';
import { createHttpApp } from '../../../src/http/app.ts';
import type { RebuildOperations, RebuildRequest, RebuildView } from '../../../src/http/dependencies.ts';
import { listen } from '../../../src/http/server.ts';
import type { HttpServer } from '../../../src/http/server.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { FakeOrders, fakeDependencies } from '../http/fake-orders.ts';
import { rebuildView } from '../http/rebuild-views.ts';
import { runCommand } from './running-command.ts';
import type { Run, Terminal } from './running-command.ts';

const AT = '2026-03-01T10:01:30.000Z';
const DONE = rebuildView({ state: 'DONE', processed: 1_000, finishedAt: AT, etaSeconds: null });
const FAILED = rebuildView({ state: 'FAILED', finishedAt: AT, error: 'orders-000002 refused order A\u001b[2J' });
const CANCELLED = rebuildView({ state: 'CANCELLED', finishedAt: AT });

describe('order-search rebuild', function () {
  this.slow(4_000);
  let server: HttpServer;
  let port = 0;
  let requests: RebuildRequest[];
  let commands: string[];
  let all: readonly RebuildView[];
  let change: RebuildOperations['change'];
  let start: RebuildOperations['start'];
  let get: RebuildOperations['get'];

  beforeEach(async () => {
    [requests, commands, all] = [[], [], [rebuildView()]];
    start = async (request) => {
      requests.push(request);
      return { kind: 'started', rebuild: rebuildView({ state: 'CREATE' }) };
    };
    get = async (id) => all.find((rebuild) => rebuild.id === id);
    change = async (id, verb) => {
      commands.push(`${verb} ${id}`);
      return { kind: 'accepted', rebuild: rebuildView({ id }) };
    };
    await serve(0);
  });
  afterEach(() => server.close(0));

  async function serve(at: number): Promise<void> {
    const rebuilds: RebuildOperations = {
      projections: ['revenue-daily'],
      start: (request) => start(request),
      list: async () => all,
      get: (id) => get(id),
      change: (id, verb) => change(id, verb),
    };
    const app = createHttpApp(fakeDependencies(new FakeOrders(), { rebuilds }));
    server = await listen(app, { host: '127.0.0.1', port: at });
    port = server.port;
  }

  async function run(args: readonly string[], terminal: Terminal = {}, interrupted?: AbortSignal): Promise<Run> {
    return runCommand(rebuildCommand, args, `http://127.0.0.1:${port}`, terminal, interrupted);
  }

  describe('start', () => {
    it('asks for what the flags say', async () => {
      const { exitCode, stdout, stderr } = await run(['start']);
      assert.deepEqual([exitCode, stderr], [0, '']);
      assert.match(stdout, /^rebuild r-1 started; order-search rebuild status --follow shows how it goes\n$/);
      const flags = ['--source', 'file', '--path', 'a.gz', '--no-activate', '--keep', '0', '--allow-partial', '--json'];
      assert.deepEqual(JSON.parse((await run(['start', ...flags])).stdout), rebuildView({ state: 'CREATE' }));
      const defaults = { projection: 'orders', source: 'index', activate: true, keep: 1, allowPartial: false };
      const whole = { ...defaults, source: 'file', path: 'a.gz', activate: false, keep: 0, allowPartial: true };
      await run(['start', '--source', 'history', '--from', '2026-03-01T01:00:00+01:00']);
      const from = '2026-03-01T00:00:00.000Z';
      await run(['start', '--projection', 'revenue-daily']);
      const aggregate = { ...defaults, projection: 'revenue-daily' };
      assert.deepEqual(requests, [defaults, whole, { ...defaults, source: 'history', from }, aggregate]);
    });

    it('ends with 2 where standbys are to stay of what has none', async () => {
      const { exitCode, stderr } = await run(['start', '--projection', 'revenue-daily', '--keep', '2']);
      assert.equal(exitCode, 2);
      assert.match(stderr, /keep: must be left out: revenue-daily has no standbys/);
      assert.deepEqual(requests, []);
    });

    it('ends with 4 while another one runs, with 2 for what the service finds wrong', async () => {
      start = async () => ({ kind: 'busy', by: rebuildView(), canBeCancelled: true });
      const busy = await run(['start']);
      assert.deepEqual([busy.exitCode, busy.stdout], [4, '']);
      assert.match(busy.stderr, /Rebuild r-1, .* is in COPY/);
      start = async () => ({ kind: 'invalid', path: 'path', message: 'there is no such file' });
      const invalid = await run(['start', '--source', 'file', '--path', 'b']);
      assert.deepEqual([invalid.exitCode, invalid.stderr], [2, 'path: there is no such file (400 Bad Request)\n']);
    });

    it('follows it to its end, and ends with what became of it', async () => {
      for (const [end, exitCode, said] of [
        [DONE, 0, 'rebuild r-1 done in 1 min 30 s: orders-000002 is live, 1000 processed\n'],
        [FAILED, 1, 'rebuild r-1 failed: orders-000002 refused order A\\u001b[2J; what was live is live still\n'],
        [CANCELLED, 5, 'rebuild r-1 was cancelled; what was live is live still\n'],
      ] as const) {
        all = [end];
        const followed = await run(['start', '--follow']);
        assert.equal(followed.exitCode, exitCode);
        assert.match(followed.stdout, /^rebuild r-1 started\nCREATE 42 %/);
        assert.ok((exitCode === 0 ? followed.stdout : followed.stderr).endsWith(said), JSON.stringify(followed));
      }
    });
  });

  describe('status', () => {
    it('shows the newest one, or the one that is named', async () => {
      all = [rebuildView({ id: 'r-2', paused: true }), DONE];
      const newest = await run(['status']);
      assert.equal(newest.exitCode, 0);
      assert.match(newest.stdout, /^id +r-2\n/);
      assert.match(newest.stdout, /\n\nCOPY 42 %, 420 of 1,000, paused\n$/);
      const named = await run(['status', 'r-1', '--json']);
      assert.deepEqual([named.exitCode, JSON.parse(named.stdout)], [0, DONE]);
      const unknown = await run(['status', 'r-9']);
      assert.deepEqual([unknown.exitCode, unknown.stdout], [1, '']);
    });

    it('ends with what became of it, and with 1 where there is none', async () => {
      const codes = [];
      for (const rebuild of [rebuildView(), DONE, FAILED, CANCELLED]) {
        all = [rebuild];
        codes.push((await run(['status'])).exitCode);
      }
      assert.deepEqual(codes, [0, 0, 1, 5]);
      all = [];
      assert.deepEqual(await run(['status']), { exitCode: 1, stdout: '', stderr: 'there has been no rebuild\n' });
    });

    it('shows a step that it does not know: the service may be newer', async () => {
      all = [{ ...rebuildView(), state: 'POLISH' as RebuildView['state'] }];
      const { exitCode, stdout } = await run(['status']);
      assert.equal(exitCode, 0);
      assert.match(stdout, /POLISH/);
    });

    it('follows with one JSON a line, on changes alone', async () => {
      const states = [rebuildView(), rebuildView({ processed: 500 }), DONE];
      get = async () => states.shift();
      const { exitCode, stdout, stderr } = await run(['status', '--follow', '--json']);
      assert.deepEqual([exitCode, stderr], [0, '']);
      const lines = stdout.trimEnd().split('\n');
      assert.deepEqual(
        lines.map((line) => JSON.parse(line) as unknown),
        [rebuildView(), rebuildView({ processed: 500 }), DONE],
      );
    });

    it('draws a bar in a terminal, and leaves nothing of it behind', async () => {
      get = async () => DONE;
      const env = { NO_COLOR: '1' };
      const { stdout } = await run(['status', '--follow'], { isTTY: true, columns: 70, env });
      assert.match(
        stdout,
        /^\rCOPY {2}\[#+-+\] {2}42 % .*\u001b\[K\rDONE {2}\[#+\] {2}100 % .*\u001b\[K\r\u001b\[Krebuild r-1 done in/,
      );
      assert.doesNotMatch(stdout, /\u001b\[\d+m/);
    });

    it('says what was left out, and that a new generation stands by', async () => {
      all = [{ ...DONE, activate: false, withoutBeginning: 3, unparseable: 2 }];
      const { stdout } = await run(['status']);
      assert.match(
        stdout,
        /orders-000002 stands by, .*; 3 orders without a beginning .*; 2 messages that are no events /,
      );
    });
  });

  describe('following through trouble', () => {
    it('goes on when the service comes back', async () => {
      const steps: Promise<void>[] = [];
      const restart = async () => {
        await steps[0];
        all = [DONE];
        await serve(port);
      };
      const onOutput = () => void (steps[0] ??= server.close(0));
      const onError = (said: string) => void (said.endsWith('; trying again\n') && (steps[1] ??= restart()));
      const { exitCode, stdout, stderr } = await run(['status', '--follow'], { onOutput, onError });
      await Promise.all(steps);
      assert.equal(exitCode, 0, stderr);
      assert.match(stderr, /^the service at .* does not answer: .*; trying again\nthe service answers again\n$/);
      assert.match(stdout, /done in 1 min 30 s/);
    });

    it('says once that the service is away, and when it is back', async () => {
      let refused = 0;
      get = async () => {
        refused += 1;
        if (refused <= 3) throw new IndexUnavailableError('away');
        return DONE;
      };
      const { exitCode, stderr } = await run(['status', '--follow']);
      assert.equal(exitCode, 0);
      assert.equal(
        stderr,
        'The index does not answer at the moment. (503 Service Unavailable); trying again\nthe service answers again\n',
      );
    });

    it('gives up after a while, with 3', async () => {
      const onOutput = () => void server.close(0);
      const { exitCode, stderr } = await run(['status', '--follow', '--give-up-after', '0'], { onOutput });
      assert.equal(exitCode, 3);
      assert.match(stderr, /^the service at .* does not answer/);
    });

    it('leaves the rebuild running at Ctrl-C, and says how to end it', async () => {
      const controller = new AbortController();
      const onOutput = () => controller.abort();
      const { exitCode, stderr } = await run(['status', '--follow'], { onOutput }, controller.signal);
      assert.equal(exitCode, 130);
      assert.equal(stderr, 'rebuild r-1 goes on; order-search rebuild cancel r-1 would end it\n');
      assert.deepEqual(commands, []);
    });
  });

  describe('pause, resume and cancel', () => {
    it('mean the newest one unless another is named', async () => {
      assert.equal((await run(['pause'])).stdout, 'rebuild r-1 is paused\n');
      assert.equal((await run(['resume', 'r/7'])).stdout, 'rebuild r/7 goes on\n');
      assert.deepEqual(JSON.parse((await run(['cancel', '--json'])).stdout), rebuildView());
      assert.deepEqual(commands, ['pause r-1', 'resume r/7', 'cancel r-1']);
    });

    it('end with 4 where it is too late, with 1 where there is none', async () => {
      change = async () => ({ kind: 'over', rebuild: DONE });
      const late = await run(['cancel']);
      assert.deepEqual([late.exitCode, late.stdout], [4, '']);
      assert.match(late.stderr, /too late to cancel it/);
      all = [];
      assert.equal((await run(['pause'])).exitCode, 1);
    });
  });

  describe('list', () => {
    it('prints a table, or what the service answers', async () => {
      all = [rebuildView({ id: 'r-2', paused: true, total: null, generation: '' }), FAILED];
      const { exitCode, stdout } = await run(['list']);
      assert.equal(exitCode, 0);
      assert.match(stdout, /^ID +PROJECTION +SOURCE +STATE +GENERATION +PROCESSED +STARTED +FINISHED +ERROR\n/);
      assert.match(stdout, /^r-2 +orders +index +COPY, paused +- +420 +2026-03-01T10:00:00.000Z +- +-$/m);
      assert.match(stdout, /^r-1 +orders +index +FAILED +orders-000002 +420 of 1000 .* refused order A\\u001b\[2J$/m);
      assert.deepEqual(JSON.parse((await run(['list', '--json'])).stdout), { items: all, nextCursor: null });
      all = [];
      assert.equal((await run(['list'])).stdout, 'no rebuilds\n');
    });
  });
});

import assert from 'node:assert/strict';
import { generationsCommand } from '../../../src/cli/generations-command.ts';
import { createHttpApp } from '../../../src/http/app.ts';
import type { GenerationOperations, GenerationView } from '../../../src/http/dependencies.ts';
import { listen } from '../../../src/http/server.ts';
import { FakeOrders, fakeDependencies } from '../http/fake-orders.ts';
import { generationView } from '../http/rebuild-views.ts';
import { runCommand } from './running-command.ts';
import type { Run, Terminal } from './running-command.ts';
import { withServer } from './with-server.ts';

const OLD = generationView();
const LIVE = generationView({ name: 'orders-000002', number: 2, state: 'live', documents: 1_200 });

describe('order-search generations', () => {
  let done: string[];
  let there: readonly GenerationView[];
  let refusal: string | undefined;

  beforeEach(() => {
    done = [];
    there = [OLD, LIVE];
    refusal = undefined;
  });

  const act = (what: string, name: string) => {
    if (refusal !== undefined) return { kind: 'refused', reason: refusal } as const;
    if (!there.some((generation) => generation.name === name)) return { kind: 'not_found' } as const;
    done.push(`${what} ${name}`);
    return undefined;
  };
  const generations: GenerationOperations = {
    list: async () => there,
    activate: async (name) => act('activate', name) ?? { kind: 'activated', generation: { ...OLD, state: 'live' } },
    remove: async (name) => act('delete', name) ?? { kind: 'deleted' },
  };

  async function run(args: readonly string[], terminal: Terminal = {}): Promise<Run> {
    const app = createHttpApp(fakeDependencies(new FakeOrders(), { generations }));
    const server = await listen(app, { host: '127.0.0.1', port: 0 });
    try {
      return await runCommand(generationsCommand, args, `http://127.0.0.1:${server.port}`, terminal);
    } finally {
      await server.close(0);
    }
  }

  describe('list', () => {
    it('prints a table, or what the service answers', async () => {
      const { exitCode, stdout } = await run(['list']);
      assert.equal(exitCode, 0);
      assert.match(stdout, /^NAME +STATE +DOCUMENTS +SIZE +MAPPING +FOLD +CREATED +REASON\n/);
      assert.match(stdout, /^orders-000001 +standby +1000 +2\.3 MB +abc123 +2 +2026-02-01T10:00:00\.000Z +-$/m);
      assert.deepEqual(JSON.parse((await run(['list', '--json'])).stdout), { items: there, nextCursor: null });
      there = [];
      assert.equal((await run(['list'])).stdout, 'no generations\n');
    });
  });

  describe('activate and delete', () => {
    it('do it where the name is typed, having said what will happen', async () => {
      const activated = await run(['activate', OLD.name], { isTTY: true, typed: [OLD.name] });
      assert.deepEqual([activated.exitCode, activated.stdout], [0, 'orders-000001 is live\n']);
      assert.match(
        activated.stderr,
        /^Readers will be moved to orders-000001 \(standby, 1000 documents, .*\) instead of orders-000002 \(1200 documents\)\.\nType orders-000001 to go on: $/,
      );
      const deleted = await run(['delete', OLD.name], { isTTY: true, typed: [OLD.name] });
      assert.deepEqual([deleted.exitCode, deleted.stdout], [0, 'orders-000001 is deleted\n']);
      assert.match(deleted.stderr, /will be deleted for good/);
      assert.deepEqual(done, ['activate orders-000001', 'delete orders-000001']);
    });

    it('change nothing where anything else is typed, or nothing', async () => {
      for (const typed of [['yes'], [''], []]) {
        for (const what of ['activate', 'delete']) {
          const { exitCode, stdout, stderr } = await run([what, OLD.name], { isTTY: true, typed });
          assert.deepEqual([exitCode, stdout], [4, '']);
          assert.match(stderr, /nothing was changed\n$/);
        }
      }
      assert.deepEqual(done, []);
    });

    it('ask nobody with --yes, and want it where there is nobody', async () => {
      const script = await run(['activate', OLD.name], { typed: [OLD.name] });
      assert.deepEqual([script.exitCode, script.stdout], [2, '']);
      assert.match(script.stderr, /say --yes/);
      assert.deepEqual(done, []);
      assert.equal((await run(['activate', OLD.name, '--yes', '--json'])).exitCode, 0);
      const deleted = await run(['delete', OLD.name, '-y', '--json']);
      assert.deepEqual(JSON.parse(deleted.stdout), { deleted: true, name: OLD.name });
      assert.deepEqual(done, ['activate orders-000001', 'delete orders-000001']);
    });

    it('take a page of a proxy for no answer', async () => {
      await withServer(
        (_request, response) => void response.end('<h1>Welcome</h1>'),
        async (url) => {
          for (const what of ['activate', 'delete']) {
            const { exitCode, stdout, stderr } = await runCommand(generationsCommand, [what, OLD.name, '--yes'], url);
            const said = `${url} does not answer as this version of the service does\n`;
            assert.deepEqual([exitCode, stdout, stderr], [3, '', said]);
          }
        },
      );
    });

    it('tell a refusal from what is not there', async () => {
      const unknown = await run(['delete', 'orders-000009', '--yes']);
      assert.deepEqual([unknown.exitCode, unknown.stdout], [1, '']);
      // Nobody is asked about what cannot be.
      assert.deepEqual(await run(['activate', 'orders-000009'], { isTTY: true }), unknown);
      refusal = 'it is live';
      for (const what of ['activate', 'delete']) {
        const { exitCode, stdout, stderr } = await run([what, LIVE.name, '--yes']);
        assert.deepEqual([exitCode, stdout, stderr], [4, '', 'it is live (409 Conflict)\n']);
      }
    });
  });
});

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { alerts } from '../support/operations-files.ts';
import { generateEvents } from '../../src/sample/generate-events.ts';
import { messageOf, publish, publishMessages } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { startService, untilReady, type RunningService } from '../support/running-service.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

const CLI = new URL('../../src/cli.ts', import.meta.url).pathname;
/** What the shell of an operator has. A RabbitMQ that was given by its URL is not ours to look into. */
const TOOLS = `
order-search() { '${process.execPath}' '${CLI}' "$@"; }
rabbitmqctl() {
  if scripts/services pids rabbitmq >/dev/null; then scripts/services ctl -- "$@"; else echo 'not ours'; fi
}
`;
/** What stands before the first section: it is typed once, and holds for what follows. */
const PREAMBLE = 'preamble';
const HELD_UP = 'rebuild page#1:stall=600000';
/** The others end with 0. */
const EXIT_CODES: readonly (readonly [RegExp, number, string])[] = [
  [/repair --all --missing history$/, 1, 'the history does not have it: something is still missing'],
];

/** The commands of each section, a line each. */
function commandsBySection(): ReadonlyMap<string, readonly string[]> {
  const sections = readFileSync('docs/runbooks.md', 'utf8').split(/^## /m);
  return new Map(
    sections.map((section) => {
      const blocks = [...section.matchAll(/^ *```sh\n([^]*?)\n *```$/gm)].map(([, block = '']) => block);
      const lines = blocks.flatMap((block) => block.split('\n').map((line) => line.trim()));
      const [heading = ''] = section.split('\n');
      return [heading.startsWith('# ') ? PREAMBLE : heading, lines];
    }),
  );
}

describe('docs/runbooks.md', function () {
  this.timeout(60_000);
  const sections = commandsBySection();
  const orders = generateEvents({ seed: 'runbooks', orders: 3, eventsPerOrder: { min: 4, max: 4 } });
  const holed = orders[0]?.subject ?? '';
  let backend: TestBackend;
  let service: RunningService;
  let variables: NodeJS.ProcessEnv;

  before(async () => {
    backend = await testBackend();
    service = await startService({
      ...backend.environment,
      GAP_GRACE_SECONDS: '0',
      ORDER_SEARCH_FAULT_POINT: HELD_UP,
    });
    await untilReady(service);
    const isMissing = (event: (typeof orders)[number]) => event.subject === holed && event.sequence === 2;
    await publish(
      backend,
      orders.filter((event) => !isMissing(event)),
    );
    await publishMessages(backend, [messageOf('no event')]);
    const deadLetter = await eventually(async () => {
      assert.equal((await listed('/admin/parked')).length, 1);
      const [letter] = await listed('/admin/dead-letters');
      assert.ok(letter?.id !== undefined);
      assert.match(await (await fetch(`${service.url}/metrics`)).text(), /^projection_lag_seconds/m);
      return letter.id;
    }, 20_000);
    variables = {
      ...{ ORDER_SEARCH_URL: service.url, DEAD_LETTER: deadLetter, ORDER: holed },
      ELASTICSEARCH_URL: backend.environment['ELASTICSEARCH_URL'],
      PATH: process.env['PATH'],
      ORDER_SEARCH_SERVICES_DIR: process.env['ORDER_SEARCH_SERVICES_DIR'],
    };
  });
  after(async () => {
    // The rebuild's fault point would hold up a stop.
    await service.kill();
    await backend.remove();
  });

  const listed = async (path: string) => (await service.get<{ items: { id?: string }[] }>(path)).body.items;

  /** As an operator types it; a pipe fails with its first command. */
  async function run(command: string): Promise<{ exitCode: number; output: string }> {
    const { promise, resolve } = Promise.withResolvers<{ exitCode: number; output: string }>();
    const exports = (sections.get(PREAMBLE) ?? []).filter((line) => line.startsWith('export '));
    const script = ['set -o pipefail', TOOLS, ...exports, command].join('\n');
    execFile('bash', ['--norc', '-c', script], { env: variables }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
    return promise;
  }

  async function startRebuild(): Promise<void> {
    const response = await fetch(`${service.url}/admin/rebuilds`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{}',
    });
    assert.equal(response.status, 202);
    await eventually(async () => {
      const [rebuild] = (await service.get<{ items: { state: string }[] }>('/admin/rebuilds')).body.items;
      assert.equal(rebuild?.state, 'COPY');
    });
  }

  it('has no section but of the alerts', () => {
    assert.deepEqual([...sections.keys()], [PREAMBLE, ...alerts().map(({ alert }) => alert)]);
  });

  it('can be begun', async () => {
    const commands = (sections.get(PREAMBLE) ?? []).filter((line) => !line.startsWith('export '));
    assert.ok(commands.length > 0);
    for (const command of commands) {
      const { exitCode, output } = await run(command);
      assert.equal(exitCode, 0, `${command}\n${output}`);
      assert.match(output, /"status":/);
    }
  });

  for (const { alert } of alerts()) {
    it(`can be followed: ${alert}`, async () => {
      const commands = sections.get(alert) ?? [];
      assert.ok(commands.length > 0, `${alert} has nothing to look at`);
      if (alert === 'OrderSearchRebuildStalled') await startRebuild();
      for (const command of commands) {
        const { exitCode, output } = await run(command);
        const expected = EXIT_CODES.find(([pattern]) => pattern.test(command))?.[1] ?? 0;
        assert.equal(exitCode, expected, `${command}\n${output}`);
        assert.ok(output.length > 0 || expected !== 0, `${command} says nothing`);
      }
    });
  }

  it('leaves nothing behind of what it is about', async () => {
    assert.deepEqual(await listed('/admin/dead-letters'), []);
    await eventually(async () => assert.deepEqual(await listed('/admin/parked'), []));
    const { body } = await service.get<{ items: { state: string }[] }>('/admin/rebuilds');
    assert.equal(body.items.length, 1, 'the rebuild was not started, or more than once');
  });
});

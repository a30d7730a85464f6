import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { alerts } from '../support/operations-files.ts';
import { generateEvents } from '../support/generate-events.ts';
import { messageOf, publish, publishMessages } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { startService, untilReady, type RunningService } from '../support/running-service.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';
import { bearer } from '../support/tokens.ts';

/** Of the tokens that `bearer` makes. */
const JWT_SECRET = 'a-secret-of-thirty-two-bytes-and-more';
/**
 * What the shell of an operator has. A RabbitMQ that was given by its URL is not ours to look into. Containers have variables of their own,
 * and none of the operator's.
 */
const TOOLS = `
ctl() { if scripts/services pids rabbitmq >/dev/null; then scripts/services ctl -- "$@"; else echo 'not ours'; fi; }
rabbitmqctl() { ctl "$@"; }
contained() { env -i PATH="$PATH" AUTH_JWT_SECRET='${JWT_SECRET}' "$@"; }
inside() {
  local where=$1
  shift
  case $where in
    rabbitmq | rabbitmq-1) shift && ctl "$@" ;;
    order-search | api-1 | deploy/order-search-api) contained ORDER_SEARCH_URL="$API" "$@" ;;
    projector-1 | deploy/order-search-projector) contained ORDER_SEARCH_URL="$PROJECTOR" "$@" ;;
    *) echo "there is no $where" && return 1 ;;
  esac
}
docker() { [ "$1 $2 $3" = 'compose exec -T' ] && inside "\${@:4}"; }
kubectl() { [ "$1" = port-forward ] || { [ "$1 $3" = 'exec --' ] && inside "$2" "\${@:4}"; }; }
`;
/** What stands before the first section. */
const PREAMBLE = 'preamble';
const HELD_UP = 'rebuild page#1:stall=600000';
/** The others end with 0. */
const EXIT_CODES: readonly (readonly [RegExp, number, string])[] = [
  [/repair --all --missing history$/, 1, 'the history does not have it: something is still missing'],
];

const sections = new Map(
  readFileSync('docs/runbooks.md', 'utf8')
    .split(/^## /m)
    .map((section) => {
      const [heading = ''] = section.split('\n');
      return [heading.startsWith('# ') ? PREAMBLE : heading, section];
    }),
);
/** Its blocks, each with what stands in bold before it. */
const labelled = [...(sections.get(PREAMBLE) ?? '').matchAll(/^\*\*(.+?)\*\*(?:(?!```)[^])*```sh\n([^]*?)\n```$/gm)];
const blocks = new Map(labelled.map(([, label = '', block = '']) => [label.replace(/\W+$/, ''), block]));
/** Where the service may run; what is typed first there, once. */
const PLACES = ['One process, by hand', 'Docker Compose, one node', 'Docker Compose, the cluster', 'Kubernetes'];

function setUpAt(place: string): string {
  return `${blocks.get(place)}\n${blocks.get('Always')}`;
}

/** A line each; without what is typed once. */
function commandsOf(section: string): readonly string[] {
  const found = [...(sections.get(section) ?? '').matchAll(/^ *```sh\n([^]*?)\n *```$/gm)].map(
    ([, block = '']) => block,
  );
  const others = found.filter((block) => ![...blocks.values()].includes(block));
  return others.flatMap((block) => block.split('\n').map((line) => line.trim()));
}

describe('docs/runbooks.md', function () {
  this.timeout(60_000);
  const orders = generateEvents({ seed: 'runbooks', orders: 3, eventsPerOrder: { min: 4, max: 4 } });
  const holed = orders[0]?.subject ?? '';
  let backend: TestBackend;
  let api: RunningService;
  let projector: RunningService;
  let authorization: string;
  let variables: NodeJS.ProcessEnv;

  before(async () => {
    backend = await testBackend();
    authorization = await bearer('admin', 'the-test');
    const environment = { ...backend.environment, GAP_GRACE_SECONDS: '0', AUTH: '', AUTH_JWT_SECRET: JWT_SECRET };
    projector = await startService({ ...environment, ROLE: 'projector', ORDER_SEARCH_FAULT_POINT: HELD_UP });
    await untilReady(projector);
    api = await startService({ ...environment, ROLE: 'api' });
    await untilReady(api);
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
      assert.match(await (await fetch(`${api.url}/metrics`)).text(), /^projection_lag_seconds/m);
      return letter.id;
    }, 20_000);
    variables = {
      ...{ ORDER_SEARCH_URL: api.url, PROJECTOR_URL: projector.url, API: api.url, PROJECTOR: projector.url },
      ...{ DEAD_LETTER: deadLetter, ORDER: holed },
      ELASTICSEARCH_URL: backend.environment['ELASTICSEARCH_URL'],
      PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
      ORDER_SEARCH_SERVICES_DIR: process.env['ORDER_SEARCH_SERVICES_DIR'],
    };
  });
  after(async () => {
    // The rebuild's fault point would hold up a stop.
    await Promise.all([projector.kill(), api.kill()]);
    await backend.remove();
  });

  async function asked<T>(path: string, init: RequestInit = {}): Promise<T> {
    const headers = { authorization, 'Content-Type': 'application/json' };
    const response = await fetch(api.url + path, { ...init, headers });
    assert.ok(response.ok, `${path}: ${response.status}`);
    return (await response.json()) as T;
  }
  const listed = async (path: string) => (await asked<{ items: { id?: string; state?: string }[] }>(path)).items;

  /** As an operator types it; a pipe fails with its first command. */
  async function run(command: string, place = 'Docker Compose, the cluster', changes: NodeJS.ProcessEnv = {}) {
    const { promise, resolve } = Promise.withResolvers<{ exitCode: number; output: string }>();
    const script = ['set -o pipefail', TOOLS, setUpAt(place), command].join('\n');
    execFile('bash', ['--norc', '-c', script], { env: { ...variables, ...changes } }, (error, stdout, stderr) => {
      resolve({ exitCode: error === null ? 0 : Number(error.code), output: stdout + stderr });
    });
    return promise;
  }

  async function startRebuild(): Promise<void> {
    await asked('/admin/rebuilds', { method: 'POST', body: '{}' });
    await eventually(async () => assert.equal((await listed('/admin/rebuilds'))[0]?.state, 'COPY'));
  }

  it('has no section but of the alerts', () => {
    assert.deepEqual([...sections.keys()], [PREAMBLE, ...alerts().map(({ alert }) => alert)]);
  });

  it('knows where the service may run', () => {
    assert.deepEqual([...blocks.keys()], [...PLACES, 'Always']);
  });

  for (const place of PLACES) {
    // A process that was started by hand has its variables from the shell.
    const changes = place === 'One process, by hand' ? { AUTH_JWT_SECRET: JWT_SECRET } : {};

    it(`can be begun, and makes an admin's token: ${place}`, async () => {
      const commands = commandsOf(PREAMBLE);
      assert.ok(commands.length > 0);
      for (const command of commands) {
        const { exitCode, output } = await run(command, place, changes);
        assert.equal(exitCode, 0, `${command}\n${output}`);
        assert.match(output, /"status":|^PART /, command);
      }
      const { exitCode, output } = await run(
        'order-search dead-letters list && rabbitmqctl list_queues',
        place,
        changes,
      );
      assert.equal(exitCode, 0, output);
      assert.match(output, /unparseable/);
    });
  }

  it('looks at the projector for what only it knows', async () => {
    const outputs = await Promise.all(commandsOf('OrderSearchLagging').map((command) => run(command)));
    const all = outputs.map(({ output }) => output).join('\n');
    assert.match(all, /^projection_updates_total\{.*projection="orders".*\} [1-9]/m);
  });

  for (const { alert } of alerts()) {
    it(`can be followed: ${alert}`, async () => {
      const commands = commandsOf(alert);
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
    assert.equal((await listed('/admin/rebuilds')).length, 1, 'the rebuild was not started, or more than once');
  });
});

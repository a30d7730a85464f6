import { Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { REBUILD_SOURCES, isOver } from '../http/rebuild-answers.ts';
import { EXIT } from './context.ts';
import type { CliContext, ExitCode } from './context.ts';
import { followRebuild, rebuildSchema } from './rebuild-follow.ts';
import type { Rebuild } from './rebuild-follow.ts';
import { duration, plainLine, progressView, terminalSettings } from './rebuild-progress.ts';
import type { ProgressView } from './rebuild-progress.ts';
import { useService, withServiceFlags } from './service-client.ts';
import type { ServiceClient, ServiceFlags } from './service-client.ts';
import { printable, tableOf } from './table.ts';
import type { Columns } from './table.ts';

interface FollowFlags extends ServiceFlags {
  readonly follow: boolean;
  /** Seconds. */
  readonly giveUpAfter: number;
}

interface StartFlags extends FollowFlags {
  /** `orders`, or an aggregate. */
  readonly projection: string;
  readonly source: (typeof REBUILD_SOURCES)[number];
  readonly path?: string;
  readonly from?: string;
  readonly activate: boolean;
  readonly keep?: number;
  readonly allowPartial: boolean;
}

const rebuildsSchema = z.object({ items: z.array(rebuildSchema), nextCursor: z.null() });

const PATH = '/admin/rebuilds';
const POLL_MS = 1_000;
const COLUMNS: Columns<Rebuild> = [
  ['ID', ({ id }) => id],
  ['PROJECTION', ({ projection }) => projection],
  ['SOURCE', ({ source }) => source],
  ['STATE', ({ state, paused }) => (paused ? `${state}, paused` : state)],
  ['GENERATION', ({ generation }) => generation || '-'],
  ['PROCESSED', ({ processed, total }) => (total === null ? processed : `${processed} of ${total}`)],
  ['STARTED', ({ startedAt }) => startedAt],
  ['FINISHED', ({ finishedAt }) => finishedAt ?? '-'],
  ['ERROR', ({ error }) => error ?? '-'],
];

/** `order-search rebuild start|status|pause|resume|cancel|list`. */
export function rebuildCommand(context: CliContext): Command {
  return new Command('rebuild')
    .description('build the index anew beside the live one, and move readers to it')
    .addCommand(startCommand(context))
    .addCommand(statusCommand(context))
    .addCommand(changeCommand(context, 'pause', 'stop its copying for a while'))
    .addCommand(changeCommand(context, 'resume', 'let it go on'))
    .addCommand(changeCommand(context, 'cancel', 'end it and drop what it has built; what is live is not touched'))
    .addCommand(listCommand(context))
    .addHelpText('after', EXIT_CODES);
}

const EXIT_CODES = `
exit codes of start --follow and of status:
  0 done, or on its way     3 the service does not answer
  1 it failed               4 refused: another one runs, or it is too late
  2 wrong usage or token    5 it was cancelled
                            130 Ctrl-C: the rebuild goes on`;

function withFollowFlags(command: Command): Command {
  return withServiceFlags(command)
    .option('-f, --follow', 'show how it goes until it is over, across restarts of the service', false)
    .option('--give-up-after <seconds>', 'how long to follow while the service does not answer', readCount, 300);
}

function startCommand(context: CliContext): Command {
  const command = new Command('start')
    .description('start to build a new generation of the orders, or of one aggregate')
    .option('--projection <name>', 'orders, or the aggregate that is made from them anew', 'orders')
    .addOption(
      new Option('--source <source>', "index: the documents' own events; history: the broker's stream; file: NDJSON")
        .choices(REBUILD_SOURCES)
        .default('index'),
    )
    .option('--path <path>', "the file, in the service's IMPORT_DIR; with --source file")
    .option('--from <instant>', 'what was published before is not read; with --source history')
    .option('--no-activate', 'leave readers where they are: the new generation stands by')
    .option('--keep <count>', 'how many standbys of the orders stay; default: 1', readCount)
    .option('--allow-partial', 'move readers even where orders lack their first events', false);
  command.action((flags: StartFlags) => {
    if ((flags.source === 'file') !== (flags.path !== undefined))
      command.error('error: --source file and --path go together');
    if (flags.from !== undefined && flags.source !== 'history')
      command.error('error: --from goes with --source history');
    return useService(context, flags, (client) => start(client, flags, context));
  });
  return withFollowFlags(command);
}

async function start(client: ServiceClient, flags: StartFlags, context: CliContext): Promise<ExitCode> {
  const { projection, source, path, from, activate, keep, allowPartial } = flags;
  const given = {
    ...(path !== undefined && { path }),
    ...(from !== undefined && { from }),
    ...(keep !== undefined && { keep }),
  };
  const body = { projection, source, activate, allowPartial, ...given };
  const rebuild = await client.request({ method: 'POST', path: PATH, body, answer: rebuildSchema });
  if (flags.follow) {
    if (!flags.json) context.stdout.write(`rebuild ${rebuild.id} started\n`);
    return follow(rebuild, client, flags, context);
  }
  if (flags.json) context.stdout.write(jsonOf(rebuild));
  else context.stdout.write(`rebuild ${rebuild.id} started; order-search rebuild status --follow shows how it goes\n`);
  return EXIT.done;
}

function statusCommand(context: CliContext): Command {
  const command = new Command('status')
    .description('where a rebuild is')
    .argument('[id]', 'the newest one unless given')
    .action((id: string | undefined, flags: FollowFlags) =>
      useService(context, flags, (client) => status(id, client, flags, context)),
    );
  return withFollowFlags(command);
}

async function status(
  id: string | undefined,
  client: ServiceClient,
  flags: FollowFlags,
  context: CliContext,
): Promise<ExitCode> {
  const rebuild = await find(id, client);
  if (rebuild === undefined) return none(context);
  if (flags.follow) return follow(rebuild, client, flags, context);
  context.stdout.write(flags.json ? jsonOf(rebuild) : detailsOf(rebuild));
  return exitCodeOf(rebuild);
}

async function find(id: string | undefined, client: ServiceClient): Promise<Rebuild | undefined> {
  if (id !== undefined) return client.request({ path: pathOf(id), answer: rebuildSchema });
  const { items } = await client.request({ path: PATH, answer: rebuildsSchema });
  return items[0];
}

function none({ stderr }: CliContext): ExitCode {
  stderr.write('there has been no rebuild\n');
  return EXIT.failed;
}

function detailsOf(rebuild: Rebuild): string {
  const facts = Object.entries(rebuild).filter(([, value]) => value !== null && value !== '');
  const lines = facts.map(([name, value]) => `${name.padEnd(17)} ${printable(textOf(value))}\n`);
  return `${lines.join('')}\n${isOver(rebuild) ? endOf(rebuild) : `${plainLine(rebuild)}\n`}`;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

async function follow(
  first: Rebuild,
  client: ServiceClient,
  flags: FollowFlags,
  context: CliContext,
): Promise<ExitCode> {
  const { stdout, stderr } = context;
  const options = { pollMs: POLL_MS, giveUpAfterMs: flags.giveUpAfter * 1_000 };
  const end = await followRebuild(first, client, viewOf(flags, context), context, options);
  if (end === undefined) {
    stderr.write(`rebuild ${first.id} goes on; order-search rebuild cancel ${first.id} would end it\n`);
    return EXIT.interrupted;
  }
  const exitCode = exitCodeOf(end);
  if (!flags.json) (exitCode === EXIT.done ? stdout : stderr).write(endOf(end));
  return exitCode;
}

function viewOf({ json }: FollowFlags, { stdout, env }: CliContext): ProgressView<Rebuild> {
  if (!json) return progressView(stdout, terminalSettings(stdout, env), () => performance.now());
  let told = '';
  return {
    show(rebuild) {
      const line = jsonOf(rebuild);
      if (line !== told) stdout.write(line);
      told = line;
    },
    clear: () => undefined,
  };
}

/** What became of a rebuild, in a sentence. */
function endOf(rebuild: Rebuild): string {
  const { id, state, generation, processed, error, startedAt, finishedAt, withoutBeginning, unparseable } = rebuild;
  if (state === 'CANCELLED') return `rebuild ${id} was cancelled; what was live is live still\n`;
  if (state === 'FAILED')
    return `rebuild ${id} failed: ${printable(error ?? 'for an unknown reason')}; what was live is live still\n`;
  const seconds = finishedAt === null ? 0 : (Date.parse(finishedAt) - Date.parse(startedAt)) / 1_000;
  const leftOut = [
    ...(withoutBeginning === 0
      ? []
      : [`${withoutBeginning} orders without a beginning were left out, and their events parked`]),
    ...(unparseable === 0 ? [] : [`${unparseable} messages that are no events were left out`]),
  ];
  const readers = rebuild.activate ? `${generation} is live` : `${generation} stands by`;
  return `${[`rebuild ${id} done in ${duration(seconds)}: ${readers}, ${processed} processed`, ...leftOut].join('; ')}\n`;
}

function exitCodeOf({ state }: Rebuild): ExitCode {
  if (state === 'FAILED') return EXIT.failed;
  return state === 'CANCELLED' ? EXIT.cancelled : EXIT.done;
}

function changeCommand(context: CliContext, verb: 'pause' | 'resume' | 'cancel', description: string): Command {
  const command = new Command(verb)
    .description(description)
    .argument('[id]', 'the newest one unless given')
    .action((id: string | undefined, flags: ServiceFlags) =>
      useService(context, flags, (client) => change(id, verb, client, flags, context)),
    );
  return withServiceFlags(command);
}

const CHANGED = { pause: 'is paused', resume: 'goes on', cancel: 'is being cancelled' } as const;

async function change(
  id: string | undefined,
  verb: 'pause' | 'resume' | 'cancel',
  client: ServiceClient,
  { json }: ServiceFlags,
  context: CliContext,
): Promise<ExitCode> {
  const known = id ?? (await find(undefined, client))?.id;
  if (known === undefined) return none(context);
  const rebuild = await client.request({ method: 'POST', path: `${pathOf(known)}/${verb}`, answer: rebuildSchema });
  const standing = rebuild.state === 'CANCELLED' ? 'was cancelled' : CHANGED[verb];
  context.stdout.write(json ? jsonOf(rebuild) : `rebuild ${rebuild.id} ${standing}\n`);
  return EXIT.done;
}

function listCommand(context: CliContext): Command {
  const command = new Command('list')
    .description('the newest first')
    .action((flags: ServiceFlags) => useService(context, flags, (client) => list(client, flags, context)));
  return withServiceFlags(command);
}

async function list(client: ServiceClient, { json }: ServiceFlags, { stdout }: CliContext): Promise<void> {
  const answer = await client.request({ path: PATH, answer: rebuildsSchema });
  if (json) stdout.write(jsonOf(answer));
  else stdout.write(answer.items.length === 0 ? 'no rebuilds\n' : tableOf(COLUMNS, answer.items));
}

function pathOf(id: string): string {
  return `${PATH}/${encodeURIComponent(id)}`;
}

/** One line a value. */
function jsonOf(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function readCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('use a whole number.');
  return Number(text);
}

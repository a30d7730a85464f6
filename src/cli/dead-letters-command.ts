import { Command, InvalidArgumentError, Option } from 'commander';
import type { z } from 'zod';
import {
  deadLetterAnswer,
  deadLettersAnswer,
  discardAnswer,
  replayAllAnswer,
  replayAnswer,
} from '../http/dead-letter-answers.ts';
import { REFUSAL_REASONS } from '../order/event.ts';
import { EXIT } from './context.ts';
import type { CliContext, ExitCode } from './context.ts';
import { ALL_DONE_MS, ServiceProblem, useService, withServiceFlags } from './service-client.ts';
import type { ServiceClient, ServiceFlags } from './service-client.ts';
import { printable, tableOf } from './table.ts';
import type { Columns } from './table.ts';

interface FilterFlags extends ServiceFlags {
  readonly reason?: string;
  readonly order?: string;
}

interface ListFlags extends FilterFlags {
  readonly limit: number;
}

interface ReplayFlags extends FilterFlags {
  readonly all: boolean;
}

type Listed = z.output<typeof deadLettersAnswer>['items'][number];

const PAGE = 100;
const COLUMNS: Columns<Listed> = [
  ['ID', ({ id }) => id],
  ['REASON', ({ reason }) => reason],
  ['FIELD', ({ path }) => path || '-'],
  ['ORDER', ({ orderId }) => orderId],
  ['SEQUENCE', ({ sequence }) => sequence],
  ['ATTEMPTS', ({ attempts }) => attempts],
  ['LAST FAILURE', ({ lastFailedAt }) => lastFailedAt],
];

/** `order-search dead-letters list|show|replay|discard`. */
export function deadLettersCommand(context: CliContext): Command {
  return new Command('dead-letters')
    .description('what was refused: look at it, publish it again, or throw it away')
    .addCommand(listCommand(context))
    .addCommand(showCommand(context))
    .addCommand(replayCommand(context))
    .addCommand(discardCommand(context));
}

function withFilterFlags(command: Command): Command {
  return command
    .addOption(new Option('--reason <reason>', 'only those refused for it').choices(REFUSAL_REASONS))
    .option('--order <id>', 'only those of this order');
}

function listCommand(context: CliContext): Command {
  const command = new Command('list')
    .description('newest failure first')
    .option('--limit <count>', 'at most as many', readCount, 20)
    .action((flags: ListFlags) => useService(context, flags, (client) => list(client, flags, context)));
  return withServiceFlags(withFilterFlags(command));
}

async function list(client: ServiceClient, flags: ListFlags, { stdout }: CliContext): Promise<void> {
  const { reason, order: orderId, limit, json } = flags;
  const items: Listed[] = [];
  let cursor: string | undefined;
  do {
    const page = await client.request({
      path: '/admin/dead-letters',
      query: { reason, orderId, size: Math.min(PAGE, limit - items.length), cursor },
      answer: deadLettersAnswer,
    });
    items.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && items.length < limit);
  if (json) stdout.write(jsonOf({ items, more: cursor !== undefined }));
  else if (items.length === 0) stdout.write('no dead letters\n');
  else stdout.write(tableOf(COLUMNS, items) + (cursor === undefined ? '' : `the first ${limit}; more with --limit\n`));
}

function showCommand(context: CliContext): Command {
  const command = new Command('show')
    .description('one of them, with its whole body')
    .argument('<id>')
    .action((id: string, flags: ServiceFlags) =>
      useService(context, flags, (client) => show(id, client, flags, context)),
    );
  return withServiceFlags(command);
}

async function show(id: string, client: ServiceClient, { json }: ServiceFlags, { stdout }: CliContext): Promise<void> {
  const letter = await client.request({ path: pathOf(id), answer: deadLetterAnswer });
  if (json) {
    stdout.write(jsonOf(letter));
    return;
  }
  const { body, bodyEncoding, bodyBytes, ...facts } = letter;
  for (const [name, value] of Object.entries(facts)) stdout.write(`${name.padEnd(14)} ${printable(String(value))}\n`);
  const lines = body.split('\n').map(printable);
  stdout.write(`\n${bodyBytes} bytes, ${bodyEncoding}:\n${lines.join('\n')}\n`);
}

function replayCommand(context: CliContext): Command {
  const command = new Command('replay')
    .description('publish them again, as they were; what is refused once more comes back')
    .argument('[ids...]')
    .option('--all', 'all of them, or those of --reason and --order', false);
  command.action((ids: string[], flags: ReplayFlags) => {
    const isClear = flags.all ? ids.length === 0 : ids.length > 0 && !flags.reason && !flags.order;
    if (!isClear) command.error('error: name either ids, or --all (with --reason and --order)');
    return useService(context, flags, (client) => replay(ids, client, flags, context));
  });
  return withServiceFlags(withFilterFlags(command));
}

async function replay(
  ids: string[],
  client: ServiceClient,
  flags: ReplayFlags,
  context: CliContext,
): Promise<ExitCode> {
  if (flags.all) return replayAll(client, flags, context);
  return forEach(ids, flags, context, async (id) => {
    const answer = await client.request({ method: 'POST', path: `${pathOf(id)}/replay`, answer: replayAnswer });
    return { answer, line: `replayed ${id}` };
  });
}

async function replayAll(
  client: ServiceClient,
  { reason, order: orderId, json }: ReplayFlags,
  { stdout, stderr }: CliContext,
): Promise<ExitCode> {
  const body = { ...(reason !== undefined && { reason }), ...(orderId !== undefined && { orderId }) };
  const asked = { path: '/admin/dead-letters/replay', body, answer: replayAllAnswer, timeoutMs: ALL_DONE_MS };
  const result = await client.request({ method: 'POST', ...asked });
  if (json) stdout.write(jsonOf(result));
  else {
    stdout.write(`replayed ${result.replayed}\n`);
    for (const { id, reason } of result.failed) stderr.write(`${id}: ${printable(reason)}\n`);
  }
  return result.failed.length === 0 ? EXIT.done : EXIT.failed;
}

function discardCommand(context: CliContext): Command {
  const command = new Command('discard')
    .description('throw them away; says which places of their orders stay empty by that')
    .argument('<ids...>')
    .action((ids: string[], flags: ServiceFlags) =>
      useService(context, flags, (client) =>
        forEach(ids, flags, context, async (id) => {
          const answer = await client.request({ method: 'DELETE', path: pathOf(id), answer: discardAnswer });
          const hint = answer.missing ? `. ${answer.missing.hint}` : '';
          return { answer, line: `discarded ${id}${hint}` };
        }),
      ),
    );
  return withServiceFlags(command);
}

/** What the service refuses for one of them does not keep the others from being done. */
async function forEach(
  ids: readonly string[],
  { json }: ServiceFlags,
  { stdout, stderr }: CliContext,
  act: (id: string) => Promise<{ readonly answer: object; readonly line: string }>,
): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.done;
  for (const id of ids) {
    try {
      const { answer, line } = await act(id);
      stdout.write(json ? jsonOf(answer) : `${printable(line)}\n`);
    } catch (error) {
      if (!(error instanceof ServiceProblem) || (error.status !== 404 && error.status !== 409)) throw error;
      stderr.write(`${printable(id)}: ${printable(error.message)}\n`);
      exitCode = EXIT.failed;
    }
  }
  return exitCode;
}

function pathOf(id: string): string {
  return `/admin/dead-letters/${encodeURIComponent(id)}`;
}

/** One line a value. */
function jsonOf(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function readCount(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('use a whole number from 1.');
  return Number(text);
}

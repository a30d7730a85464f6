import { Argument, Command, Option } from 'commander';
import { z } from 'zod';
import { confirm, unchanged, type Confirmation } from './confirmation.ts';
import { EXIT } from './context.ts';
import type { CliContext, ExitCode } from './context.ts';
import { ALL_DONE_MS, useService, withServiceFlags } from './service-client.ts';
import type { ServiceClient, ServiceFlags } from './service-client.ts';
import { printable } from './table.ts';

const ranges = z.array(z.tuple([z.number(), z.number()]));

const pageSchema = z.object({
  items: z.array(
    z.object({
      orderId: z.string(),
      version: z.number(),
      missing: ranges,
      parked: z.number(),
      oldestParkedAt: z.string(),
      gapped: z.boolean(),
    }),
  ),
  nextCursor: z.string().nullable(),
});

const reportSchema = z.object({
  orders: z.number(),
  found: z.number(),
  republished: z.number(),
  skipped: z.number(),
  ordersStillMissing: z.number(),
  stillMissing: z.array(z.object({ orderId: z.string(), missing: ranges })),
});

type ParkedOrder = z.output<typeof pageSchema>['items'][number];
type Report = z.output<typeof reportSchema>;

interface RepairFlags extends ServiceFlags {
  readonly all?: true;
  readonly missing: 'history' | 'skip';
  readonly yes: boolean;
}

const PAGE = 100;

/** `parked list` and `parked repair`. A repair after which something is still missing ends with 1. */
export function parkedCommand(context: CliContext): Command {
  return new Command('parked')
    .description('orders whose events wait for an earlier one, and how to help them')
    .addCommand(listCommand(context))
    .addCommand(repairCommand(context));
}

function listCommand(context: CliContext): Command {
  const command = new Command('list')
    .description('the orders that wait, and what for')
    .action((flags: ServiceFlags) => useService(context, flags, (client) => list(client, flags, context)));
  return withServiceFlags(command);
}

function repairCommand(context: CliContext): Command {
  const command = new Command('repair')
    .description('fetch what is missing from the history, or declare it missing for good')
    .addArgument(new Argument('[order]', "the order's id"))
    .addOption(new Option('--all', 'every order that has waited longer than the grace'))
    .addOption(
      new Option('--missing <how>', 'history: publish what the history has once more; skip: go on without it, for good')
        .choices(['history', 'skip'])
        .makeOptionMandatory(),
    )
    .option('-y, --yes', 'do not ask before something is skipped, as a script is not', false);
  command.action((orderId: string | undefined, flags: RepairFlags) => {
    if ((orderId === undefined) === (flags.all === undefined)) command.error('error: name one order, or use --all');
    return useService(context, flags, async (client) => {
      if ((await ask(orderId, flags, context)) === 'declined') return unchanged(context);
      return repair(client, orderId, flags, context);
    });
  });
  return withServiceFlags(command);
}

/** `--missing skip` is one word away from `--missing history`, and cannot be taken back. Scripts have thought about it before. */
async function ask(
  orderId: string | undefined,
  { missing, yes }: RepairFlags,
  context: CliContext,
): Promise<Confirmation> {
  if (missing === 'history' || yes) return 'confirmed';
  const orders = orderId === undefined ? 'every order that has waited longer than the grace' : printable(orderId);
  const question = `What is missing of ${orders} will be left out for good: it is refused when it comes later.`;
  return confirm(question, 'skip', context);
}

async function list(client: ServiceClient, flags: ServiceFlags, { stdout }: CliContext): Promise<void> {
  let cursor: string | undefined;
  let orders = 0;
  do {
    const query = { size: PAGE, cursor };
    const page = await client.request({ path: '/admin/parked', query, answer: pageSchema });
    for (const item of page.items) stdout.write(`${flags.json ? JSON.stringify(item) : lineOf(item)}\n`);
    orders += page.items.length;
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  if (orders === 0 && !flags.json) stdout.write('no order waits for an event\n');
}

function lineOf({ orderId, version, missing, parked, oldestParkedAt, gapped }: ParkedOrder): string {
  const lacks = missing.length === 0 ? 'lacks nothing more' : `lacks ${shown(missing)}`;
  const events = parked === 1 ? '1 event waits' : `${parked} events wait`;
  return `${printable(orderId)}  version ${version}, ${lacks}; ${events} since ${oldestParkedAt}${gapped ? '' : ' (within the grace)'}`;
}

async function repair(
  client: ServiceClient,
  orderId: string | undefined,
  { missing, json }: RepairFlags,
  { stdout }: CliContext,
): Promise<ExitCode> {
  const path = orderId === undefined ? '/admin/parked/repair' : `/admin/orders/${encodeURIComponent(orderId)}/repair`;
  const asked = { method: 'POST', path, body: { missing }, answer: reportSchema, timeoutMs: ALL_DONE_MS } as const;
  const report = await client.request(asked);
  stdout.write(json ? `${JSON.stringify(report)}\n` : textOf(report, missing));
  return report.ordersStillMissing === 0 ? EXIT.done : EXIT.failed;
}

function textOf(report: Report, missing: RepairFlags['missing']): string {
  const { orders, republished, skipped, ordersStillMissing, stillMissing } = report;
  const done = missing === 'skip' ? `skipped ${skipped} events` : `published ${republished} events again`;
  const lines = [`${done} of ${orders} ${orders === 1 ? 'order' : 'orders'}`];
  for (const order of stillMissing) lines.push(`${printable(order.orderId)}  still lacks ${shown(order.missing)}`);
  const more = ordersStillMissing - stillMissing.length;
  if (more > 0) lines.push(`and ${more} more orders`);
  return `${lines.join('\n')}\n`;
}

function shown(missing: ParkedOrder['missing']): string {
  return missing.map(([from, to]) => (from === to ? String(from) : `${from}–${to}`)).join(', ');
}

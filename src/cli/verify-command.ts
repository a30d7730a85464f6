import { Command } from 'commander';
import { z } from 'zod';
import { EXIT } from './context.ts';
import type { CliContext, ExitCode } from './context.ts';
import { useService, withServiceFlags } from './service-client.ts';
import type { ServiceClient, ServiceFlags } from './service-client.ts';
import { printable } from './table.ts';

const valueSchema = z.union([z.number(), z.string()]);
const differenceSchema = z.looseObject({
  aggregate: z.string(),
  key: z.string(),
  field: z.string(),
  expected: valueSchema,
  found: valueSchema,
});
const endSchema = z.looseObject({ orders: z.int(), rows: z.int(), differences: z.int(), unsettled: z.int() });
const refusedSchema = z.looseObject({ reason: z.string() });

const PATH = '/admin/aggregates/verification';

/** `order-search verify`: for a cron job, 0 where all is right, 1 where something is not, 4 where it cannot be told now. */
export function verifyCommand(context: CliContext): Command {
  const command = new Command('verify')
    .description('add up every order anew, and name each difference to the aggregates (exit code 1)')
    .action((flags: ServiceFlags) => useService(context, flags, (client) => verify(client, flags, context)));
  return withServiceFlags(command);
}

async function verify(client: ServiceClient, { json }: ServiceFlags, context: CliContext): Promise<ExitCode> {
  const { stdout, stderr } = context;
  const say = (line: string, event: object) => stdout.write(`${json ? JSON.stringify(event) : line}\n`);
  for await (const { event, data } of client.events(PATH)) {
    switch (event) {
      case 'difference': {
        const difference = differenceSchema.parse(data);
        const { aggregate, key, field, expected, found } = difference;
        say(printable(`${aggregate} ${key}: ${field} is ${found}, and should be ${expected}`), {
          event,
          ...difference,
        });
        break;
      }
      case 'refused': {
        stderr.write(`${printable(refusedSchema.parse(data).reason)}\n`);
        return EXIT.refused;
      }
      case 'end': {
        const end = endSchema.parse(data);
        say(summaryOf(end), { event, ...end });
        return end.differences === 0 ? EXIT.done : EXIT.failed;
      }
      default: // How far it is.
    }
  }
  stderr.write('the service ended the verification before its end: see its log\n');
  return EXIT.unavailable;
}

function summaryOf({ orders, rows, differences, unsettled }: z.output<typeof endSchema>): string {
  const settled = unsettled === 0 ? '' : `, ${unsettled} of them left out since orders were being written`;
  return `${orders} orders, ${rows} rows${settled}: ${differences === 0 ? 'no difference' : `${differences} differences`}`;
}

import { Command } from 'commander';
import { z } from 'zod';
import { PART_STATES } from '../observability/health.ts';
import { EXIT } from './context.ts';
import type { CliContext, ExitCode } from './context.ts';
import { useService, withServiceFlags } from './service-client.ts';
import type { ServiceClient, ServiceFlags } from './service-client.ts';
import { printable, tableOf } from './table.ts';
import type { Columns } from './table.ts';

const partSchema = z.looseObject({ state: z.enum(PART_STATES), reason: z.string().optional() });
const healthSchema = z.looseObject({
  status: z.enum(['up', 'degraded', 'down']),
  parts: z.record(z.string(), partSchema),
});
type NamedPart = z.output<typeof partSchema> & { readonly name: string };

const COLUMNS: Columns<NamedPart> = [
  ['PART', ({ name }) => name],
  ['STATE', ({ state }) => state],
];

/** `order-search health`: 0 where it works, though perhaps not at its best; 3 where it is down. */
export function healthCommand(context: CliContext): Command {
  const command = new Command('health')
    .description('the state of each part, and why (exit code 3 where it is down)')
    .action((flags: ServiceFlags) => useService(context, flags, (client) => show(client, flags, context)));
  return withServiceFlags(command);
}

async function show(client: ServiceClient, { json }: ServiceFlags, { stdout }: CliContext): Promise<ExitCode> {
  const health = await client.request({ path: '/health', answer: healthSchema, alsoAnsweredBy: 503 });
  if (json) stdout.write(`${JSON.stringify(health)}\n`);
  else {
    const parts = Object.entries(health.parts).map(([name, part]) => ({ name, ...part }));
    // Reasons are as long as they are: none is cut.
    const reasons = parts.flatMap(({ name, reason }) =>
      reason === undefined ? [] : [`${name}: ${printable(reason)}\n`],
    );
    stdout.write([tableOf(COLUMNS, parts), ...reasons].join(''));
  }
  return health.status === 'down' ? EXIT.unavailable : EXIT.done;
}

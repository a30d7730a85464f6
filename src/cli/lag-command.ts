import { Command } from 'commander';
import { z } from 'zod';
import { lagAnswer } from '../http/answers.ts';
import type { CliContext } from './context.ts';
import { useService, withServiceFlags } from './service-client.ts';
import type { ServiceClient, ServiceFlags } from './service-client.ts';
import { tableOf } from './table.ts';
import type { Columns } from './table.ts';

interface LagFlags extends ServiceFlags {
  readonly since?: string;
}

const answerSchema = z.looseObject(lagAnswer.shape);
type Sample = z.output<typeof answerSchema>['items'][number];

const COLUMNS: Columns<Sample> = [
  ['AT', ({ at }) => at],
  ['LAG', ({ lagSeconds }) => secondsOf(lagSeconds)],
  ['MESSAGES', ({ messages }) => messages ?? undefined],
];

/** `order-search lag`: what the console draws. */
export function lagCommand(context: CliContext): Command {
  const command = new Command('lag')
    .description('how far answers are behind, and were over the last quarter of an hour, as the instance has seen it')
    .option('--since <instant>', 'only what was seen after that (RFC 3339)')
    .action((flags: LagFlags) => useService(context, flags, (client) => show(client, flags, context)));
  return withServiceFlags(command);
}

async function show(client: ServiceClient, { json, since }: LagFlags, { stdout }: CliContext): Promise<void> {
  const answer = await client.request({ path: '/admin/lag', query: { since }, answer: answerSchema });
  if (json) {
    stdout.write(`${JSON.stringify(answer)}\n`);
    return;
  }
  const { items, asOf, lagSeconds, messages } = answer;
  if (items.length > 0) stdout.write(`${tableOf(COLUMNS, items)}\n`);
  const waiting = messages ?? 'the broker does not say';
  // Before the first heartbeat has come through they are as of 1970.
  const isKnown = Date.parse(asOf) > 0;
  const age = isKnown
    ? `answers are as of ${asOf}, ${secondsOf(lagSeconds)} ago`
    : 'how old answers are is not known yet';
  stdout.write(`${age}; waiting messages: ${waiting}\n`);
}

/** Undefined before anything was known. */
function secondsOf(seconds: number | null): string | undefined {
  return seconds === null ? undefined : `${seconds.toFixed(1)} s`;
}

import { Command } from 'commander';
import { z } from 'zod';
import { generationAnswer } from '../http/rebuild-answers.ts';
import { confirm, unchanged } from './confirmation.ts';
import { EXIT } from './context.ts';
import type { CliContext, ExitCode } from './context.ts';
import { useService, withServiceFlags } from './service-client.ts';
import type { ServiceClient, ServiceFlags } from './service-client.ts';
import { printable, tableOf } from './table.ts';
import type { Columns } from './table.ts';

interface ChangeFlags extends ServiceFlags {
  readonly yes: boolean;
}

const generationSchema = z.looseObject(generationAnswer.shape);
type Generation = z.output<typeof generationSchema>;

const generationsSchema = z.object({ items: z.array(generationSchema), nextCursor: z.null() });

const PATH = '/admin/generations';
const COLUMNS: Columns<Generation> = [
  ['NAME', ({ name }) => name],
  ['STATE', ({ state }) => state],
  ['DOCUMENTS', ({ documents }) => documents],
  ['SIZE', ({ sizeBytes }) => sizeOf(sizeBytes)],
  ['MAPPING', ({ mappingHash }) => mappingHash],
  ['FOLD', ({ foldVersion }) => foldVersion],
  ['CREATED', ({ createdAt }) => createdAt],
  ['REASON', ({ reason }) => reason ?? '-'],
];

/** `order-search generations list|activate|delete`. */
export function generationsCommand(context: CliContext): Command {
  return new Command('generations')
    .description('the generations of the index: move readers back or forward, delete what is not needed')
    .addCommand(listCommand(context))
    .addCommand(changeCommand(context, 'activate', 'move all readers to it'))
    .addCommand(changeCommand(context, 'delete', 'delete it, with everything in it'));
}

function listCommand(context: CliContext): Command {
  const command = new Command('list')
    .description('all that there are')
    .action((flags: ServiceFlags) => useService(context, flags, (client) => list(client, flags, context)));
  return withServiceFlags(command);
}

async function list(client: ServiceClient, { json }: ServiceFlags, { stdout }: CliContext): Promise<void> {
  const answer = await client.request({ path: PATH, answer: generationsSchema });
  if (json) stdout.write(`${JSON.stringify(answer)}\n`);
  else stdout.write(answer.items.length === 0 ? 'no generations\n' : tableOf(COLUMNS, answer.items));
}

const CHANGES = { activate, delete: remove } as const;

function changeCommand(context: CliContext, what: keyof typeof CHANGES, description: string): Command {
  const command = new Command(what)
    .description(description)
    .argument('<name>', 'as generations list says it')
    .option('-y, --yes', 'do not ask', false)
    .action((name: string, flags: ChangeFlags) =>
      useService(context, flags, async (client) => {
        const question = flags.yes ? undefined : await questionOn(name, what, client);
        const isMeant = question === undefined ? 'confirmed' : await confirm(question, name, context);
        if (isMeant === 'confirmed') return CHANGES[what](name, client, flags, context);
        return notDone(isMeant, context);
      }),
    );
  return withServiceFlags(command);
}

function notDone(why: 'declined' | 'nobody to ask', context: CliContext): ExitCode {
  if (why === 'declined') return unchanged(context);
  context.stderr.write('there is nobody to ask here: say --yes if it is meant\n');
  return EXIT.misconfigured;
}

/** None on what is not there: the service says so. */
async function questionOn(
  name: string,
  what: keyof typeof CHANGES,
  client: ServiceClient,
): Promise<string | undefined> {
  const { items } = await client.request({ path: PATH, answer: generationsSchema });
  const live = items.find(({ state }) => state === 'live');
  const known = items.find((generation) => generation.name === name);
  if (!known) return undefined;
  const shown = `${name} (${known.state}, ${known.documents} documents, created at ${known.createdAt})`;
  if (what === 'delete') return `${shown} will be deleted for good.`;
  const instead = live && live.name !== name ? ` instead of ${live.name} (${live.documents} documents)` : '';
  return `Readers will be moved to ${shown}${instead}.`;
}

async function activate(
  name: string,
  client: ServiceClient,
  { json }: ChangeFlags,
  { stdout }: CliContext,
): Promise<ExitCode> {
  const path = `${PATH}/${encodeURIComponent(name)}/activate`;
  const generation = await client.request({ method: 'POST', path, answer: generationSchema });
  stdout.write(json ? `${JSON.stringify(generation)}\n` : `${generation.name} is live\n`);
  return EXIT.done;
}

async function remove(
  name: string,
  client: ServiceClient,
  { json }: ChangeFlags,
  { stdout }: CliContext,
): Promise<ExitCode> {
  await client.request({ method: 'DELETE', path: `${PATH}/${encodeURIComponent(name)}`, answer: z.undefined() });
  stdout.write(json ? `${JSON.stringify({ deleted: true, name })}\n` : `${printable(name)} is deleted\n`);
  return EXIT.done;
}

/** In decimal units, as disks are sold. */
function sizeOf(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const size = bytes / 1_000 ** power;
  return `${power === 0 ? size : size.toFixed(1)} ${units[power] ?? ''}`;
}

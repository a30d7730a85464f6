import { z } from 'zod';
import type { HttpDependencies, RebuildCommand, RebuildView } from '../dependencies.ts';
import { bodyInstant, oneOf, text } from '../parameters.ts';
import { ProblemError, noSuchThing } from '../problem-details.ts';
import { PROGRESS_PACE, progressStreams } from '../rebuild-progress.ts';
import type { ProgressPace } from '../rebuild-progress.ts';
import { REBUILD_SOURCES, isOver, rebuildAnswer, rebuildsAnswer } from '../rebuild-answers.ts';
import { defineRoute } from '../route.ts';
import type { Answer, Route } from '../route.ts';

type Dependencies = Pick<HttpDependencies, 'rebuilds'>;

const MAX_PATH_CHARACTERS = 1_024;
const MAX_STANDBYS = 100;
const DEFAULT_STANDBYS = 1;
const ORDERS = 'orders';
const NO_QUERY = z.strictObject({});
const ONE = z.object({ id: text(64) });

const EVENTS = z
  .string()
  .meta({ contentMediaType: 'text/event-stream', description: 'The data of each event is a Rebuild.' });

/** `projections`: the aggregates, which are rebuilt from the orders alone. */
function startBody(projections: readonly string[]) {
  return z
    .strictObject({
      projection: oneOf([ORDERS, ...projections]).default(ORDERS),
      source: oneOf(REBUILD_SOURCES).default('index'),
      path: z
        .string('must be text')
        .min(1, 'must not be empty')
        .max(MAX_PATH_CHARACTERS, `may have at most ${MAX_PATH_CHARACTERS} characters`)
        .optional()
        .meta({ description: 'With the source `file` only, and always with it: relative to IMPORT_DIR.' }),
      from: bodyInstant().optional().meta({
        description:
          'With the source `history` only: events published before are not read. From its beginning unless given.',
      }),
      activate: yesOrNo().default(true),
      keep: standbys().default(DEFAULT_STANDBYS).meta({ description: 'Of the orders only.' }),
      allowPartial: yesOrNo().default(false),
    })
    .superRefine(({ projection, source, activate, keep, allowPartial }, context) => {
      if (projection === ORDERS) return;
      const refuse = (field: string, message: string) => {
        context.addIssue({ code: 'custom', path: [field], message });
      };
      if (source !== 'index') refuse('source', `must be index: ${projection} is made from the orders in the index`);
      if (!activate) refuse('activate', `must be true: ${projection} has no standbys`);
      if (keep !== DEFAULT_STANDBYS) refuse('keep', `must be left out: ${projection} has no standbys`);
      if (allowPartial) refuse('allowPartial', `must be false: ${projection} is made from the orders as they are`);
    })
    .superRefine(({ source, from }, context) => {
      if (from === undefined || source === 'history') return;
      context.addIssue({ code: 'custom', path: ['from'], message: `does not go with the source ${source}` });
    })
    .superRefine(({ source, path }, context) => {
      if ((source === 'file') === (path !== undefined)) return;
      const message = source === 'file' ? 'is needed with the source file' : `does not go with the source ${source}`;
      context.addIssue({ code: 'custom', path: ['path'], message });
    });
}

function yesOrNo() {
  return z.boolean('must be true or false');
}

function standbys() {
  const message = `must be a whole number from 0 to ${MAX_STANDBYS}`;
  return z.int(message).min(0, message).max(MAX_STANDBYS, message);
}

/** Rebuilds of the index: start one, watch it, pause it, cancel it. */
export function rebuildRoutes(dependencies: Dependencies, pace: ProgressPace = PROGRESS_PACE): Route[] {
  return [
    startRoute(dependencies),
    listRoute(dependencies),
    showRoute(dependencies),
    progressRoute(dependencies, pace),
    changeRoute(dependencies, 'pause', 'Stops its copying until it is resumed; live writes go on'),
    changeRoute(dependencies, 'resume', 'Lets it go on after a pause'),
    changeRoute(dependencies, 'cancel', 'Ends it and drops what it has built; the live generation is not touched'),
  ];
}

function startRoute({ rebuilds }: Dependencies): Route {
  return defineRoute({
    method: 'post',
    path: '/admin/rebuilds',
    summary: 'Starts to build a new generation of the orders, or of one aggregate, beside the live one',
    access: 'admin',
    params: z.object({}),
    query: NO_QUERY,
    body: startBody(rebuilds.projections),
    answers: { 202: rebuildAnswer },
    locations: { 202: 'The rebuild.' },
    problems: [409],
    handle: async ({ body: { path, from, ...request } }) => {
      const given = { ...(path !== undefined && { path }), ...(from !== undefined && { from }) };
      const outcome = await rebuilds.start({ ...request, ...given });
      switch (outcome.kind) {
        case 'started':
          return { status: 202, headers: { Location: pathOf(outcome.rebuild) }, body: outcome.rebuild };
        case 'busy':
          throw new ProblemError({ status: 409, detail: busy(outcome) });
        case 'refused':
          throw new ProblemError({ status: 409, detail: outcome.reason });
        case 'invalid': {
          const { path, message } = outcome;
          throw new ProblemError({ status: 400, detail: `${path}: ${message}`, errors: [{ path, message }] });
        }
      }
    },
  });
}

/** One that has ended without success is busy cleaning up; one that has moved readers finishes what is left. */
function busy({ by, canBeCancelled }: { readonly by: RebuildView; readonly canBeCancelled: boolean }): string {
  const { id, state, source, startedAt, paused } = by;
  const which = `Rebuild ${id}, started at ${startedAt} from ${source},`;
  const ended = ENDED[state];
  if (ended !== undefined) return `${which} ${ended} and is being cleaned up: try again in a moment.`;
  const standing = paused ? `is paused in ${state}` : `is in ${state}`;
  const advice = canBeCancelled
    ? `wait for it, or POST ${pathOf(by)}/cancel`
    : 'wait for it: it is too late to cancel it';
  return `${which} ${standing}: ${advice}.`;
}

const ENDED: Readonly<Partial<Record<RebuildView['state'], string>>> = {
  FAILED: 'has failed',
  CANCELLED: 'was cancelled',
};

function pathOf({ id }: RebuildView): string {
  return `/admin/rebuilds/${encodeURIComponent(id)}`;
}

function listRoute({ rebuilds }: Dependencies): Route {
  return defineRoute({
    method: 'get',
    path: '/admin/rebuilds',
    summary: 'Rebuilds, the newest first; those that are over are kept for a while',
    access: 'admin',
    params: z.object({}),
    query: NO_QUERY,
    answers: { 200: rebuildsAnswer },
    handle: async () => ({ body: { items: await rebuilds.list(), nextCursor: null } }),
  });
}

function showRoute({ rebuilds }: Dependencies): Route {
  return defineRoute({
    method: 'get',
    path: '/admin/rebuilds/:id',
    summary: 'One rebuild: where it is, how fast, how long still',
    access: 'admin',
    params: ONE,
    query: NO_QUERY,
    answers: { 200: rebuildAnswer },
    handle: async ({ params: { id } }) => {
      const rebuild = await rebuilds.get(id);
      if (!rebuild) throw notFound();
      return { body: rebuild };
    },
  });
}

function progressRoute({ rebuilds }: Dependencies, pace: ProgressPace): Route {
  const streams = progressStreams(pace);
  return defineRoute({
    method: 'get',
    path: '/admin/rebuilds/:id/progress',
    summary: 'Server-sent events: `progress` with the rebuild at once and on each change, `end` after its last',
    access: 'admin',
    params: ONE,
    query: NO_QUERY,
    answers: { 200: EVENTS },
    handle: async ({ params: { id }, signal }) => {
      const rebuild = await rebuilds.get(id);
      if (!rebuild) throw notFound();
      const events = streams.open(rebuild, () => rebuilds.get(id), signal);
      if (events) return { body: undefined, events: { source: events, keepAliveMs: pace.keepAliveMs } };
      const detail = `${pace.maxStreams} clients are following rebuilds already: ask for GET ${pathOf(rebuild)} instead.`;
      throw new ProblemError({ status: 503, detail, headers: { 'Retry-After': '10' } });
    },
  });
}

function changeRoute({ rebuilds }: Dependencies, command: RebuildCommand, summary: string): Route {
  return defineRoute({
    method: 'post',
    path: `/admin/rebuilds/:id/${command}`,
    summary,
    access: 'admin',
    params: ONE,
    query: NO_QUERY,
    problems: [409],
    answers: command === 'cancel' ? { 200: rebuildAnswer, 202: rebuildAnswer } : { 200: rebuildAnswer },
    handle: async ({ params: { id } }) => {
      const outcome = await rebuilds.change(id, command);
      switch (outcome.kind) {
        case 'accepted':
          return answerOf(command, outcome.rebuild);
        case 'not_found':
          throw notFound();
        case 'over':
          throw new ProblemError({ status: 409, detail: tooLate(command, outcome.rebuild) });
      }
    },
  });
}

/** What a cancelled rebuild has built is dropped later. */
function answerOf(command: RebuildCommand, rebuild: RebuildView): Answer {
  return { status: command === 'cancel' && !isOver(rebuild) ? 202 : 200, body: rebuild };
}

function tooLate(command: RebuildCommand, { id, state, finishedAt }: RebuildView): string {
  const ended = finishedAt === null ? '' : ` since ${finishedAt}`;
  return `Rebuild ${id} is ${state}${ended}: it is too late to ${command} it.`;
}

function notFound(): ProblemError {
  return noSuchThing('There is no such rebuild, or not any more.');
}

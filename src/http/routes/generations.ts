import { z } from 'zod';
import { RegistryError } from '../../order-index/port.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { text } from '../parameters.ts';
import { ProblemError, noSuchThing } from '../problem-details.ts';
import { generationAnswer, generationsAnswer } from '../rebuild-answers.ts';
import { defineRoute } from '../route.ts';
import type { Route } from '../route.ts';

type Dependencies = Pick<HttpDependencies, 'generations'>;

/** As long as Elasticsearch allows the name of an index to be. */
const MAX_NAME_CHARACTERS = 255;
const NO_QUERY = z.strictObject({});
const ONE = z.object({ name: text(MAX_NAME_CHARACTERS) });

/** The index's generations: which there are, moving readers back or forward, and deleting one. */
export function generationRoutes(dependencies: Dependencies): Route[] {
  return [listRoute(dependencies), activateRoute(dependencies), deleteRoute(dependencies)];
}

function listRoute({ generations }: Dependencies): Route {
  return defineRoute({
    method: 'get',
    path: '/admin/generations',
    summary: 'The generations of the index of orders',
    access: 'admin',
    params: z.object({}),
    query: NO_QUERY,
    answers: { 200: generationsAnswer },
    handle: async () => ({ body: { items: await withRemedy(generations.list()), nextCursor: null } }),
  });
}

function activateRoute({ generations }: Dependencies): Route {
  return defineRoute({
    method: 'post',
    path: '/admin/generations/:name/activate',
    summary: 'Moves all readers to it, back or forward; refused where it is not caught up or has diverged',
    access: 'admin',
    params: ONE,
    query: NO_QUERY,
    answers: { 200: generationAnswer },
    problems: [409],
    handle: async ({ params: { name } }) => {
      const outcome = await withRemedy(generations.activate(name));
      switch (outcome.kind) {
        case 'activated':
          return { body: outcome.generation };
        case 'not_found':
          throw notFound();
        case 'refused':
          throw new ProblemError({ status: 409, detail: outcome.reason });
      }
    },
  });
}

function deleteRoute({ generations }: Dependencies): Route {
  return defineRoute({
    method: 'delete',
    path: '/admin/generations/:name',
    summary: 'Deletes it, with everything in it; refused for the live one',
    access: 'admin',
    params: ONE,
    query: NO_QUERY,
    answers: { 204: z.undefined() },
    problems: [409],
    handle: async ({ params: { name } }) => {
      const outcome = await withRemedy(generations.remove(name));
      switch (outcome.kind) {
        case 'deleted':
          return { status: 204, body: undefined };
        case 'not_found':
          throw notFound();
        case 'refused':
          throw new ProblemError({ status: 409, detail: outcome.reason });
      }
    },
  });
}

/** Who manages generations is who can put the aliases right, and it does not pass by itself. */
async function withRemedy<T>(operation: Promise<T>): Promise<T> {
  try {
    return await operation;
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    throw new ProblemError({ status: 503, detail: `The registry of generations cannot be read: ${error.message}.` });
  }
}

function notFound(): ProblemError {
  return noSuchThing('There is no such generation, or not any more.');
}

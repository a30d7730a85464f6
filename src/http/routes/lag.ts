import { z } from 'zod';
import { lagAnswer } from '../answers.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { instant } from '../parameters.ts';
import { defineRoute } from '../route.ts';
import type { Route } from '../route.ts';

/** How far answers are behind, and were. */
export function lagRoutes({ lag }: Pick<HttpDependencies, 'lag'>): Route[] {
  const route = defineRoute({
    method: 'get',
    path: '/admin/lag',
    summary: 'How far answers are behind, and were over the last quarter of an hour, as this instance has seen it',
    access: 'admin',
    params: z.object({}),
    query: z.strictObject({ since: instant().optional() }),
    answers: { 200: lagAnswer },
    handle: async ({ query: { since } }) => {
      const { samples, messages, asOf, lagSeconds } = await lag(since);
      return { body: { items: samples, nextCursor: null, messages, asOf, lagSeconds } };
    },
  });
  return [route];
}

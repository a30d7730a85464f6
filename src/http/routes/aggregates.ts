import { z } from 'zod';
import { dayOf } from '../../order/day.ts';
import { revenueDailyAnswer, sellerDashboardAnswer } from '../answers.ts';
import type { Caller } from '../auth.ts';
import { dayRange } from '../day-range.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { currency, day, repeatable, text } from '../parameters.ts';
import { noSuchThing } from '../problem-details.ts';
import { defineRoute } from '../route.ts';
import type { Route } from '../route.ts';

type Dependencies = Pick<HttpDependencies, 'aggregates'>;

const narrowed = z.strictObject({
  from: day()
    .meta({ examples: ['2026-01-01'], description: 'A UTC day; 29 days before `to` unless given, 365 at most.' })
    .optional(),
  to: day()
    .meta({ examples: ['2026-01-31'], description: 'A UTC day, included; today unless given.' })
    .optional(),
  currency: repeatable(currency()).optional().meta({ description: 'Those in which there is anything unless given.' }),
});

export function aggregateRoutes(dependencies: Dependencies): Route[] {
  return [revenueRoute(dependencies), dashboardRoute(dependencies)];
}

function revenueRoute({ aggregates }: Dependencies): Route {
  return defineRoute({
    method: 'get',
    path: '/revenue/daily',
    summary: 'What was paid and refunded on each day, in each currency',
    access: 'staff',
    params: z.object({}),
    query: narrowed,
    answers: { 200: revenueDailyAnswer },
    handle: async ({ query: { currency: currencies = [], ...asked }, signal }) => {
      const query = { ...dayRange(asked, today()), currencies };
      const { asOf, ...answer } = await aggregates.revenueDaily(query, signal);
      return { body: { ...answer, ...freshnessAt(asOf) } };
    },
  });
}

function dashboardRoute({ aggregates }: Dependencies): Route {
  return defineRoute({
    method: 'get',
    path: '/sellers/:id/dashboard',
    summary: "A seller's days, what they come to in each currency, and the products that brought the most",
    access: 'reader',
    params: z.object({ id: text(256).meta({ examples: ['s-1001'] }) }),
    query: narrowed,
    answers: { 200: sellerDashboardAnswer },
    problems: [404],
    handle: async ({ params, query: { currency: currencies = [], ...asked }, caller, signal }) => {
      const days = dayRange(asked, today());
      if (!maySee(caller, params.id)) throw noSuchThing('There is no such seller.');
      const query = { ...days, sellerId: params.id, currencies };
      const { asOf, ...answer } = await aggregates.sellerDashboard(query, signal);
      return { body: { ...answer, ...freshnessAt(asOf) } };
    },
  });
}

function maySee({ role, sub }: Caller, sellerId: string): boolean {
  switch (role) {
    case 'seller':
      return sub === sellerId;
    case 'customer':
      return false;
    case 'support':
    case 'admin':
      return true;
  }
}

function today(): string {
  return dayOf(new Date().toISOString());
}

/** The aggregates have an age of their own: they follow the orders a little later. */
function freshnessAt(asOf: string) {
  return { asOf, lagSeconds: Math.max(0, Math.round(Date.now() - Date.parse(asOf)) / 1_000) };
}

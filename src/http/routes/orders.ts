import { z } from 'zod';
import type { OrderDocument } from '../../order/document.ts';
import { historyAnswer, orderAnswer } from '../answers.ts';
import type { Caller } from '../auth.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { toOrderView } from '../order-view.ts';
import { orderId } from '../parameters.ts';
import { ProblemError } from '../problem-details.ts';
import { defineRoute } from '../route.ts';
import type { Route } from '../route.ts';
import { isVisible, restrictionOf } from '../visibility.ts';

type OrderDependencies = Pick<HttpDependencies, 'getOrder' | 'freshness'>;

export function orderRoutes(dependencies: OrderDependencies): Route[] {
  return [orderRoute(dependencies), historyRoute(dependencies)];
}

function orderRoute({ getOrder, freshness }: OrderDependencies): Route {
  return defineRoute({
    method: 'get',
    path: '/orders/:id',
    summary: 'One order',
    access: 'reader',
    params: z.object({ id: orderId }),
    query: z.strictObject({}),
    answers: { 200: orderAnswer },
    handle: async ({ params, caller }) => {
      const { asOf, lagSeconds } = await freshness();
      const order = toOrderView(onlyVisible(await getOrder(params.id), caller));
      return { body: { order, asOf, lagSeconds } };
    },
  });
}

function historyRoute({ getOrder, freshness }: OrderDependencies): Route {
  return defineRoute({
    method: 'get',
    path: '/orders/:id/history',
    summary: "One order's events, in sequence",
    access: 'reader',
    params: z.object({ id: orderId }),
    query: z.strictObject({}),
    answers: { 200: historyAnswer },
    handle: async ({ params, caller }) => {
      const { asOf, lagSeconds } = await freshness();
      const { events } = onlyVisible(await getOrder(params.id), caller);
      return { body: { events, asOf, lagSeconds } };
    },
  });
}

/** What a caller may not see does not exist for it: 404, not 403. */
function onlyVisible(document: OrderDocument | undefined, caller: Caller): OrderDocument {
  if (document && isVisible(document, restrictionOf(caller))) return document;
  throw new ProblemError({ status: 404, detail: 'There is no such order.' });
}

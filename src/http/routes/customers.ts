import { z } from 'zod';
import type { OrderView } from '../../order/document.ts';
import { customerOrdersAnswer } from '../answers.ts';
import type { Caller } from '../auth.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { cursor, pageSize, text } from '../parameters.ts';
import { noSuchThing } from '../problem-details.ts';
import { defineRoute } from '../route.ts';
import type { Route } from '../route.ts';

export function customerRoutes({
  customerOrders,
  freshness,
}: Pick<HttpDependencies, 'customerOrders' | 'freshness'>): Route[] {
  return [
    defineRoute({
      method: 'get',
      path: '/customers/:id/orders',
      summary: "A customer's orders, newest first, and what they come to in each currency",
      access: 'reader',
      params: z.object({ id: text(256).meta({ examples: ['c-1001'] }) }),
      query: z.strictObject({ size: pageSize(), cursor: cursor() }),
      answers: { 200: customerOrdersAnswer },
      problems: [404],
      handle: async ({ params, query, caller, signal }) => {
        if (!maySee(caller, params.id)) throw noSuchThing('There is no such customer.');
        const { asOf, lagSeconds } = await freshness();
        const { orders, totals, nextCursor } = await customerOrders({ customerId: params.id, ...query }, signal);
        return { body: { items: orders.map(toItem), totals, nextCursor, asOf, lagSeconds } };
      },
    }),
  ];
}

function maySee({ role, sub }: Caller, customerId: string): boolean {
  switch (role) {
    case 'customer':
      return sub === customerId;
    case 'seller':
      return false;
    case 'support':
    case 'admin':
      return true;
  }
}

function toItem({ orderId, status, totalCents, currency, placedAt, shippedAt }: OrderView) {
  return { orderId, status, totalCents, currency, placedAt, shippedAt };
}

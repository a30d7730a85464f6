import { z } from 'zod';
import { orderAsOf } from '../../order/as-of.ts';
import { auditTrail, type AuditEntry } from '../../order/audit-trail.ts';
import type { OrderDocument, OrderView } from '../../order/document.ts';
import { isKnownEvent } from '../../order/event.ts';
import type { Arrival } from '../../order-index/port.ts';
import { historyAnswer, orderAnswer } from '../answers.ts';
import type { Caller } from '../auth.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { toOrderView } from '../../order/order-view.ts';
import { instant, orderId, wholeNumber } from '../parameters.ts';
import { ProblemError, noSuchThing, unavailable, type Problem } from '../problem-details.ts';
import { defineRoute } from '../route.ts';
import type { Route } from '../route.ts';
import { isVisible, isWithin, restrictionOf } from '../visibility.ts';

type OrderDependencies = Pick<HttpDependencies, 'getOrder' | 'awaitVersion' | 'freshness'>;

export function orderRoutes(dependencies: OrderDependencies): Route[] {
  return [orderRoute(dependencies), historyRoute(dependencies)];
}

const MAX_WAIT_MS = 10_000;

const orderQuery = z
  .strictObject({
    at: instant().optional(),
    minVersion: wholeNumber(1, Number.MAX_SAFE_INTEGER).optional(),
    waitMs: wholeNumber(0, MAX_WAIT_MS).optional(),
  })
  .refine(({ minVersion, waitMs }) => waitMs === undefined || minVersion !== undefined, {
    path: ['waitMs'],
    error: 'needs a minVersion to wait for',
  });

function orderRoute({ getOrder, awaitVersion, freshness }: OrderDependencies): Route {
  return defineRoute({
    method: 'get',
    path: '/orders/:id',
    summary: 'One order, as it is or as it was; at a version or a newer one, if it arrives in time',
    access: 'reader',
    params: z.object({ id: orderId }),
    query: orderQuery,
    answers: { 200: orderAnswer },
    problems: [404, 410, 412],
    handle: async ({ params, query, caller, signal }) => {
      const { minVersion: version, waitMs = 0 } = query;
      if (version !== undefined) {
        const awaited = { orderId: params.id, version, waitMs, signal, counts: countsFor(caller) };
        const arrival = await awaitVersion(awaited);
        if (arrival !== 'visible') throw new ProblemError(NOT_ARRIVED[arrival]);
      }
      const { asOf, lagSeconds } = await freshness();
      const document = onlyVisible(await getOrder(params.id, signal), caller);
      const order = query.at === undefined ? toOrderView(document) : orderAt(document, query.at, caller);
      return { body: { order, asOf, lagSeconds } };
    },
  });
}

const NOT_ARRIVED: Readonly<Record<Exclude<Arrival, 'visible'>, Problem>> = {
  late: { status: 412, detail: 'This version of the order has not arrived.' },
  stopping: unavailable('This instance stops: ask again.'),
};

/** To who may see all orders, an order that is hidden by now has arrived: 404. To others it may be anyone's: as if there were none. */
function countsFor(caller: Caller): (document: OrderDocument) => boolean {
  const restriction = restrictionOf(caller);
  return (document) => restriction === undefined || isVisible(document, restriction);
}

/** The caller must be one who may see the order now, and who might have seen it then. */
function orderAt(document: OrderDocument, at: string, caller: Caller): OrderView {
  const past = orderAsOf(document, at);
  if (past.kind === 'compacted') {
    const detail = `What the order was then is not kept: its events up to ${past.since} were summed up.`;
    throw new ProblemError({ status: 410, detail });
  }
  if (past.kind === 'order' && isVisible(past.order, restrictionOf(caller))) return past.order;
  throw noSuchThing('There was no such order then.');
}

function historyRoute({ getOrder, freshness }: OrderDependencies): Route {
  return defineRoute({
    method: 'get',
    path: '/orders/:id/history',
    summary: "One order's events, in sequence, and what each of them changed",
    access: 'reader',
    params: z.object({ id: orderId }),
    query: z.strictObject({}),
    answers: { 200: historyAnswer },
    problems: [404],
    handle: async ({ params, caller, signal }) => {
      const { asOf, lagSeconds } = await freshness();
      const restriction = restrictionOf(caller);
      const events = auditTrail(onlyVisible(await getOrder(params.id, signal), caller), (order) =>
        isWithin(order, restriction),
      );
      const shown = restriction === undefined ? events : events.map(withoutUnknownData);
      return { body: { events: shown, asOf, lagSeconds } };
    },
  });
}

/** What other parts of the shop say to one another in events of their own is not meant for customers and sellers. */
function withoutUnknownData(entry: AuditEntry): AuditEntry {
  return isKnownEvent(entry) ? entry : { ...entry, data: {} };
}

/** What a caller may not see does not exist for it: 404, not 403. */
function onlyVisible(document: OrderDocument | undefined, caller: Caller): OrderDocument {
  if (document && isVisible(document, restrictionOf(caller))) return document;
  throw noSuchThing('There is no such order.');
}

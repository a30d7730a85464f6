import { z } from 'zod';
import { decodeCursor, encodeCursor } from '../../cursor/opaque-cursor.ts';
import { InvalidCursorError } from '../../order-index/port.ts';
import type { Caller } from '../auth.ts';
import type { HttpDependencies, ParkedOrder, RepairOutcome } from '../dependencies.ts';
import { parkedAnswer, repairAnswer } from '../parked-answers.ts';
import { cursor, oneOf, orderId, pageSize } from '../parameters.ts';
import { ProblemError, noSuchThing } from '../problem-details.ts';
import { defineRoute } from '../route.ts';
import type { Answer, Route } from '../route.ts';

type ParkedDependencies = Pick<HttpDependencies, 'parkedOrders' | 'repair'>;

const repairBody = z.strictObject({ missing: oneOf(['history', 'skip']) });

/** The orders that wait for an event, and what an operator can do about it. */
export function parkedRoutes(dependencies: ParkedDependencies): Route[] {
  return [listRoute(dependencies), repairAllRoute(dependencies), repairOrderRoute(dependencies)];
}

function listRoute({ parkedOrders }: ParkedDependencies): Route {
  return defineRoute({
    method: 'get',
    path: '/admin/parked',
    summary: 'Orders with events that wait for an earlier one',
    access: 'admin',
    params: z.object({}),
    query: z.strictObject({
      size: pageSize(),
      cursor: cursor(),
    }),
    answers: { 200: parkedAnswer },
    handle: async ({ query: { size, cursor } }) => {
      const after = cursor === undefined ? undefined : orderIdIn(cursor);
      const { gaps, next } = await parkedOrders({ size, ...(after === undefined ? {} : { after }) });
      return {
        body: { items: gaps.map(itemOf), nextCursor: next === undefined ? null : encodeCursor(CURSOR_SCOPE, [next]) },
      };
    },
  });
}

function itemOf({ orderId: id, version, missing, parked, oldestParkedAt, gapped }: ParkedOrder) {
  return { orderId: id, version, missing, parked, oldestParkedAt, gapped };
}

function repairAllRoute({ repair }: ParkedDependencies): Route {
  return defineRoute({
    method: 'post',
    path: '/admin/parked/repair',
    summary: 'Fetch the missing events of all gapped orders from the history, or skip them',
    access: 'admin',
    params: z.object({}),
    query: z.strictObject({}),
    body: repairBody,
    answers: { 200: repairAnswer },
    problems: [404, 409],
    handle: async ({ body: { missing }, caller }) => answerOf(await repair({ missing, by: nameOf(caller) })),
  });
}

function repairOrderRoute({ repair }: ParkedDependencies): Route {
  return defineRoute({
    method: 'post',
    path: '/admin/orders/:id/repair',
    summary: 'Fetch the missing events of an order from the history, or skip them',
    access: 'admin',
    params: z.object({ id: orderId }),
    query: z.strictObject({}),
    body: repairBody,
    answers: { 200: repairAnswer },
    problems: [404, 409],
    handle: async ({ params, body: { missing }, caller }) =>
      answerOf(await repair({ orderId: params.id, missing, by: nameOf(caller) })),
  });
}

function answerOf(outcome: RepairOutcome): Answer {
  switch (outcome.kind) {
    case 'repaired':
      return { body: outcome.report };
    case 'nothing_parked':
      throw noSuchThing('No event of such an order is parked.');
    case 'refused':
      throw new ProblemError({ status: 409, detail: outcome.reason });
    case 'busy':
      throw new ProblemError({ status: 409, detail: 'A repair is running: try again when it has ended.' });
  }
}

function nameOf({ role, sub }: Caller): string {
  return `${role} ${sub}`;
}

const CURSOR_SCOPE = 'parked-cursor-1';

/** The order id to go on after. @throws InvalidCursorError */
function orderIdIn(cursor: string): string {
  const [after] = decodeCursor(CURSOR_SCOPE, cursor) ?? [];
  if (typeof after === 'string') return after;
  throw new InvalidCursorError('the cursor is not one that this list returned');
}

import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { REFUSAL_REASONS } from '../../order/event.ts';
import type { DeadLetterEntry, DeadLetterFilter } from '../../order-index/dead-letter-port.ts';
import {
  deadLetterAnswer,
  deadLettersAnswer,
  discardAnswer,
  replayAllAnswer,
  replayAnswer,
} from '../dead-letter-answers.ts';
import type { HttpDependencies } from '../dependencies.ts';
import { oneOf, orderId, repeatable, text, wholeNumber } from '../parameters.ts';
import { ProblemError, noSuchThing } from '../problem-details.ts';
import { defineRoute } from '../route.ts';
import type { Route } from '../route.ts';

type Dependencies = Pick<HttpDependencies, 'deadLetters'>;

const MAX_CURSOR_CHARACTERS = 512;
const NO_QUERY = z.strictObject({});
const ONE = z.object({ id: text(64) });

/** `replay` comes before the routes of one: it is no id. */
export function deadLetterRoutes(dependencies: Dependencies): Route[] {
  return [
    listRoute(dependencies),
    replayAllRoute(dependencies),
    showRoute(dependencies),
    discardRoute(dependencies),
    replayRoute(dependencies),
  ];
}

function listRoute({ deadLetters }: Dependencies): Route {
  return defineRoute({
    method: 'get',
    path: '/admin/dead-letters',
    summary: 'Messages that were refused, newest failure first',
    access: 'admin',
    params: z.object({}),
    query: z.strictObject({
      reason: repeatable(oneOf(REFUSAL_REASONS)).optional(),
      orderId: repeatable(orderId).optional(),
      size: wholeNumber(1, 100).default(20),
      cursor: text(MAX_CURSOR_CHARACTERS).min(1, 'must not be empty').optional(),
    }),
    answers: { 200: deadLettersAnswer },
    handle: async ({ query: { size, cursor, ...filter } }) => {
      const page = await deadLetters.list({ ...filterOf(filter), size, ...(cursor !== undefined && { cursor }) });
      return { body: { items: page.items.map(viewOf), nextCursor: page.nextCursor } };
    },
  });
}

function replayAllRoute({ deadLetters }: Dependencies): Route {
  return defineRoute({
    method: 'post',
    path: '/admin/dead-letters/replay',
    summary: 'Publishes all of them again, or those of a reason or an order',
    access: 'admin',
    params: z.object({}),
    query: NO_QUERY,
    body: z.strictObject({ reason: z.enum(REFUSAL_REASONS).optional(), orderId: orderId.optional() }),
    answers: { 200: replayAllAnswer },
    handle: async ({ body: { reason, orderId } }) => ({
      body: await deadLetters.replayAll(filterOf({ reason: reason && [reason], orderId: listOf(orderId) })),
    }),
  });
}

function listOf(orderId: string | undefined): string[] | undefined {
  return orderId === undefined ? undefined : [orderId];
}

function showRoute({ deadLetters }: Dependencies): Route {
  return defineRoute({
    method: 'get',
    path: '/admin/dead-letters/:id',
    summary: 'One message that was refused, with its whole body',
    access: 'admin',
    params: ONE,
    query: NO_QUERY,
    answers: { 200: deadLetterAnswer },
    handle: async ({ params: { id } }) => {
      const entry = await deadLetters.get(id);
      if (!entry) throw notFound();
      return { body: viewOf(entry) };
    },
  });
}

function replayRoute({ deadLetters }: Dependencies): Route {
  return defineRoute({
    method: 'post',
    path: '/admin/dead-letters/:id/replay',
    summary: 'Publishes it again, as it was; what is refused once more comes back',
    access: 'admin',
    params: ONE,
    query: NO_QUERY,
    answers: { 200: replayAnswer },
    problems: [409],
    handle: async ({ params: { id } }) => {
      const outcome = await deadLetters.replay(id);
      switch (outcome.kind) {
        case 'replayed':
          return { body: { replayed: true, id } };
        case 'not_found':
          throw notFound();
        case 'not_routable':
          throw new ProblemError({
            status: 409,
            detail: `It cannot be replayed: ${outcome.reason}. Have it published anew as it should be, and discard this one.`,
          });
      }
    },
  });
}

function discardRoute({ deadLetters }: Dependencies): Route {
  return defineRoute({
    method: 'delete',
    path: '/admin/dead-letters/:id',
    summary: 'Throws it away; says which place of its order stays empty by that',
    access: 'admin',
    params: ONE,
    query: NO_QUERY,
    answers: { 200: discardAnswer },
    handle: async ({ params: { id } }) => {
      const outcome = await deadLetters.discard(id);
      if (outcome.kind === 'not_found') throw notFound();
      const missing = outcome.missing ? missingOf(outcome.missing) : null;
      return { body: { discarded: true, id, missing } };
    },
  });
}

interface Missing {
  readonly orderId: string;
  readonly sequence: number;
  readonly isAwaited: boolean;
}

/** Only what later events wait for can be declared missing. */
function missingOf({ orderId, sequence, isAwaited }: Missing) {
  const path = `/admin/orders/${encodeURIComponent(orderId)}/repair`;
  const hint = isAwaited
    ? `Event ${sequence} of the order is missing, and its later events wait for it. Publish it as it should be, or declare it missing: ` +
      `POST ${path} {"missing": "skip"}`
    : `Event ${sequence} of the order is missing. Publish it as it should be: the order's later events will wait for it.`;
  return { orderId, sequence, hint };
}

function notFound(): ProblemError {
  return noSuchThing('There is no such dead letter, or not any more.');
}

function filterOf({ reason, orderId }: { [K in keyof DeadLetterFilter]: DeadLetterFilter[K] | undefined }) {
  return { ...(reason && { reason }), ...(orderId && { orderId }) };
}

function viewOf({ refusal, body, ...entry }: DeadLetterEntry & { readonly revision?: string }) {
  const { revision: _revision, ...shown } = entry;
  return { ...shown, ...refusal, ...(body && encoded(body)) };
}

function encoded(body: Uint8Array) {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!isUtf8(bytes)) return { body: bytes.toString('base64'), bodyEncoding: 'base64' };
  return { body: bytes.toString('utf-8'), bodyEncoding: 'utf-8' };
}

import assert from 'node:assert/strict';
import type { OutgoingEvent } from '../../src/broker/port.ts';
import { outgoingOf, type CloudEvent } from '../../src/sample/cloud-event.ts';
import { createRandom } from '../../src/sample/random.ts';
import { assertExactly, drainAndStop, messageOf, publishMessages, shuffledEvents } from '../support/drain.ts';
import { eventually } from '../support/eventually.ts';
import { startHttpProxy, type BulkItem, type HttpProxy, type Refusal } from '../support/http-proxy.ts';
import {
  ODD_INNOCENTS,
  ODD_ORDER_IDS,
  POISON_KINDS,
  poisonFor,
  REFUSED_TAG,
  taggedOrder,
  type Letter,
  type Poison,
} from '../support/poison.ts';
import { startService, untilReady, type RunningService } from '../support/running-service.ts';
import { testBackend, type TestBackend } from '../support/test-backend.ts';

/** The sequence in whose place the poison comes: two events wait behind it. */
const POISONED = 4;

describe('poison among innocent events', function () {
  this.timeout(290_000);
  let backend: TestBackend;
  let proxy: HttpProxy;
  let start: () => Promise<RunningService>;
  before(async () => {
    backend = await testBackend();
    proxy = await startHttpProxy(backend.environment['ELASTICSEARCH_URL'] ?? '');
    proxy.fail({ refuseItem: refuseMarked });
    start = () => startService({ ...backend.environment, ELASTICSEARCH_URL: proxy.url });
  });
  after(async () => {
    await proxy.close();
    await backend.remove();
  });

  const spoiltOrders = POISON_KINDS.map((kind) => ({ kind, events: taggedOrder(`P-${kind}`) }));
  const poison = spoiltOrders.map(({ kind, events }) => poisonFor(kind, at(events, POISONED)));
  const claimed = [claimTwice('sequence_conflict'), claimTwice('duplicate_id')];
  const allPoison = [...poison, ...claimed.map(({ poison }) => poison)];
  const innocent = [
    ...shuffledEvents({ seed: 'innocent', orders: 200 }),
    ...oddOrders().flat(),
    ...claimed.flatMap(({ events }) => events),
  ];
  const healing = spoiltOrders.map(({ events }) => at(events, POISONED));

  describe(`when ${allPoison.length} kinds of it are shuffled into a drain`, () => {
    it('dead-letters each with its reason and field and its untouched body, and nothing else', async () => {
      const service = await start();
      await publishMessages(backend, shuffledTogether(innocent, spoiltOrders, poison, claimed));
      await untilReady(service);
      await eventually(async () => assert.deepEqual(await lettersOf(service), allPoison.map(shown).sort()), 90_000);
      await drainAndStop(backend, service);
    });

    it('keeps what is behind it parked, and everything else exactly right', async () => {
      const others = spoiltOrders.flatMap(({ events }) => events.filter(({ sequence }) => sequence !== POISONED));
      await assertExactly(backend, [...innocent, ...others], letterTexts(allPoison));
    });
  });

  describe('when the right events come afterwards', () => {
    it('applies them, and what was parked behind them', async () => {
      await publishMessages(backend, healing.map(outgoingOf));
      await drainAndStop(backend, await start());
      assert.equal(await backend.countParked(), 0);
      const everything = [...innocent, ...spoiltOrders.flatMap(({ events }) => events)];
      await assertExactly(backend, everything, letterTexts(allPoison));
    });
  });
});

function refuseMarked({ ndjson }: BulkItem): Refusal | undefined {
  if (!ndjson.includes('"version_type":"external"') || !ndjson.includes(REFUSED_TAG)) return undefined;
  const reason = "[1:1] failed to parse field [tags] of type [keyword] in document with id 'x'";
  return { status: 400, type: 'document_parsing_exception', reason };
}

function at(events: readonly CloudEvent[], place: number): CloudEvent {
  const event = events[place - 1];
  assert.ok(event);
  return event;
}

/** One order for each odd event and each odd id. */
function oddOrders(): CloudEvent[][] {
  const byEvent = Object.entries(ODD_INNOCENTS).map(([name, change]) =>
    taggedOrder(`I-${name}`).map((event) => (event.sequence === POISONED ? change(event) : event)),
  );
  return [...byEvent, ...ODD_ORDER_IDS.map((orderId) => taggedOrder(orderId))];
}

interface Claimed {
  readonly events: readonly CloudEvent[];
  readonly poison: Poison;
}

/** A whole order, and then another event at a sequence of it, or one of its events at another sequence. */
function claimTwice(reason: 'sequence_conflict' | 'duplicate_id'): Claimed {
  const orderId = `P-${reason}`;
  const events = taggedOrder(orderId);
  const third = at(events, 3);
  const event = reason === 'duplicate_id' ? { ...third, sequence: 7 } : { ...third, id: 'another' };
  const path = reason === 'duplicate_id' ? 'id' : 'sequence';
  const letter = { reason, path, orderId, sequence: event.sequence };
  return { events, poison: { body: Buffer.from(JSON.stringify(event)), letter } };
}

/** In random order, but that a second claim comes after the order that it is made on. */
function shuffledTogether(
  innocent: readonly CloudEvent[],
  spoiltOrders: readonly { readonly events: readonly CloudEvent[] }[],
  poison: readonly Poison[],
  claimed: readonly Claimed[],
): OutgoingEvent[] {
  const random = createRandom('poison');
  const claimedEvents = new Set(claimed.flatMap(({ events }) => events));
  const anywhere = [
    ...innocent.filter((event) => !claimedEvents.has(event)).map(outgoingOf),
    ...spoiltOrders.flatMap(({ events }) => events.filter(({ sequence }) => sequence !== POISONED).map(outgoingOf)),
    ...poison.map(({ body }) => messageOf(body)),
  ].map((message) => ({ place: random.fraction(), message }));
  const inOrder = claimed.flatMap(({ events, poison: { body } }) => {
    const messages = [...events.map(outgoingOf), messageOf(body)];
    const places = messages.map(() => random.fraction()).sort((a, b) => a - b);
    return messages.map((message, index) => ({ place: places[index] ?? 1, message }));
  });
  return [...anywhere, ...inOrder].sort((a, b) => a.place - b.place).map(({ message }) => message);
}

interface ShownLetter extends Letter {
  readonly id: string;
  readonly body?: string;
  readonly bodyEncoding?: 'utf-8' | 'base64';
}

interface Page {
  readonly items: readonly ShownLetter[];
  readonly nextCursor: string | null;
}

/** As an operator finds them, each with its whole body. */
async function lettersOf(service: RunningService): Promise<string[]> {
  const letters: string[] = [];
  let cursor: string | null = null;
  do {
    const page: Page = await pageOf(service, cursor);
    for (const letter of page.items) {
      const whole = letter.body === undefined ? await theWhole(service, letter) : letter;
      letters.push(shown({ letter, body: Buffer.from(whole.body ?? '', whole.bodyEncoding) }));
    }
    cursor = page.nextCursor;
  } while (cursor !== null);
  return letters.sort();
}

async function pageOf(service: RunningService, cursor: string | null): Promise<Page> {
  const after = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
  const { status, body } = await service.get<Page>(`/admin/dead-letters?size=100${after}`);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

async function theWhole(service: RunningService, { id }: ShownLetter): Promise<ShownLetter> {
  return (await service.get<ShownLetter>(`/admin/dead-letters/${id}`)).body;
}

/** On one line, short enough to be read in a difference. */
function shown({ letter: { reason, path, orderId, sequence }, body }: Poison): string {
  const text = body.toString().slice(0, 300);
  return JSON.stringify({ reason, path, orderId, sequence, bytes: body.length, text });
}

function letterTexts(poison: readonly Poison[]): string[] {
  const texts = poison.map(({ letter: { reason, path, orderId, sequence } }) =>
    [reason, path, orderId, sequence].filter((part) => part !== undefined && part !== '').join(' '),
  );
  return [...new Set(texts)];
}

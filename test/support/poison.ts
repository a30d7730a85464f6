import type { RefusalReason } from '../../src/order/event.ts';
import type { CloudEvent } from '../../src/sample/cloud-event.ts';

/** A message that must end in the dead letters, and how it must stand there. */
export interface Poison {
  readonly body: Buffer;
  readonly letter: Letter;
}

export interface Letter {
  readonly reason: RefusalReason;
  readonly path: string;
  /** Where the message lets them be read. */
  readonly orderId?: string;
  readonly sequence?: number;
}

/** A tag that the index refuses, as `refuse…` of the test's proxy has it: the real mapping takes whatever the schema lets through. */
export const REFUSED_TAG = 'refused-by-the-mapping';

const MIB = 1024 * 1024;
const DEEP = 100_000;

type Change = (event: CloudEvent) => object;

/** Well-formed JSON that breaks the contract, by kind: the field that must be blamed, and what is made of a tagged event. */
const INVALID: Readonly<Record<string, readonly [path: string, change: Change]>> = {
  'other specversion': ['specversion', (event) => ({ ...event, specversion: '0.3' })],
  'no id': ['id', ({ id: _, ...event }) => event],
  'foreign type': ['type', (event) => ({ ...event, type: 'invoice.paid.v1' })],
  'type __proto__': ['type', (event) => ({ ...event, type: '__proto__' })],
  'partitionkey of another order': ['partitionkey', (event) => ({ ...event, partitionkey: 'another' })],
  'subject of 513 bytes': [
    'subject',
    ({ partitionkey: _, ...event }) => ({ ...event, subject: `${'é'.repeat(256)}x` }),
  ],
  'local time': ['time', (event) => ({ ...event, time: '2026-01-01T00:00:00' })],
  'leap second': ['time', (event) => ({ ...event, time: '2016-12-31T23:59:60Z' })],
  '30 February': ['time', (event) => ({ ...event, time: '2026-02-30T00:00:00Z' })],
  'year 10000 in UTC': ['time', (event) => ({ ...event, time: '9999-12-31T23:59:59-01:00' })],
  'year 0 in UTC': ['time', (event) => ({ ...event, time: '0001-01-01T00:00:00+01:00' })],
  'year 275760': ['time', (event) => ({ ...event, time: '+275760-09-13T00:00:00Z' })],
  'sequence 2^53': ['sequence', (event) => ({ ...event, sequence: 2 ** 53 })],
  'sequence "2^53"': ['sequence', (event) => ({ ...event, sequence: String(2 ** 53) })],
  'sequence "NaN"': ['sequence', (event) => ({ ...event, sequence: 'NaN' })],
  'sequence "Infinity"': ['sequence', (event) => ({ ...event, sequence: 'Infinity' })],
  'sequence "1e3"': ['sequence', (event) => ({ ...event, sequence: '1e3' })],
  'sequence "04"': ['sequence', (event) => ({ ...event, sequence: '04' })],
  'sequence 0': ['sequence', (event) => ({ ...event, sequence: 0 })],
  'sequence 1.5': ['sequence', (event) => ({ ...event, sequence: 1.5 })],
  'add is a text': ['data.add', (event) => ({ ...event, data: { add: 'urgent', remove: [] } })],
  'tag of 257 characters': ['data.add[0]', (event) => ({ ...event, data: { add: ['x'.repeat(257)], remove: [] } })],
  'tags nested deeply': ['data.add[0]', (event) => ({ ...event, data: { add: [RAW_DEEP], remove: [] } })],
  'unknown type, nested deeply': ['data', (event) => ({ ...event, type: 'order.wrapped.v1', data: { in: RAW_DEEP } })],
  'more than 2^53 cents': ['data.amountCents', (event) => payment(event, 2 ** 53 + 2)],
  'cents "NaN"': ['data.amountCents', (event) => payment(event, 'NaN')],
  'cents 1e400': ['data.amountCents', (event) => payment(event, RAW_1E400)],
  'cents 0.5': ['data.amountCents', (event) => payment(event, 0.5)],
  '10^5 items': [
    'data.items',
    (event) => ({ ...event, type: 'order.placed.v2', data: { ...PLACED, items: MANY_ITEMS } }),
  ],
  'correction without a seller': ['data.patch.sellerId', (event) => corrected(event, { sellerId: null })],
  'correction without items': ['data.patch.items', (event) => corrected(event, { items: [] })],
  'correction of the currency to NaN': ['data.patch.currency', (event) => corrected(event, { currency: 'NaN' })],
};

/** What no serializer writes; put in as text. */
const RAW_DEEP = '⟨deep⟩';
const RAW_1E400 = '⟨1e400⟩';

function rawText(event: object): string {
  return JSON.stringify(event)
    .replace(`"${RAW_DEEP}"`, '['.repeat(DEEP) + ']'.repeat(DEEP))
    .replace(`"${RAW_1E400}"`, '1e400');
}

function payment(event: CloudEvent, amountCents: unknown): object {
  return { ...event, type: 'order.payment_captured.v1', data: { amountCents } };
}

function corrected(event: CloudEvent, patch: object): object {
  return { ...event, type: 'order.corrected.v1', data: { patch, reason: 'a mistake' } };
}

const PLACED = {
  customer: { id: 'c-1', name: 'José' },
  sellerId: 's-1',
  currency: 'EUR',
  items: [{ sku: 'S-1', name: 'Lantern', quantity: 1, unitPriceCents: 100 }],
  totalCents: 100,
  tags: [],
};
const MANY_ITEMS = Array.from({ length: 100_000 }, () => ({}));

/** Bytes that are no event; of some it can be told whose they would be. */
const UNPARSEABLE: Readonly<Record<string, (text: string) => string | Buffer>> = {
  'cut off': (text) => text.slice(0, text.length / 2),
  'NaN in the JSON': (text) => text.replace('"sequence":4', '"sequence":NaN'),
  'a list': (text) => `[${text}]`,
  'not UTF-8': (text) => Buffer.from(text.replace('tag-4', 'tag-é'), 'latin1'),
  'half a surrogate pair': (text) => text.replace('tag-4', String.raw`tag-\ud83d`),
  'half a surrogate pair in a key': (text) => text.replace('"data":', String.raw`"\udc00":1,"data":`),
  'a million open brackets': (text) => text + '['.repeat(1_000_000),
};

const TOO_LARGE: Readonly<Record<string, (event: CloudEvent) => string>> = {
  '10 MB of tags': (event) =>
    JSON.stringify({ ...event, data: { add: Array.from({ length: 10 }, () => 'x'.repeat(1_000_000)), remove: [] } }),
  'spaces beyond 4 MiB': (event) => JSON.stringify(event) + ' '.repeat(4 * MIB),
};

/** The kinds of poison that take an event's place in its order's history. */
export const POISON_KINDS: readonly string[] = [
  ...Object.keys(INVALID),
  ...Object.keys(UNPARSEABLE),
  ...Object.keys(TOO_LARGE),
  'refused by the index',
];

/** Poison of that kind in the place of a `order.tagged.v1` event with the tag `tag-4` at sequence 4. */
export function poisonFor(kind: string, event: CloudEvent): Poison {
  const { subject: orderId, sequence } = event;
  const invalid = INVALID[kind];
  const unparseable = UNPARSEABLE[kind];
  const tooLarge = TOO_LARGE[kind];
  if (invalid) {
    const [path, change] = invalid;
    const hints = { ...(path !== 'subject' && { orderId }), ...(path !== 'sequence' && { sequence }) };
    return { body: Buffer.from(rawText(change(event))), letter: { reason: 'invalid', path, ...hints } };
  }
  if (unparseable) {
    const isRead = kind.startsWith('half a surrogate pair') || kind === 'a list';
    const hints = isRead ? { orderId, sequence } : {};
    return {
      body: Buffer.from(unparseable(JSON.stringify(event))),
      letter: { reason: 'unparseable', path: '', ...hints },
    };
  }
  if (tooLarge)
    return { body: Buffer.from(tooLarge(event)), letter: { reason: 'too_large', path: '', orderId, sequence } };
  const refused = { ...event, data: { add: [REFUSED_TAG], remove: [] } };
  return {
    body: Buffer.from(JSON.stringify(refused)),
    letter: { reason: 'refused_by_index', path: 'tags', orderId, sequence },
  };
}

/** Placed, and as many tags after it. */
export function taggedOrder(orderId: string, tags = 5): CloudEvent[] {
  return Array.from({ length: tags + 1 }, (_, index) => {
    const sequence = index + 1;
    return {
      specversion: '1.0',
      id: `${orderId.slice(0, 100)}-${sequence}`,
      source: '/test',
      type: sequence === 1 ? 'order.placed.v2' : 'order.tagged.v1',
      subject: orderId,
      time: `2026-01-01T00:00:0${sequence}.000Z`,
      sequence,
      partitionkey: orderId,
      datacontenttype: 'application/json',
      data: sequence === 1 ? PLACED : { add: [`tag-${sequence}`], remove: [] },
    };
  });
}

const OBJECT_KEYS = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"hasOwnProperty":1}';

/** Events as odd as the contract lets them be: taken, every one. */
export const ODD_INNOCENTS: Readonly<Record<string, (event: CloudEvent) => CloudEvent>> = {
  'keys of Object.prototype': (event) => ({ ...event, ...objectKeys(), data: { ...event.data, ...objectKeys() } }),
  'keys of Object.prototype in an unknown type': (event) => ({
    ...event,
    type: 'order.wrapped.v1',
    data: objectKeys(),
  }),
  'type order.__proto__': (event) => ({ ...event, type: 'order.__proto__' }),
  'null data': (event) => ({ ...event, type: 'order.delivered.v1', data: null as unknown as CloudEvent['data'] }),
  'a sequence in digits': (event) => ({ ...event, sequence: String(event.sequence) as unknown as number }),
  'the first instant': (event) => ({ ...event, time: '0001-01-01T00:00:00Z' }),
  'the last instant': (event) => ({ ...event, time: '9999-12-31T23:59:59.999Z' }),
  '2^53 - 1 cents': (event) => payment(event, 2 ** 53 - 1) as CloudEvent,
  'ten thousand tags': (event) => ({
    ...event,
    data: { add: Array.from({ length: 10_000 }, (_, index) => `tag-${index}`), remove: [] },
  }),
  'unknown attributes, nested deeply': (event) => ({ ...event, extra: nested(1_000) }),
  'an unknown type with text like NaN': (event) => ({
    ...event,
    type: 'order.wrapped.v1',
    data: { a: 'NaN', b: '-Infinity', c: '1e400', d: '2026-02-30', e: '\u0000\uFFFF\u{1F600}' },
  }),
};

/** Order ids that a path, a URL or an object's keys could mistake. */
export const ODD_ORDER_IDS = ['__proto__', 'constructor', '..', 'a/b?c#d%2F', ' ', '"\\\n', 'é'.repeat(256), '_bulk'];

/** As a message brings them: own properties, `__proto__` too. */
function objectKeys(): Readonly<Record<string, unknown>> {
  return JSON.parse(OBJECT_KEYS) as Readonly<Record<string, unknown>>;
}

function nested(levels: number): unknown {
  let value: unknown = 'innermost';
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

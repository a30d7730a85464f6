import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { FailedMessage } from '../../src/order-index/dead-letter-port.ts';
import { LISTED_BODY_BYTES } from '../../src/order-index/dead-letter-port.ts';
import { encodeDeadLetterCursor } from '../../src/order-index/dead-letter-entries.ts';
import { InvalidCursorError } from '../../src/order-index/port.ts';
import type { OrderIndex } from '../../src/order-index/port.ts';
import type { RefusalReason } from '../../src/order/event.ts';
import { describeForEachBackend } from '../support/backends.ts';
import type { IndexPlace } from '../support/backends.ts';

const MAX_MESSAGE_BYTES = 4 * 1_048_576;

/** A failure in the given minute. */
function failure(body: string | Uint8Array, minute: number, changes: Partial<FailedMessage> = {}): FailedMessage {
  const at = new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
  return {
    body: Buffer.from(body),
    refusal: { reason: 'invalid', path: 'data.items[3].quantity', message: 'must be at least 1' },
    attempts: 1,
    firstFailedAt: at,
    lastFailedAt: at,
    ...changes,
  };
}

const because = (reason: RefusalReason): Pick<FailedMessage, 'refusal'> => ({
  refusal: { reason, path: '', message: reason },
});

describeForEachBackend('the dead letters of an index', (backend) => {
  let place: IndexPlace;
  let index: OrderIndex;

  beforeEach(async () => {
    place = backend.index();
    index = place.instance();
    await index.open();
  });
  afterEach(() => place.remove());

  async function bodyOf(id: string): Promise<Buffer> {
    const found = await index.getDeadLetter(id);
    assert.ok(found);
    return Buffer.from(found.body);
  }

  describe('when one is put', () => {
    it('gives all of it back', async () => {
      const known = { orderId: 'Bestellung-ß', sequence: 2 ** 53 - 1, eventId: 'e-1' };
      const failed = failure('{"no": event', 1, { ...known, attempts: 3, firstFailedAt: '2025-12-31T23:00:00.000Z' });
      const id = await index.putDeadLetter(failed);
      const found = await index.getDeadLetter(id);
      assert.ok(found);
      const { revision, body, ...entry } = found;
      assert.equal(typeof revision, 'string');
      const { body: sent, ...rest } = failed;
      assert.deepEqual(entry, { ...rest, id, bodyBytes: sent.byteLength });
      assert.deepEqual(Buffer.from(body), sent);
      const { items } = await index.listDeadLetters({ size: 10 });
      assert.deepEqual(
        items.map((item) => ({ ...item, body: Buffer.from(item.body ?? []) })),
        [{ ...entry, body: sent }],
      );
      assert.equal(await index.countDeadLetters(), 1);
    });

    it('keeps bodies byte for byte, whatever they are', async () => {
      const bodies = [
        '',
        '\0',
        '\uFEFF{"a":1}\r\n',
        '"\\ud800"',
        Buffer.from([0xff, 0xfe, 0, 0x80]),
        randomBytes(9_999),
      ];
      for (const body of bodies) {
        assert.deepEqual(await bodyOf(await index.putDeadLetter(failure(body, 1))), Buffer.from(body));
      }
      assert.equal(await index.countDeadLetters(), bodies.length);
    });

    it('keeps one that is longer than a message may be, and lists it without its body', async () => {
      const bodies = [LISTED_BODY_BYTES, LISTED_BODY_BYTES + 1, MAX_MESSAGE_BYTES + 1].map((size) => randomBytes(size));
      for (const [minute, body] of bodies.entries()) {
        assert.deepEqual(await bodyOf(await index.putDeadLetter(failure(body, minute, because('too_large')))), body);
      }
      const { items } = await index.listDeadLetters({ size: 10 });
      assert.deepEqual(
        items.map(({ bodyBytes, body }) => [bodyBytes, body?.byteLength]),
        [
          [MAX_MESSAGE_BYTES + 1, undefined],
          [LISTED_BODY_BYTES + 1, undefined],
          [LISTED_BODY_BYTES, LISTED_BODY_BYTES],
        ],
      );
    });

    it('takes hints and reasons of the greatest length', async () => {
      const refusal = { reason: 'invalid', path: 'p'.repeat(40_000), message: 'ü'.repeat(40_000) } as const;
      const hints = { orderId: 'ü'.repeat(256), eventId: '\u{1F4A9}'.repeat(256), sequence: 1 };
      const id = await index.putDeadLetter(failure('x', 1, { refusal, ...hints }));
      assert.deepEqual((await index.getDeadLetter(id))?.refusal, refusal);
      assert.equal(
        (await index.listDeadLetters({ orderId: [hints.orderId], size: 1 })).items[0]?.eventId,
        hints.eventId,
      );
    });
  });

  describe('when the same thing fails again', () => {
    it('counts a later failure, and keeps the first', async () => {
      const long = 'z'.repeat(LISTED_BODY_BYTES + 1);
      for (const body of ['short', long]) {
        const id = await index.putDeadLetter(failure(body, 10));
        assert.equal(await index.putDeadLetter(failure(body, 12, { attempts: 2 })), id);
        const found = await index.getDeadLetter(id);
        assert.deepEqual(
          [found?.attempts, found?.firstFailedAt, found?.lastFailedAt],
          [3, '2026-01-01T00:10:00.000Z', '2026-01-01T00:12:00.000Z'],
        );
        assert.equal((await bodyOf(id)).toString(), body);
      }
      assert.equal(await index.countDeadLetters(), 2);
    });

    it('changes nothing for a letter that is delivered twice', async () => {
      const id = await index.putDeadLetter(failure('x', 10));
      await index.putDeadLetter(failure('x', 12));
      const before = await index.getDeadLetter(id);
      await index.putDeadLetter(failure('x', 12));
      await index.putDeadLetter(failure('x', 10));
      assert.deepEqual(await index.getDeadLetter(id), before);
    });

    it('is another entry for another reason, order or body', async () => {
      const ids = [
        await index.putDeadLetter(failure('x', 1)),
        await index.putDeadLetter(failure('x', 1, because('sequence_conflict'))),
        await index.putDeadLetter(failure('x', 1, { orderId: 'A' })),
        await index.putDeadLetter(failure('y', 1)),
      ];
      assert.equal(new Set(ids).size, 4);
      assert.equal(await index.countDeadLetters(), 4);
    });

    it('loses no count when several put it at once', async () => {
      const long = 'z'.repeat(LISTED_BODY_BYTES + 1);
      const minutes = [1, 2, 3, 4, 5, 6];
      for (const body of ['short', long]) {
        const ids = await Promise.all(minutes.map((minute) => index.putDeadLetter(failure(body, minute))));
        const [id = ''] = ids;
        const found = await index.getDeadLetter(id);
        assert.deepEqual(
          [found?.lastFailedAt, Buffer.from(found?.body ?? []).toString()],
          ['2026-01-01T00:06:00.000Z', body],
        );
      }
    });
  });

  describe('when they are listed', () => {
    it('goes from the newest failure to the oldest, page by page', async () => {
      const ids: string[] = [];
      for (const minute of [1, 2, 2, 3, 4]) ids.unshift(await index.putDeadLetter(failure(`${ids.length}`, minute)));
      const listed: string[] = [];
      let cursor: string | null | undefined;
      do {
        const page = await index.listDeadLetters({ size: 2, ...(cursor && { cursor }) });
        listed.push(...page.items.map(({ id }) => id));
        cursor = page.nextCursor;
      } while (cursor !== null);
      assert.deepEqual(listed.toSorted(), ids.toSorted());
      assert.deepEqual([listed[0], listed[1], listed[4]], [ids[0], ids[1], ids[4]]);
    });

    it('can be narrowed down to reasons and orders', async () => {
      await index.putDeadLetter(failure('1', 1, { orderId: 'A', ...because('invalid') }));
      await index.putDeadLetter(failure('2', 2, { orderId: 'A', ...because('sequence_conflict') }));
      await index.putDeadLetter(failure('3', 3, { orderId: 'B', ...because('sequence_conflict') }));
      await index.putDeadLetter(failure('4', 4, because('unparseable')));
      const bodies = async (filter: { reason?: RefusalReason[]; orderId?: string[] }) =>
        (await index.listDeadLetters({ ...filter, size: 10 })).items.map(({ body }) =>
          Buffer.from(body ?? []).toString(),
        );
      assert.deepEqual(await bodies({ reason: ['sequence_conflict'] }), ['3', '2']);
      assert.deepEqual(await bodies({ reason: ['invalid', 'unparseable'] }), ['4', '1']);
      assert.deepEqual(await bodies({ orderId: ['A'] }), ['2', '1']);
      assert.deepEqual(await bodies({ orderId: ['A', 'B'], reason: ['sequence_conflict'] }), ['3', '2']);
      assert.deepEqual(await bodies({ orderId: ['a'] }), []);
      assert.deepEqual(await bodies({ orderId: [] }), []);
    });

    it('refuses a cursor that was changed, or is of another filter', async () => {
      for (const minute of [1, 2, 3]) await index.putDeadLetter(failure(`${minute}`, minute));
      const { nextCursor } = await index.listDeadLetters({ size: 1 });
      assert.ok(nextCursor !== null);
      const wrong = ['', 'x', nextCursor.slice(1), Buffer.from('[1,"2026",{}]').toString('base64url')];
      wrong.push(encodeDeadLetterCursor({}, { lastFailedAt: 'yesterday', id: 'x' }));
      for (const cursor of wrong) await assert.rejects(index.listDeadLetters({ size: 1, cursor }), InvalidCursorError);
      const query = { size: 1, cursor: nextCursor, orderId: ['A'] };
      await assert.rejects(index.listDeadLetters(query), InvalidCursorError);
    });
  });

  describe('when one is settled', () => {
    it('is gone, once', async () => {
      for (const body of ['short', 'z'.repeat(MAX_MESSAGE_BYTES + 1)]) {
        const id = await index.putDeadLetter(failure(body, 1));
        assert.equal(await index.settleDeadLetter(id), true);
        assert.equal(await index.settleDeadLetter(id), false);
        assert.equal(await index.getDeadLetter(id), undefined);
      }
      assert.equal(await index.countDeadLetters(), 0);
      assert.deepEqual((await index.listDeadLetters({ size: 1 })).items, []);
      assert.equal(await index.settleDeadLetter('nobody'), false);
    });

    it('stays where it has failed again since it was read', async () => {
      const id = await index.putDeadLetter(failure('x', 1));
      const read = await index.getDeadLetter(id);
      await index.putDeadLetter(failure('x', 2));
      assert.equal(await index.settleDeadLetter(id, read?.revision), false);
      const again = await index.getDeadLetter(id);
      assert.equal(again?.attempts, 2);
      assert.equal(await index.settleDeadLetter(id, again?.revision), true);
    });

    it('comes back as the same entry when it fails once more, its failures counted', async () => {
      for (const body of ['short', 'z'.repeat(LISTED_BODY_BYTES + 1)]) {
        const id = await index.putDeadLetter(failure(body, 1, { orderId: 'A', attempts: 2 }));
        await index.settleDeadLetter(id);
        await index.putDeadLetter(failure(body, 1, { orderId: 'A', attempts: 2 }));
        assert.equal(await index.getDeadLetter(id), undefined, 'a letter delivered twice brings nothing back');
        await index.putDeadLetter(failure(body, 5, { orderId: 'A' }));
        const found = await index.getDeadLetter(id);
        assert.deepEqual([found?.attempts, found?.firstFailedAt], [3, '2026-01-01T00:01:00.000Z']);
        assert.equal((await bodyOf(id)).toString(), body);
      }
    });

    it('is not lost when it fails once more by a clock that is behind', async () => {
      for (const body of ['short', 'z'.repeat(LISTED_BODY_BYTES + 1)]) {
        const id = await index.putDeadLetter(failure(body, 30));
        await index.settleDeadLetter(id);
        await index.putDeadLetter(failure(body, 20));
        const found = await index.getDeadLetter(id);
        assert.deepEqual([found?.attempts, found?.lastFailedAt], [2, '2026-01-01T00:30:00.000Z']);
        assert.equal((await bodyOf(id)).toString(), body);
      }
    });

    it('is forgotten after a while, and what is not settled is not', async () => {
      const [settled, open] = [await index.putDeadLetter(failure('x', 1)), await index.putDeadLetter(failure('y', 1))];
      await index.settleDeadLetter(settled);
      await index.forgetSettledDeadLetters(new Date(Date.now() - 60_000));
      await index.putDeadLetter(failure('x', 2));
      assert.equal((await index.getDeadLetter(settled))?.attempts, 2);
      await index.settleDeadLetter(settled);
      await index.forgetSettledDeadLetters(new Date(Date.now() + 60_000));
      await index.putDeadLetter(failure('x', 3));
      assert.equal((await index.getDeadLetter(settled))?.attempts, 1);
      assert.ok(await index.getDeadLetter(open));
    });
  });

  describe('when an order is forgotten', () => {
    it('loses all its dead letters, long and settled ones too, and no others', async () => {
      const long = 'z'.repeat(LISTED_BODY_BYTES + 1);
      const settled = await index.putDeadLetter(failure('s', 1, { orderId: 'A' }));
      await index.settleDeadLetter(settled);
      await index.putDeadLetter(failure('x', 1, { orderId: 'A' }));
      await index.putDeadLetter(failure(long, 1, { orderId: 'A' }));
      await index.putDeadLetter(failure(long, 1, { orderId: 'B' }));
      await index.putDeadLetter(failure('x', 1));
      await index.forgetOrder('A');
      await index.forgetOrder('nobody');
      const { items } = await index.listDeadLetters({ size: 10 });
      assert.deepEqual(items.map(({ orderId }) => orderId).toSorted(), ['B', undefined]);
      await index.putDeadLetter(failure('s', 2, { orderId: 'A' }));
      assert.equal((await index.getDeadLetter(settled))?.attempts, 1);
    });
  });
});

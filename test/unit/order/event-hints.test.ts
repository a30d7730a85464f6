import assert from 'node:assert/strict';
import { readHints } from '../../../src/order/event-hints.ts';

const hints = (value: unknown) => readHints(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));

describe('what can be read of a refused message', () => {
  it('is whose order it is, its place and its id', () => {
    const event = { subject: 'o-1', partitionkey: 'o-1', sequence: 3, id: 'e-3' };
    assert.deepEqual(hints(event), { orderId: 'o-1', sequence: 3, eventId: 'e-3' });
  });

  for (const [where, message] of [
    ['a number', { subject: 42 }],
    ['the partition key alone', { partitionkey: '42' }],
    ['the partition key beside an unreadable subject', { subject: ['x'], partitionkey: '42' }],
    ['the one event of a list', [{ subject: '42' }]],
  ] as const) {
    it(`is whose order it is where that stands as ${where}`, () => assert.equal(hints(message).orderId, '42'));
  }

  for (const [what, message] of [
    ['no JSON', '{"subject":"o-1"'],
    ['a list of several', [{ subject: 'o-1' }, { subject: 'o-2' }]],
    ['an empty list', []],
    ['a list of no event', [null]],
    ['half a character', '{"subject":"\\ud800"}'],
    ['a subject that is no id', { subject: '' }],
    ['a number that is no whole one', { subject: 1.5 }],
  ] as const) {
    it(`is nothing of ${what}`, () => assert.deepEqual(hints(message), {}));
  }
});

import assert from 'node:assert/strict';
import { maxAgeMs } from '../../../src/broker/max-age.ts';

describe('the age up to which a history is kept', () => {
  it('is a number and a unit, as RabbitMQ reckons it', () => {
    const hours = Object.entries({ '2Y': 17_520, '2M': 1_440, '30D': 720, '12h': 12, '90m': 1.5, '1800s': 0.5 });
    for (const [text, expected] of hours) assert.equal(maxAgeMs(text) / 3_600_000, expected, text);
  });

  it('is refused where it is none', () => {
    for (const text of ['30', '30W', 'D1s']) assert.throws(() => maxAgeMs(text), /is no age/);
  });
});

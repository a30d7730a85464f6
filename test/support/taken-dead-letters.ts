import assert from 'node:assert/strict';
import type { Broker, DeadLetter } from '../../src/broker/port.ts';
import { eventually } from './eventually.ts';

/** Takes the dead letters of a broker, in the order of their arrival, once there are as many. */
export async function takenDeadLetters(broker: Broker, count: number): Promise<readonly DeadLetter[]> {
  const letters: DeadLetter[] = [];
  const subscription = await broker.consumeDeadLetters((letter) => {
    letters.push(letter);
    return Promise.resolve();
  });
  try {
    await eventually(() => assert.ok(letters.length >= count, `${letters.length} dead letters`));
  } finally {
    await subscription.cancel();
  }
  return letters;
}

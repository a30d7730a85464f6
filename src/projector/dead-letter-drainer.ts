import type { Broker, DeadLetter } from '../broker/port.ts';
import { loadDocuments } from '../order-index/load-documents.ts';
import { IndexUnavailableError, type OrderIndex } from '../order-index/port.ts';
import type { Logger } from '../observability/logging.ts';

export interface DrainerDependencies {
  readonly broker: Pick<Broker, 'consumeDeadLetters'>;
  readonly index: Pick<OrderIndex, 'registry' | 'load' | 'putDeadLetter' | 'forgetOrder' | 'forgetSettledDeadLetters'>;
  readonly log: Logger;
}

export interface DeadLetterDrainer {
  /** Takes no more; what is under way is finished, or comes again. */
  stop(): Promise<void>;
}

const FORGET_INTERVAL_MS = 3_600_000;
/** How long the attempts of an entry that was replayed or discarded go on counting. */
const REMEMBER_SETTLED_MS = 7 * 24 * 3_600_000;

/**
 * Moves dead letters from the broker's queue into the index, where operators find them. A letter is acknowledged once the index has it;
 * while the index is away it stays in the queue.
 * @throws BrokerUnavailableError when the queue cannot be consumed now
 */
export async function startDeadLetterDrainer(deps: DrainerDependencies): Promise<DeadLetterDrainer> {
  const subscription = await deps.broker.consumeDeadLetters((letter) => endingByBugs(() => keep(letter, deps)));
  const forget = () => endingByBugs(() => forgetSettled(deps));
  const timer = setInterval(() => void forget().catch(ignoreOutage), FORGET_INTERVAL_MS);
  await forget().catch(ignoreOutage);
  return {
    async stop() {
      clearInterval(timer);
      await subscription.cancel();
    },
  };
}

/**
 * An order that is erased keeps no dead letters. The look comes after the entry is written: an erasure writes its tombstone before it
 * forgets the order, so one of the two sees the other.
 */
async function keep(letter: DeadLetter, { index, log }: DrainerDependencies): Promise<void> {
  const { orderId, sequence, eventId, refusal } = letter;
  const id = await index.putDeadLetter(letter);
  const about = { deadLetterId: id, orderId, sequence, eventId, reason: refusal.reason };
  if (orderId !== undefined && (await isErased(orderId, index))) {
    await index.forgetOrder(orderId);
    log.warn(about, 'a dead letter of an erased order was dropped');
  } else if (refusal.reason === 'delivery_limit') {
    log.warn(about, 'given up by the broker, and kept for the operators');
  } else {
    // Whoever refused it has said so.
    log.debug(about, 'dead letter kept for the operators');
  }
}

async function isErased(orderId: string, index: DrainerDependencies['index']): Promise<boolean> {
  const { live } = await index.registry();
  const documents = await loadDocuments(index, live, [orderId]);
  return documents.get(orderId)?.status === 'erased';
}

async function forgetSettled({ index }: DrainerDependencies): Promise<void> {
  await index.forgetSettledDeadLetters(new Date(Date.now() - REMEMBER_SETTLED_MS));
}

/** A bug would be tried again for ever, unseen: the process ends by it. An outage is passed on. */
async function endingByBugs(task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    if (!(error instanceof IndexUnavailableError)) {
      queueMicrotask(() => {
        throw error;
      });
    }
    throw error;
  }
}

/** The next hour's try does it; a bug has ended the process by then. */
function ignoreOutage(): void {
  return;
}

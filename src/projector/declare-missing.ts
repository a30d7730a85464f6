import { createHash } from 'node:crypto';
import type { OutgoingEvent } from '../broker/port.ts';
import { OWN_SOURCE } from '../order/sequencing.ts';
import type { OrderIndex } from '../order-index/port.ts';
import { without, type SequenceRange } from './gaps.ts';

export interface Declaration {
  readonly orderId: string;
  readonly missing: readonly SequenceRange[];
  /** Who declares it. */
  readonly by: string;
}

export interface DeclareDependencies {
  readonly index: Pick<OrderIndex, 'readControl' | 'writeControl'>;
  readonly now: () => Date;
}

/** What the control index keeps of an order: who declared what missing, and when. */
interface Declared {
  readonly from: number;
  readonly to: number;
  /** RFC 3339. */
  readonly at: string;
  readonly by: string;
}

const TYPE = 'order.skipped.v1';
const REASON = 'declared missing by an operator';
/** The contract's limit of an event's id. */
const MAX_ID_CHARACTERS = 256;

/**
 * Records that sequences were declared missing, and gives the events that say so, to be published. A declaration stays what it was
 * when it is repeated, whoever repeats it: two copies of an event must be the same to the last byte, or one version of the document
 * would have two contents.
 * @throws IndexUnavailableError
 */
export async function declareMissing(
  { orderId, missing, by }: Declaration,
  { index, now }: DeclareDependencies,
): Promise<OutgoingEvent[]> {
  const id = controlId(orderId);
  for (;;) {
    const record = await index.readControl(id);
    const before = (record?.value['declared'] ?? []) as readonly Declared[];
    const at = now().toISOString();
    const added = uncovered(missing, before).map(([from, to]): Declared => ({ from, to, at, by }));
    const declared = [...before, ...added];
    const isKept =
      added.length === 0 || (await index.writeControl(id, { orderId, declared }, record?.revision ?? null));
    if (isKept) return missing.flatMap((range) => eventsOf(orderId, range, declared));
  }
}

/** Of fixed length: an order id alone may be longer than a document id of Elasticsearch may be. */
function controlId(orderId: string): string {
  return `declared-missing:${sha256(orderId)}`;
}

function uncovered(ranges: readonly SequenceRange[], declared: readonly Declared[]): SequenceRange[] {
  return ranges.flatMap((range) => {
    const covered = new Set(sequencesOf(range).filter((sequence) => declarationOf(sequence, declared)));
    return without([range], covered);
  });
}

function declarationOf(sequence: number, declared: readonly Declared[]): Declared | undefined {
  return declared.find(({ from, to }) => sequence >= from && sequence <= to);
}

function eventsOf(orderId: string, range: SequenceRange, declared: readonly Declared[]): OutgoingEvent[] {
  return sequencesOf(range).flatMap((sequence) => {
    const declaration = declarationOf(sequence, declared);
    return declaration ? [skippedEvent(orderId, sequence, declaration.at)] : [];
  });
}

function sequencesOf([from, to]: SequenceRange): number[] {
  return Array.from({ length: to - from + 1 }, (_, distance) => from + distance);
}

function skippedEvent(orderId: string, sequence: number, time: string): OutgoingEvent {
  const id = skippedId(orderId, sequence);
  const event = {
    specversion: '1.0',
    id,
    source: OWN_SOURCE,
    type: TYPE,
    subject: orderId,
    time,
    sequence,
    datacontenttype: 'application/json',
    data: { reason: REASON },
  };
  return { id, type: TYPE, orderId, time, body: Buffer.from(JSON.stringify(event)) };
}

/** The same for every repetition, so that it is a duplicate. */
function skippedId(orderId: string, sequence: number): string {
  const id = `skipped-${orderId}-${sequence}`;
  return id.length <= MAX_ID_CHARACTERS ? id : `skipped-${sha256(orderId)}-${sequence}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

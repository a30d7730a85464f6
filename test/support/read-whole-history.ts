import type { Broker, HistoryMessage, HistoryStart } from '../../src/broker/port.ts';

const FIRST: HistoryStart = { kind: 'first' };

/** Everything from there to the end, in memory. */
export async function readWholeHistory(
  broker: Pick<Broker, 'readHistory'>,
  from: HistoryStart = FIRST,
): Promise<HistoryMessage[]> {
  const messages: HistoryMessage[] = [];
  for await (const message of broker.readHistory({ from, signal: new AbortController().signal }))
    messages.push(message);
  return messages;
}

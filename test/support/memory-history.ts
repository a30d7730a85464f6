import type { Broker, HistoryMessage, OutgoingEvent, ReadHistoryOptions } from '../../src/broker/port.ts';

/** What publishes and reads the history, in memory; times are the messages' own. */
export class MemoryHistory implements Pick<Broker, 'publish' | 'readHistory'> {
  readonly messages: { readonly body: Uint8Array; readonly publishedAt: Date }[] = [];
  readonly published: OutgoingEvent[] = [];
  /** From where it was read, how far. */
  readonly readings: { readonly from: ReadHistoryOptions['from']; offsets: number[] }[] = [];
  /** Called before each message; may throw. */
  before: () => Promise<void> = () => Promise.resolve();

  add(body: string, publishedAt: string): void {
    this.messages.push({ body: Buffer.from(body), publishedAt: new Date(publishedAt) });
  }

  publish(events: readonly OutgoingEvent[]): Promise<void> {
    this.published.push(...events);
    return Promise.resolve();
  }

  async *readHistory({ from, signal }: ReadHistoryOptions): AsyncGenerator<HistoryMessage> {
    const reading = { from, offsets: [] as number[] };
    this.readings.push(reading);
    for (const [offset, { body, publishedAt }] of [...this.messages.entries()]) {
      if (from.kind === 'offset' && offset < from.offset) continue;
      if (from.kind === 'time' && publishedAt < from.at) continue;
      await this.before();
      signal.throwIfAborted();
      reading.offsets.push(offset);
      yield { offset, body };
    }
  }
}

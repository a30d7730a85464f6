import type { ConsumeMessage } from 'amqplib';

/** What the harness hands to every contender. */
export interface Settings {
  readonly amqpUrl: string;
  readonly queue: string;
  readonly elasticsearchUrl: string;
  readonly index: string;
  /** How many are in the queue. */
  readonly events: number;
  /** The same events, one a line. */
  readonly eventsFile: string;
}

/** The whole document after an event, as the events of the bench carry it. */
export type Snapshot = Readonly<Record<string, unknown>> & { readonly orderId: string; readonly seq: number };

/** Documents a bulk request. */
export const BATCH = 2_000;
/** Bulk requests in flight. */
export const CONCURRENCY = 2;

export function settingsOf(environment: Readonly<Record<string, string | undefined>>): Settings {
  const given = (name: string): string => {
    const value = environment[name];
    if (value === undefined) throw new Error(`${name} is not set: bench/drain.ts starts the contenders`);
    return value;
  };
  return {
    amqpUrl: given('AMQP_URL'),
    queue: given('QUEUE'),
    elasticsearchUrl: given('ELASTICSEARCH_URL'),
    index: given('INDEX'),
    events: Number(given('EVENTS')),
    eventsFile: given('EVENTS_FILE'),
  };
}

export function snapshotOf(message: ConsumeMessage): Snapshot {
  return (JSON.parse(message.content.toString()) as { readonly data: { readonly snapshot: Snapshot } }).data.snapshot;
}

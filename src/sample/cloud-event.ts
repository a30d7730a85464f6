import type { OutgoingEvent } from '../broker/port.ts';

/** An order event as a producer sends it (contract §1). */
export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly sequence: number;
  readonly partitionkey: string;
  readonly datacontenttype: 'application/json';
  readonly data: Readonly<Record<string, unknown>>;
}

/** The event as it is handed to the broker. */
export function outgoingOf(event: CloudEvent): OutgoingEvent {
  const { id, type, subject, time } = event;
  return { id, type, orderId: subject, time, body: Buffer.from(JSON.stringify(event)) };
}

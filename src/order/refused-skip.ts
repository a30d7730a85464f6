import { decodeJson } from './decode-json.ts';
import { OWN_SOURCE } from './sequencing.ts';
import type { OrderEvent } from './event.ts';

/** A declaration that an event is missing (`order.skipped.v1`) which came too late: it has no effect, and never had one. */
export interface RefusedSkip {
  readonly orderId: string;
  readonly sequence: number;
  readonly source: string;
  readonly id: string;
}

const TYPE = 'order-search.skip_refused.v1';
const TYPE_BYTES = Buffer.from(TYPE);

/** What the history keeps of it. It has no `subject`, so that nobody takes it for an event of the order. */
export function refusedSkipMarker(orderId: string, { sequence, source, id }: OrderEvent, at: Date): Uint8Array {
  const data: RefusedSkip = { orderId, sequence, source, id };
  const marker = { specversion: '1.0', id: crypto.randomUUID(), source: OWN_SOURCE, type: TYPE, time: at, data };
  return Buffer.from(JSON.stringify(marker));
}

/** Undefined where a message is no such marker. */
export function readRefusedSkip(body: Uint8Array): RefusedSkip | undefined {
  // Parsing every message would take longer than reading it.
  if (!Buffer.from(body.buffer, body.byteOffset, body.byteLength).includes(TYPE_BYTES)) return undefined;
  // What cannot be read only mentions the type: whoever parses it as an event says what is wrong with it.
  const { value = {} } = decodeJson(body);
  const { source, type, data } = value as { source?: unknown; type?: unknown; data?: Partial<RefusedSkip> };
  if (source !== OWN_SOURCE || type !== TYPE || !isRefusedSkip(data)) return undefined;
  return data;
}

function isRefusedSkip(data: Partial<RefusedSkip> | null | undefined): data is RefusedSkip {
  const { orderId, sequence, source, id } = data ?? {};
  return [orderId, source, id].every((text) => typeof text === 'string') && Number.isSafeInteger(sequence);
}

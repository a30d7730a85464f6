import type { OutgoingEvent } from '../../src/broker/port.ts';
import { createRandom } from '../../src/sample/random.ts';

/** An event whose way is watched. Times are milliseconds of `performance.now()`. */
export interface Probe {
  readonly orderId: string;
  /** Found is the order at this version or a newer one. */
  readonly version: number;
  /** When its turn came, whether or not it was published then. */
  dueAt: number;
  publishedAt?: number;
  confirmedAt?: number;
  /** Passed on to the projector's socket. */
  receivedAt?: number;
  /** The first byte of the answer to the bulk request that contains it. */
  writtenAt?: number;
  foundAt?: number;
}

/** Events with the instants at which their turn comes. */
export interface Schedule {
  readonly events: readonly OutgoingEvent[];
  /** Milliseconds from the beginning; as many. */
  readonly dueMs: Float64Array;
  /** Of some of the events. */
  readonly probes: ReadonlyMap<OutgoingEvent, Probe>;
  readonly probeById: ReadonlyMap<string, Probe>;
}

const MARK = Buffer.from('probe-');
const DIGITS = 8;
const ID_BYTES = MARK.length + DIGITS;

interface Body {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly sequence: number;
}

/**
 * Poisson arrivals at a rate, the same ones each time. Of every so many events one is a probe: by its id it is known on the wire.
 * @param lines CloudEvents, JSON
 */
export function scheduleOf(lines: readonly string[], perSecond: number, probesPerSecond: number): Schedule {
  const random = createRandom('latency', perSecond);
  const every = Math.max(1, Math.round(perSecond / probesPerSecond));
  const probes = new Map<OutgoingEvent, Probe>();
  const probeById = new Map<string, Probe>();
  const dueMs = new Float64Array(lines.length);
  let at = 0;
  const events = lines.map((line, place) => {
    at -= (Math.log(1 - random.fraction()) * 1_000) / perSecond;
    dueMs[place] = at;
    const body = JSON.parse(line) as Body;
    const { type, subject: orderId, time, sequence: version } = body;
    if (place % every !== 0) return { id: body.id, type, orderId, time, body: Buffer.from(line) };
    const id = `${MARK.toString()}${String(place).padStart(DIGITS, '0')}`;
    const event = { id, type, orderId, time, body: Buffer.from(JSON.stringify({ ...body, id })) };
    const probe: Probe = { orderId, version, dueAt: NaN };
    probes.set(event, probe);
    probeById.set(id, probe);
    return event;
  });
  return { events, dueMs, probes, probeById };
}

/** Told of the ids of probes in a stream of bytes, each time that one is in it, however the stream is cut into pieces. */
export function probeScanner(found: (id: string) => void): (bytes: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (bytes) => {
    const text = Buffer.concat([rest, bytes]);
    for (let at = text.indexOf(MARK); at >= 0 && at + ID_BYTES <= text.length; at = text.indexOf(MARK, at + ID_BYTES))
      found(text.toString('latin1', at, at + ID_BYTES));
    rest = text.subarray(Math.max(0, text.length - ID_BYTES + 1));
  };
}

import type { OrderIndex, ParkedEvent, ParkedPlace } from '../order-index/port.ts';

/** How many of an order at once; what waits behind them is found when they are applied. */
const WINDOW = 64;
/** About so many bytes of them all: each may be megabytes long. */
const MOST_BYTES = 8 * 1024 * 1024;
/** Places in the first request; twice as many in each further one. */
const FIRST_PLACES = 20;
const MOST_PLACES = 500;

/**
 * Of each order the parked events that follow its first one without a hole, as far as they are worth having at once.
 * @param first the events that are due, one an order
 * @throws IndexUnavailableError
 */
export async function successorsOf(
  first: readonly ParkedEvent[],
  index: Pick<OrderIndex, 'parkedAt'>,
): Promise<ReadonlyMap<string, readonly ParkedEvent[]>> {
  const runs = new Map(first.map((parked) => [parked.orderId, [parked]]));
  let bytes = bytesOf(first);
  let count = first.length;
  let open = [...runs.values()];
  for (let most = FIRST_PLACES; open.length > 0 && bytes < MOST_BYTES; most = Math.min(2 * most, MOST_PLACES)) {
    const fitting = Math.ceil(((MOST_BYTES - bytes) / bytes) * count);
    const places = Math.min(most, fitting);
    const asked = open.slice(0, places);
    const each = Math.floor(places / asked.length);
    const found = await index.parkedAt(asked.flatMap((run) => placesAfter(run, each)));
    open = [...open.slice(asked.length), ...lengthened(asked, found, each)];
    bytes += bytesOf(found);
    count += found.length;
  }
  return runs;
}

/** Puts at each run's end what follows it. Those of which every place was found, and that may go on. */
function lengthened(runs: readonly ParkedEvent[][], found: readonly ParkedEvent[], each: number): ParkedEvent[][] {
  const byOrder = Map.groupBy(found, ({ orderId }) => orderId);
  return runs.filter((run) => {
    const before = run.length;
    for (const parked of byOrder.get(run[0]?.orderId ?? '') ?? []) {
      if (parked.event.sequence === lastOf(run) + 1) run.push(parked);
    }
    return run.length === before + each && run.length < WINDOW;
  });
}

function placesAfter(run: readonly ParkedEvent[], each: number): ParkedPlace[] {
  const [first] = run;
  if (!first) return [];
  const sequence = lastOf(run);
  return Array.from({ length: Math.min(each, WINDOW - run.length) }, (_, at) => ({
    orderId: first.orderId,
    sequence: sequence + 1 + at,
  }));
}

function lastOf(run: readonly ParkedEvent[]): number {
  return run.at(-1)?.event.sequence ?? 0;
}

function bytesOf(parked: readonly ParkedEvent[]): number {
  return parked.reduce((sum, { event }) => sum + JSON.stringify(event).length, 0);
}

import { createHash } from 'node:crypto';
import type { Client } from '@elastic/elasticsearch';
import { identityOf } from '../../order/fold.ts';
import { IndexUnavailableError } from '../port.ts';
import type { OrderIndex, ParkedEvent, ParkedPlace, ParkOutcome, TakenPlace } from '../port.ts';
import { create, remove, replace } from './bulk-request.ts';
import { READ, serverTimeout } from './client.ts';
import { answered, multiGet } from './multi-get.ts';
import { technicalWriteAlias } from './names.ts';
import type { TechnicalStore } from './technical-store.ts';

export type Parking = Pick<
  OrderIndex,
  'park' | 'parkedAt' | 'unpark' | 'stripParked' | 'listParked' | 'listParkedPlaces' | 'countParked'
>;

export interface ParkingOptions {
  readonly client: Client;
  readonly store: TechnicalStore;
  /** The index of parked events. */
  readonly index: string;
  readonly requestTimeoutMs: number;
}

/** What is stored; `event` unindexed. */
type ParkedSource = ParkedEvent & { readonly sequence: number };

/** How often a place that is neither free nor taken (someone drops it meanwhile) is tried. */
const ATTEMPTS = 5;

export function createParking(options: ParkingOptions): Parking {
  const { client, store, index } = options;
  const address = technicalWriteAlias(index);
  return {
    park: (events) => park(options, events),
    async parkedAt(places) {
      const found = await sourcesAt(options, places);
      return found.flatMap((source) => source ?? []);
    },
    async unpark(places) {
      await store.write(places.map((place) => remove(address, placeId(place))));
    },
    stripParked: (places) => strip(options, places),
    listParked: async (page) => (await listSources<ParkedSource>(options, page)).map(parkedOf),
    listParkedPlaces: (page) => listSources<TakenPlace>(options, page, ['orderId', 'sequence', 'parkedAt']),
    async countParked() {
      return await store.read('counting the parked events', async () => {
        await client.indices.refresh({ index }, READ);
        return (await client.count({ index }, READ)).count;
      });
    },
  };
}

/**
 * The document id of a place: an order id alone may have the 512 bytes that an `_id` can have at most. Two places share an id
 * only where SHA-256 collides.
 */
export function placeId({ orderId, sequence }: ParkedPlace): string {
  return `${createHash('sha256').update(orderId).digest('hex')}:${String(sequence).padStart(16, '0')}`;
}

/** Creates each at its place; where one is taken it is looked up by whom. */
async function park(options: ParkingOptions, events: readonly ParkedEvent[]): Promise<ParkOutcome[]> {
  const outcomes = new Map<number, ParkOutcome>();
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const open = events.flatMap((event, position) => (outcomes.has(position) ? [] : [{ event, position }]));
    for (const [at, outcome] of (
      await tryPark(
        options,
        open.map(({ event }) => event),
      )
    ).entries()) {
      const position = open[at]?.position;
      if (position !== undefined && outcome) outcomes.set(position, outcome);
    }
    if (outcomes.size === events.length) return events.flatMap((_, position) => outcomes.get(position) ?? []);
  }
  throw new IndexUnavailableError('parking: a place was taken and given up over and over');
}

/** Undefined where a place was taken at first and free when it was looked up. */
async function tryPark(options: ParkingOptions, events: readonly ParkedEvent[]): Promise<(ParkOutcome | undefined)[]> {
  const address = technicalWriteAlias(options.index);
  const operations = events.map((parked) => create(address, placeId(placeOf(parked)), sourceOf(parked)));
  const written = await options.store.write(operations);
  const taken = events.filter((_, position) => written[position]?.kind === 'conflict');
  const holders = new Map(taken.map((parked, at) => [parked, at]));
  const sources = await sourcesAt(options, taken.map(placeOf));
  return events.map((parked, position) => {
    const outcome = written[position];
    // The schema refuses whatever the unindexed event could be refused for, so this is a fault of ours: it must not be lost.
    if (outcome?.kind === 'refused') throw new IndexUnavailableError(`parking was refused: ${outcome.reason}`);
    const holder = holders.get(parked);
    if (holder === undefined) return { kind: 'parked' };
    const by = sources[holder]?.event;
    return by && { kind: 'taken', by };
  });
}

/** Only the very ones that were looked up are replaced: what is dropped meanwhile stays so. */
async function strip(options: ParkingOptions, places: readonly ParkedPlace[]): Promise<void> {
  const address = technicalWriteAlias(options.index);
  let left = places;
  for (let attempt = 0; left.length > 0; attempt++) {
    if (attempt === ATTEMPTS) throw new IndexUnavailableError('parking: a place was given up and taken over and over');
    const found = (await lookUp(options, left)).flatMap((item) => (item.kind === 'found' ? item : []));
    const outcomes = await options.store.write(
      found.map(({ source, ...revision }) => {
        const stripped = sourceOf({ ...source, event: identityOf(source.event) });
        return replace(address, placeId(source), stripped, revision);
      }),
    );
    left = found.map(({ source }) => source).filter((_, position) => outcomes[position]?.kind === 'conflict');
  }
}

function placeOf({ orderId, event }: ParkedEvent): ParkedPlace {
  return { orderId, sequence: event.sequence };
}

function sourceOf({ orderId, event, parkedAt }: ParkedEvent): ParkedSource {
  return { orderId, sequence: event.sequence, parkedAt, event };
}

function parkedOf({ orderId, event, parkedAt }: ParkedSource): ParkedEvent {
  return { orderId, event, parkedAt };
}

/** One entry a place, in order. */
async function sourcesAt(
  options: ParkingOptions,
  places: readonly ParkedPlace[],
): Promise<(ParkedEvent | undefined)[]> {
  const items = await lookUp(options, places);
  return items.map((item) => (item.kind === 'found' ? parkedOf(item.source) : undefined));
}

async function lookUp({ client, store, index }: ParkingOptions, places: readonly ParkedPlace[]) {
  if (places.length === 0) return [];
  const ids = places.map(placeId);
  return await store.read('looking up parked events', async () =>
    answered(await multiGet<ParkedSource>(client, { index, ids, realtime: true })),
  );
}

/** @param fields by default all */
async function listSources<Source extends TakenPlace>(
  options: ParkingOptions,
  { after, size }: Parameters<Parking['listParked']>[0],
  fields?: string[],
): Promise<Source[]> {
  const { client, store, index, requestTimeoutMs } = options;
  const answer = await store.read('listing the parked events', async () => {
    await client.indices.refresh({ index }, READ);
    return await client.search<Source>(
      {
        index,
        size,
        sort: [{ orderId: { order: 'asc' } }, { sequence: { order: 'asc' } }],
        ...(after && { search_after: [after.orderId, after.sequence] }),
        ...(fields && { _source: fields }),
        track_total_hits: false,
        allow_partial_search_results: false,
        timeout: serverTimeout(requestTimeoutMs),
      },
      READ,
    );
  });
  if (answer.timed_out) throw new IndexUnavailableError('listing the parked events took too long');
  return answer.hits.hits.flatMap(({ _source }) => _source ?? []);
}

import type { Client } from '@elastic/elasticsearch';
import type { RefusalReason } from '../../order/event.ts';
import { LISTED_BODY_BYTES } from '../dead-letter-port.ts';
import type { FailedMessage } from '../dead-letter-port.ts';
import { IndexUnavailableError } from '../port.ts';
import { create, remove } from './bulk-request.ts';
import { answered, multiGet } from './multi-get.ts';
import { technicalWriteAlias } from './names.ts';
import type { TechnicalStore } from './technical-store.ts';

export interface DeadLetterOptions {
  readonly client: Client;
  readonly store: TechnicalStore;
  /** The dead letter index. */
  readonly index: string;
  readonly requestTimeoutMs: number;
}

interface CommonSource {
  readonly id: string;
  readonly reason: RefusalReason;
  readonly orderId?: string;
  readonly attempts: number;
  readonly firstFailedAt: string;
  readonly lastFailedAt: string;
}

/** Exactly one of `body` and `chunkSet` is there. */
export interface EntrySource extends CommonSource {
  readonly kind: 'entry';
  readonly path: string;
  readonly message: string;
  readonly sequence?: number;
  readonly eventId?: string;
  readonly bodyBytes: number;
  /** Base64. */
  readonly body?: string;
  /** Which chunks hold the body: those of the failure (epoch ms) with which it was stored. */
  readonly chunkSet?: number;
}

export interface SettledSource extends CommonSource {
  readonly kind: 'settled';
  readonly settledAt: string;
}

/** `orderId`, so that an erasure finds it. */
interface ChunkSource {
  readonly kind: 'chunk';
  readonly id: string;
  readonly orderId?: string;
  readonly body: string;
}

/** A message may be longer than a request to Elasticsearch can be (100 MB), and base64 is longer by a third. */
const CHUNK_BYTES = 2 * 1_048_576;
const CHUNKS_AT_ONCE = 4;

export type BodyFields = Pick<EntrySource, 'bodyBytes' | 'body' | 'chunkSet'>;

/**
 * Stores what is too long for the entry itself, before the entry that points to it. A set of chunks belongs to one failure: no other
 * failure's entry, which may be settled at this moment, takes it along. Stored again for the same failure it is the same set.
 */
export async function storeBody(
  { store, index }: Pick<DeadLetterOptions, 'store' | 'index'>,
  to: {
    readonly id: string;
    readonly failed: FailedMessage;
    /** The entry that holds this body already. */
    readonly known: EntrySource | undefined;
  },
): Promise<BodyFields> {
  const { id, failed, known } = to;
  const bytes = Buffer.from(failed.body.buffer, failed.body.byteOffset, failed.body.byteLength);
  const bodyBytes = bytes.byteLength;
  if (known?.chunkSet !== undefined) return { bodyBytes, chunkSet: known.chunkSet };
  if (bodyBytes <= LISTED_BODY_BYTES) return { bodyBytes, body: bytes.toString('base64') };
  const chunkSet = Date.parse(failed.lastFailedAt);
  const ids = chunkIds({ id, bodyBytes, chunkSet });
  const address = technicalWriteAlias(index);
  for (let from = 0; from < ids.length; from += CHUNKS_AT_ONCE) {
    const operations = ids.slice(from, from + CHUNKS_AT_ONCE).map((chunkId, at) => {
      const begin = (from + at) * CHUNK_BYTES;
      const body = bytes.toString('base64', begin, Math.min(begin + CHUNK_BYTES, bodyBytes));
      const orderId = failed.orderId !== undefined && { orderId: failed.orderId };
      const source: ChunkSource = { kind: 'chunk', id, ...orderId, body };
      return create(address, chunkId, source);
    });
    // A conflict is the same chunk, stored before.
    const refused = (await store.write(operations)).find(({ kind }) => kind === 'refused');
    if (refused?.kind === 'refused') throw new IndexUnavailableError(`a dead letter was refused: ${refused.reason}`);
  }
  return { bodyBytes, chunkSet };
}

/** Undefined where its chunks are not there any more. @throws IndexUnavailableError */
export async function readBody(
  { client, store, index }: Pick<DeadLetterOptions, 'client' | 'store' | 'index'>,
  entry: EntrySource,
): Promise<Uint8Array | undefined> {
  if (entry.body !== undefined) return Buffer.from(entry.body, 'base64');
  const ids = chunkIds(entry);
  const parts: Buffer[] = [];
  for (let from = 0; from < ids.length; from += CHUNKS_AT_ONCE) {
    const some = ids.slice(from, from + CHUNKS_AT_ONCE);
    const items = await store.read('reading a dead letter', async () =>
      answered(await multiGet<ChunkSource>(client, { index, ids: some, realtime: true })),
    );
    for (const item of items) {
      if (item.kind !== 'found') return undefined;
      parts.push(Buffer.from(item.source.body, 'base64'));
    }
  }
  return Buffer.concat(parts);
}

/** @throws IndexUnavailableError */
export async function removeChunks(
  { store, index }: Pick<DeadLetterOptions, 'store' | 'index'>,
  entry: Pick<EntrySource, 'id' | 'bodyBytes' | 'chunkSet'>,
): Promise<void> {
  const ids = chunkIds(entry);
  if (ids.length > 0) await store.write(ids.map((id) => remove(technicalWriteAlias(index), id)));
}

function chunkIds({ id, bodyBytes, chunkSet }: Pick<EntrySource, 'id' | 'bodyBytes' | 'chunkSet'>): string[] {
  if (chunkSet === undefined) return [];
  return Array.from({ length: Math.ceil(bodyBytes / CHUNK_BYTES) }, (_, at) => `${id}.${chunkSet}.${at}`);
}

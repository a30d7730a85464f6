import type { Client } from '@elastic/elasticsearch';
import type { Breaker, CallKind } from './breaker.ts';
import { replace } from './bulk-request.ts';
import type { BulkWriter } from './bulk-writer.ts';
import { unavailable } from './errors.ts';
import { answered, multiGet } from './multi-get.ts';
import { technicalWriteAlias } from './names.ts';
import { searchOrders } from './search.ts';
import type { Searching } from './search.ts';

/** A document of the control index that is written, and looked for, for the sake of it: whoever else does so at the same time. */
const PROBE_ID = 'probe';

interface WriteProbing {
  readonly client: Client;
  readonly writer: BulkWriter;
  readonly writes: Breaker;
  /** The control index. */
  readonly control: string;
}

/**
 * By a write where one has failed: nothing less would tell. By a read where only reads have: on disks that are full an instance that only
 * serves would else be out of service, after any outage, until somebody has made room.
 * @throws IndexUnavailableError
 */
export async function probeWrites({ client, writer, writes, control }: WriteProbing, failed: CallKind): Promise<void> {
  if (failed === 'run') {
    const source = { id: PROBE_ID, writtenAt: new Date().toISOString(), value: {} };
    // The writer goes through the breaker itself, and tells it all there is to know.
    await writer.write([replace(technicalWriteAlias(control), PROBE_ID, source)], 'live');
    return;
  }
  await writes.look(async () => {
    try {
      answered(await multiGet(client, { index: control, ids: [PROBE_ID], realtime: true }));
    } catch (thrown) {
      throw unavailable('probing', thrown);
    }
  });
}

/**
 * By a search as readers make them: where these are too much for Elasticsearch, a cheaper one would say that all is well. @throws
 * IndexUnavailableError
 */
export async function probeSearches(searching: Searching): Promise<void> {
  await searchOrders(searching, { sort: '-placedAt', size: 1 });
}

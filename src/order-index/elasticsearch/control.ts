import type { Client } from '@elastic/elasticsearch';
import { IndexUnavailableError } from '../port.ts';
import type { ControlRecord, OrderIndex } from '../port.ts';
import { create, replace } from './bulk-request.ts';
import { answered, multiGet } from './multi-get.ts';
import { technicalWriteAlias } from './names.ts';
import type { TechnicalStore } from './technical-store.ts';

export type Control = Pick<OrderIndex, 'readControl' | 'writeControl'>;

interface ControlSource {
  readonly id: string;
  /** RFC 3339. */
  readonly writtenAt: string;
  readonly value: ControlRecord['value'];
}

/** The small documents of the control index. A revision is the sequence number and primary term of the write that made it. */
export function createControl({
  client,
  store,
  index,
}: {
  client: Client;
  store: TechnicalStore;
  index: string;
}): Control {
  const address = technicalWriteAlias(index);
  return {
    async readControl(id) {
      const [item] = await store.read(`reading ${id}`, async () =>
        answered(await multiGet<ControlSource>(client, { index, ids: [id], realtime: true })),
      );
      if (item?.kind !== 'found') return undefined;
      return { value: item.source.value, revision: `${item.seqNo}-${item.primaryTerm}` };
    },
    async writeControl(id, value, expected) {
      const source: ControlSource = { id, writtenAt: new Date().toISOString(), value };
      const revision = typeof expected === 'string' ? parseRevision(expected) : undefined;
      // A revision that is none was not made here, and matches nothing.
      if (typeof expected === 'string' && !revision) return false;
      const operation = expected === null ? create(address, id, source) : replace(address, id, source, revision);
      const [outcome] = await store.write([operation]);
      if (outcome?.kind === 'refused') throw new IndexUnavailableError(`writing ${id} was refused: ${outcome.reason}`);
      return outcome?.kind === 'done';
    },
  };
}

function parseRevision(revision: string): { readonly seqNo: number; readonly primaryTerm: number } | undefined {
  const [, seqNo, primaryTerm] = /^(\d{1,15})-(\d{1,15})$/.exec(revision) ?? [];
  return seqNo === undefined ? undefined : { seqNo: Number(seqNo), primaryTerm: Number(primaryTerm) };
}

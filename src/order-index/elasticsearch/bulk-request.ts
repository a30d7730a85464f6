/** One operation of a bulk request: its lines, ready to be sent, as often as it takes. */
export interface BulkOperation {
  readonly ndjson: string;
  readonly bytes: number;
}

/** `address` must be an alias (`require_alias`): nothing is ever written to an index that was not made for it. */
export function indexExternal(address: string, id: string, version: number, document: object): BulkOperation {
  return operation(
    { index: { _index: address, _id: id, version, version_type: 'external', require_alias: true } },
    document,
  );
}

/** Refused with a conflict where the id is taken. */
export function create(address: string, id: string, document: object): BulkOperation {
  return operation({ create: { _index: address, _id: id, require_alias: true } }, document);
}

/** The write that made a document what it is. */
export interface DocumentRevision {
  readonly seqNo: number;
  readonly primaryTerm: number;
}

/** Replaces whatever is there, or with `revision` only that very one. */
export function replace(address: string, id: string, document: object, revision?: DocumentRevision): BulkOperation {
  return operation({ index: { _index: address, _id: id, require_alias: true, ...conditionOf(revision) } }, document);
}

/** Removes whatever is there, or with `revision` only that very one. */
export function remove(address: string, id: string, revision?: DocumentRevision): BulkOperation {
  return operation({ delete: { _index: address, _id: id, ...conditionOf(revision) } });
}

function conditionOf(revision: DocumentRevision | undefined) {
  return revision && { if_seq_no: revision.seqNo, if_primary_term: revision.primaryTerm };
}

/** Neighbours together, none over `maxBytes` unless it holds a single operation. */
export function splitByBytes(operations: readonly BulkOperation[], maxBytes: number): BulkOperation[][] {
  const requests: BulkOperation[][] = [];
  let bytes = Infinity;
  for (const next of operations) {
    bytes += next.bytes;
    if (bytes > maxBytes) {
      requests.push([]);
      bytes = next.bytes;
    }
    requests.at(-1)?.push(next);
  }
  return requests;
}

/** As bytes, since a text would be copied once more on its way to the socket. */
export function bodyOf(operations: readonly BulkOperation[]): Buffer {
  const body = Buffer.allocUnsafeSlow(operations.reduce((sum, { bytes }) => sum + bytes, 0));
  let end = 0;
  for (const { ndjson } of operations) end += body.write(ndjson, end);
  return body;
}

function operation(...lines: object[]): BulkOperation {
  const ndjson = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  return { ndjson, bytes: Buffer.byteLength(ndjson) };
}

import assert from 'node:assert/strict';
import { errors } from '@elastic/elasticsearch';
import {
  classify,
  classifyThrown,
  describeCause,
  unavailable,
  unavailableItem,
  isOutage,
  MissingIndexError,
} from '../../../../src/order-index/elasticsearch/errors.ts';
import type { ErrorCause } from '../../../../src/order-index/elasticsearch/errors.ts';
import { IndexUnavailableError } from '../../../../src/order-index/port.ts';

const cause = (type: string, reason = '', caused_by?: ErrorCause): ErrorCause => ({
  type,
  reason,
  ...(caused_by && { caused_by }),
});
const block = (text: string) => cause('cluster_block_exception', `index [orders-000001] blocked by: [${text}];`);
const unparsed = cause(
  'document_parsing_exception',
  "[1:6] failed to parse field [totalCents] of type [long] in document with id '1'. Preview of field's value: 'abc'",
  cause('illegal_argument_exception', 'For input string: "abc"'),
);

describe("whose fault Elasticsearch's answer is", () => {
  const table: readonly (readonly [name: string, status: number, error: ErrorCause | undefined, kind: string, path?: string])[] = [
    ['a version conflict', 409, cause('version_conflict_engine_exception'), 'conflict'],
    ['a field that does not parse', 400, unparsed, 'refused', 'totalCents'],
    ['an object where a value belongs', 400, cause('document_parsing_exception', 'object mapping for [items.x] tried to parse field [x] as object, but found a concrete value'), 'refused', 'items.x'],
    ['an immense term', 400, cause('illegal_argument_exception', 'Document contains at least one immense term in field="tags" (whose'), 'refused', 'tags'],
    ['a field named in a cause', 400, cause('mapper_parsing_exception', 'failed', cause('x', 'field [placedAt] is no date')), 'refused', 'placedAt'],
    ['an id over 512 bytes', 400, cause('action_request_validation_exception', 'id is too long'), 'refused', ''],
    ['a closed index', 400, cause('index_closed_exception', 'closed'), 'unavailable'],
    ['a write alias on two indices', 400, cause('illegal_argument_exception', 'no write index is defined for alias [orders-000001-w1]'), 'unavailable'],
    ['an ingest pipeline that is not there', 400, cause('illegal_argument_exception', 'pipeline with id [shop] does not exist'), 'unavailable'],
    ['a shard that is full', 400, cause('illegal_argument_exception', "Number of documents in the index can't exceed [2147483519]"), 'unavailable'],
    ['a routing that a template demands', 400, cause('routing_missing_exception', 'routing is required for [orders-000001]/[1]'), 'unavailable'],
    ['400 without a reason of Elasticsearch', 400, undefined, 'unavailable'],
    ['a missing index', 404, cause('index_not_found_exception', 'no such index [orders-000001-w1] and [require_alias] request flag is [true]'), 'moved'],
    ['404 of something else', 404, undefined, 'unavailable'],
    ['a missing shard', 404, cause('shard_not_found_exception'), 'unavailable'],
    ['a write block', 403, block('FORBIDDEN/8/index write (api)'), 'moved'],
    ['one that is being set', 403, block('FORBIDDEN/8/moving to block index write (api)'), 'moved'],
    ["an operator's read-only block", 403, block('FORBIDDEN/5/index read-only (api)'), 'unavailable'],
    ['the disk watermark', 429, block('TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark'), 'unavailable'],
    ['no master', 503, block('SERVICE_UNAVAILABLE/2/no master'), 'unavailable'],
    ['a missing privilege', 403, cause('security_exception', 'action is unauthorized'), 'unavailable'],
    ['wrong credentials', 401, cause('security_exception', 'unable to authenticate'), 'unavailable'],
    ['a body that is too large', 413, undefined, 'too_large'],
    ['a full queue', 429, cause('es_rejected_execution_exception'), 'unavailable'],
    ['a memory circuit breaker', 429, cause('circuit_breaking_exception'), 'unavailable'],
    ['a bad gateway', 502, undefined, 'unavailable'],
    ['shards that are not there', 503, cause('unavailable_shards_exception'), 'unavailable'],
    ['a gateway timeout', 504, undefined, 'unavailable'],
    ['an error inside', 500, cause('null_pointer_exception'), 'unavailable'],
    ['a status that nobody knows', 418, cause('teapot'), 'unavailable'],
  ]; // prettier-ignore
  for (const [name, status, error, kind, path] of table) {
    it(`${name} → ${kind}`, () => {
      const fault = classify(status, error);
      assert.equal(fault.kind, kind);
      if (fault.kind === 'refused') assert.equal(fault.path, path);
      if (fault.kind !== 'conflict' && error?.reason) assert.ok(fault.reason.includes(error.reason));
    });
  }

  it('says loudly that it is the credentials', () => {
    const fault = classify(401, cause('security_exception', 'unable to authenticate'));
    assert.match('reason' in fault ? fault.reason : '', /credentials or privileges/);
  });
});

describe('what the client throws', () => {
  const response = (statusCode: number, body: unknown) =>
    new errors.ResponseError({ statusCode, body, headers: {}, warnings: null, meta: {} as never });

  for (const [name, thrown, kind] of [
    ['a timeout', new errors.TimeoutError('Request timed out'), 'unavailable'],
    ['a lost connection', new errors.ConnectionError('connect ECONNREFUSED'), 'unavailable'],
    ['no living connection', new errors.NoLivingConnectionsError('none', {} as never), 'unavailable'],
    ['an abort', new errors.RequestAbortedError('aborted'), 'unavailable'],
    ['an answer that is no JSON', new errors.DeserializationError('Unexpected token', '<html>'), 'unavailable'],
    ['a product that is another', new errors.ProductNotSupportedError('OpenSearch'), 'unavailable'],
    ['a response', response(409, { error: cause('version_conflict_engine_exception') }), 'conflict'],
    ["a proxy's page", response(400, '<html>'), 'unavailable'],
    [
      "a refusal with Elasticsearch's reason",
      response(400, { error: cause('x_content_parse_exception', 'no') }),
      'refused',
    ],
  ] as const) {
    it(`${name} → ${kind}`, () => assert.equal(classifyThrown(thrown).kind, kind));
  }

  it('is thrown again where it is a bug', () => {
    for (const bug of [new TypeError('x is not a function'), new errors.ConfigurationError('bad'), 'a string']) {
      assert.throws(
        () => classifyThrown(bug),
        (thrown) => thrown === bug,
      );
      assert.throws(
        () => unavailable('reading', bug),
        (thrown) => thrown === bug,
      );
    }
  });

  it('becomes an error of the port, which says what was being done', () => {
    const error = unavailable('reading an order', new errors.ConnectionError('ECONNRESET'));
    assert.ok(error instanceof IndexUnavailableError);
    assert.match(error.message, /^reading an order: no connection to Elasticsearch: ECONNRESET/);
    const missing = unavailable('reading', response(404, { error: cause('index_not_found_exception') }));
    assert.ok(missing instanceof MissingIndexError);
    assert.equal(unavailable('again', missing), missing);
  });

  it('is an outage where it speaks against Elasticsearch, and not against what it was asked', () => {
    const outage = unavailable('searching', new errors.ConnectionError('ECONNRESET'));
    const refused = unavailable('searching', response(400, { error: cause('search_phase_execution_exception') }));
    const missing = unavailable('searching', response(404, { error: cause('index_not_found_exception') }));
    assert.ok(refused instanceof IndexUnavailableError);
    assert.deepEqual([outage, refused, missing, new TypeError('a bug')].map(isOutage), [true, false, false, false]);
    const items = [400, 404, 503].map((status) =>
      unavailableItem('one of several', status, cause(status === 404 ? 'index_not_found_exception' : 'x')),
    );
    assert.deepEqual(items.map(isOutage), [false, false, true]);
  });
});

describe('the reason in words', () => {
  it('says each cause once', () => {
    const nested = cause('outer', 'failed: the point', cause('inner', 'the point', cause('innermost', 'another')));
    assert.equal(describeCause(400, nested), 'outer: failed: the point; innermost: another');
    assert.equal(describeCause(502, undefined), 'Elasticsearch answered 502');
    assert.equal(describeCause(400, { type: 'bare', reason: null }), 'bare: ');
  });

  it('keeps the beginning and the end of a long one', () => {
    const text = describeCause(400, cause('t', `begin ${'x'.repeat(5_000)} end`));
    assert.ok(text.length < 1_100);
    assert.match(text, /^t: begin x+ … x+ end$/);
  });
});

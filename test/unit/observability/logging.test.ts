import assert from 'node:assert/strict';
import { createLogger, withoutCredentials, type Logger } from '../../../src/observability/logging.ts';
import type { RepetitionLimits } from '../../../src/observability/repetition.ts';
import { eventually } from '../../support/eventually.ts';

function logged(write: (log: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  write(createLogger('debug', { write: (line) => void lines.push(line) }));
  return lines.join('');
}

describe('createLogger', () => {
  describe('when something is logged', () => {
    it('writes one JSON object a line with an ISO time and the level by name', () => {
      const line = logged((log) => log.info({ orders: 3 }, 'batch'));
      const entry = JSON.parse(line) as Record<string, unknown>;
      assert.equal(entry['level'], 'info');
      assert.equal(entry['msg'], 'batch');
      assert.equal(entry['orders'], 3);
      assert.ok(!Number.isNaN(Date.parse(String(entry['time']))));
    });

    it('leaves out what is below its level', () => {
      assert.equal(
        logged((log) => log.trace('too fine')),
        '',
      );
    });
  });

  describe('when secrets are logged', () => {
    it('hides them under their usual keys', () => {
      const text = logged((log) =>
        log.warn({ password: 'hunter2', auth: { apiKey: 'hunter2' }, a: { b: { secret: 'hunter2' } } }),
      );
      assert.doesNotMatch(text, /hunter2/);
      assert.match(text, /\[redacted\]/);
    });

    it('hides the credentials of URLs in messages, fields, errors and their causes', () => {
      const url = 'amqp://user:hun@ter2@rabbit:5672/orders';
      const err = new Error(`cannot connect to ${url}`, { cause: new Error(`https://elastic:hunter2@es`) });
      const text = logged((log) => log.error({ err, url }, `no answer from ${url}`));
      assert.doesNotMatch(text, /hun@?ter2/);
      assert.match(text, /amqp:\/\/\[redacted\]@rabbit:5672/);
      assert.doesNotThrow(() => JSON.parse(text));
    });

    it('hides what the request of a failed call has said', () => {
      const err = Object.assign(new TypeError('Request timed out'), {
        code: 'E_TIMEOUT',
        meta: { meta: { request: { params: { body: '{"q":"Ann Sekret"}' } } } },
        cause: Object.assign(new Error('socket hang up'), { body: 'Ann Sekret' }),
      });
      const text = logged((log) => log.error({ err }, 'request failed'));
      assert.doesNotMatch(text, /Sekret/);
      const entry = JSON.parse(text) as {
        err: { type: string; message: string; code: string; stack: string; cause: object };
      };
      const { type, message, code, stack, cause } = entry.err;
      assert.deepEqual([type, message, code], ['TypeError', 'Request timed out', 'E_TIMEOUT']);
      assert.match(stack, /logging\.test\.ts/);
      assert.equal((cause as { message: string }).message, 'socket hang up');
    });

    it('hides the values that Elasticsearch and Node quote', () => {
      const said = [
        `failed to parse field [paidAt] of type [date] in document with id 'A-1'. Preview of field's value: 'O'Sekret'`,
        `x_content_parse_exception: Preview of field's value: '{name="Ann Sekret"}'; number_format_exception: For input string: "Sekret"`,
        'failed to parse date field [Sekret] with format [strict_date]',
        `Unexpected token 'o', "{"name":"Sekret" oops" is not valid JSON`,
        `Unexpected token 'o', ..."e":"Sekret" oops"... is not valid JSON`,
      ];
      for (const reason of said) {
        const text = logged((log) => log.error({ reason, after: 'it' }, 'refused'));
        assert.doesNotMatch(text, /Sekret/, reason);
        assert.equal((JSON.parse(text) as { after: string }).after, 'it', text);
      }
    });

    it('hides bearer tokens', () => {
      assert.doesNotMatch(
        logged((log) => log.info({ header: 'Bearer eyJhbGciOi.eyJzdWIi.c2ln' })),
        /eyJ/,
      );
    });
  });
});

describe('a failure that is logged again and again', () => {
  const FLOOD = 1_000;

  interface Entry {
    readonly level: string;
    readonly msg: string;
    readonly repeated?: number;
    readonly reason?: string;
    readonly orderId?: string;
  }

  /** Logs into memory; `entries` is what was written by now. */
  function recorded(repetition: RepetitionLimits) {
    const lines: string[] = [];
    const log = createLogger('info', { write: (line) => void lines.push(line) }, repetition);
    return { log, entries: () => lines.map((line) => JSON.parse(line) as Entry) };
  }

  const flood = (log: Logger, reason: string) => {
    for (let index = 0; index < FLOOD; index++) {
      log.warn({ eventId: `e-${index}`, orderId: `A-${index}`, reason }, 'dead-lettered');
    }
  };

  it('is written a few times, and then once how often it was repeated', async () => {
    const { log, entries } = recorded({ lines: 5, windowMs: 50 });
    flood(log, 'invalid');
    assert.equal(entries().length, 5);
    await eventually(() => assert.equal(entries().length, 6));
    const { level, msg, reason, repeated, orderId } = entries()[5]!;
    assert.deepEqual([level, msg, reason, repeated], ['warn', 'dead-lettered', 'invalid', FLOOD - 5]);
    assert.equal(orderId, undefined, 'it is of no order in particular');
  });

  it('is written again in the next window', async () => {
    const { log, entries } = recorded({ lines: 1, windowMs: 50 });
    flood(log, 'invalid');
    await eventually(() => assert.equal(entries().length, 2));
    flood(log, 'invalid');
    assert.equal(entries().length, 3);
    await eventually(() => assert.equal(entries().length, 4));
  });

  it('drowns no other one', () => {
    const { log, entries } = recorded({ lines: 2, windowMs: 60_000 });
    flood(log, 'invalid');
    log.warn({ reason: 'too_large' }, 'dead-lettered');
    log.error({ err: new Error('connect ECONNREFUSED') }, 'request failed');
    log.error({ err: new Error('a bug') }, 'request failed');
    assert.deepEqual(
      entries().map(({ msg }) => msg),
      ['dead-lettered', 'dead-lettered', 'dead-lettered', 'request failed', 'request failed'],
    );
  });

  it('is the same whatever the numbers in its reason', () => {
    const { log, entries } = recorded({ lines: 1, windowMs: 60_000 });
    for (let index = 0; index < FLOOD; index++) log.warn({ reason: `timed out after ${index} ms` }, 'held up');
    assert.equal(entries().length, 1);
  });

  it('leaves what is no failure as it is', () => {
    const { log, entries } = recorded({ lines: 1, windowMs: 60_000 });
    for (let index = 0; index < 10; index++) log.info({ events: 1 }, 'batch projected');
    assert.equal(entries().length, 10);
  });
});

describe('withoutCredentials', () => {
  describe('when there are none', () => {
    it('leaves the text alone', () => {
      const text = 'GET http://127.0.0.1:9200/orders by mail@example.com "https://a.example/x@y"';
      assert.equal(withoutCredentials(text), text);
    });
  });
});

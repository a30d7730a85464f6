import assert from 'node:assert/strict';
import { createLogger, withoutCredentials } from '../../../src/observability/logging.ts';

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

    it('hides bearer tokens', () => {
      assert.doesNotMatch(
        logged((log) => log.info({ header: 'Bearer eyJhbGciOi.eyJzdWIi.c2ln' })),
        /eyJ/,
      );
    });
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

import assert from 'node:assert/strict';
import { readConfig } from '../../../src/config.ts';
import { configWarnings } from '../../../src/config/warnings.ts';

const SECRET = 'a-secret-of-thirty-two-bytes-and-more';

function warningsOf(env: Record<string, string>): string {
  const result = readConfig(env);
  assert.ok(result.ok, JSON.stringify(result));
  return configWarnings(result.config).join('\n');
}

describe('the warnings of a configuration', () => {
  it('say that nobody is asked who he is', () => {
    assert.match(warningsOf({}), /^the embedded default runs without authentication: everyone [^\n]* everything$/);
    assert.match(warningsOf({ AUTH: 'off' }), /^AUTH=off: everyone [^\n]* everything$/);
  });

  for (const [host, isOpen] of [
    ['0.0.0.0', true],
    ['::', true],
    ['10.0.0.7', true],
    ['localhost', false],
    ['127.0.0.2', false],
    ['::1', false],
  ] as const) {
    it(`say${isOpen ? '' : ' not'} that others reach it too at HOST=${host}`, () => {
      assert.equal(warningsOf({ HOST: host }).includes(`HOST=${host} is not this computer alone`), isOpen);
    });
  }

  it('say that a secret is short, without showing it', () => {
    const warnings = warningsOf({ AUTH_JWT_SECRET: 'hunter2' });
    assert.match(warnings, /^AUTH_JWT_SECRET is shorter than 32 bytes/);
    assert.doesNotMatch(warnings, /hunter2/);
  });

  it('say that a key set is taken for anybody’s tokens, or from anybody', () => {
    const claims = { AUTH_ISSUER: 'shop' };
    assert.match(warningsOf({ AUTH_JWKS_URL: 'https://id.example/jwks' }), /^neither AUTH_ISSUER nor AUTH_AUDIENCE/);
    assert.match(warningsOf({ AUTH_JWKS_URL: 'http://id.example/jwks', ...claims }), /^AUTH_JWKS_URL is http/);
    assert.equal(warningsOf({ AUTH_JWKS_URL: 'http://127.0.0.1:9/jwks', ...claims }), '');
  });

  it('say that a message which kills the process would not be handled alone', () => {
    assert.match(
      warningsOf({ AUTH_JWT_SECRET: SECRET, DELIVERY_LIMIT: '2' }),
      /^DELIVERY_LIMIT=2 is less than 3: [^\n]*$/,
    );
    assert.equal(warningsOf({ AUTH_JWT_SECRET: SECRET, DELIVERY_LIMIT: '3' }), '');
  });

  it('are none for a long secret', () => {
    assert.equal(warningsOf({ AUTH_JWT_SECRET: SECRET }), '');
  });
});

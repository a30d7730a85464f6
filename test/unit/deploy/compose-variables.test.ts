import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readConfig, type Config } from '../../../src/config.ts';
import { compose, composeText, environmentOf, ofImage, services } from '../../support/compose-file.ts';

const example = readFileSync('.env.example', 'utf8');
/** Each with the default that it names. */
const offered = new Map(
  [...example.matchAll(/^# ?([A-Z][A-Z_\d]*)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value] as const),
);
const demanded = [...example.matchAll(/^([A-Z][A-Z_\d]*)=$/gm)].map(([, name = '']) => name);
/** Those that .env cannot set, each with the reason. */
const decided = new Map(
  [...example.matchAll(/^# {3}((?:[A-Z_]+, )*[A-Z_]+) {2,}(.+)$/gm)].flatMap(([, names = '', reason = '']) =>
    names.split(', ').map((name) => [name, reason] as const),
  ),
);
const handedOn = Object.entries(compose.services['order-search']?.environment ?? {}).flatMap(([name, value]) =>
  value === null ? [name] : [],
);

function variablesOfTheService(): readonly string[] {
  const read = new Set<string>();
  readConfig(
    new Proxy(
      {},
      {
        get: (_, name) => {
          read.add(String(name));
          return undefined;
        },
      },
    ),
  );
  return [...read];
}

/** As the service on one node is configured where .env has `said`. */
function configuredBy(said: Readonly<Record<string, string>>): Config {
  const result = readConfig(environmentOf(compose.services['order-search'] ?? {}, said));
  assert.ok(result.ok, JSON.stringify(result));
  return result.config;
}

describe('the variables of docker-compose.yml', () => {
  const secret = { AUTH_JWT_SECRET: 'x'.repeat(32) };

  it('are all of the service, but for those that Compose has to decide', () => {
    const all = variablesOfTheService();
    assert.ok(all.length > 40);
    const settable = (name: string) => offered.has(name) || demanded.includes(name);
    for (const name of all) assert.notEqual(settable(name), decided.has(name), name);
    for (const name of decided.keys()) assert.ok(all.includes(name), name);
  });

  for (const [name, { environment = {} }] of ofImage('order-search')) {
    it(`are handed on to ${name}, or put in, by their own names`, () => {
      for (const variable of variablesOfTheService()) {
        const value = environment[variable];
        // The folder of the host is mounted there.
        if (variable === 'IMPORT_DIR') assert.equal(value, '/import');
        else if (decided.has(variable)) assert.ok(value !== null && !value?.includes(`\${${variable}`), variable);
        else assert.ok(value === null || value?.startsWith(`\${${variable}:`), variable);
      }
    });
  }

  it('are all offered by .env.example, which offers no others', () => {
    const put = [...composeText.matchAll(/(?<!\$)\$\{(\w+)/g)].map(([, name = '']) => name);
    const read = new Set([...put, ...handedOn]);
    assert.deepEqual([...offered.keys(), ...demanded].sort(), [...read].sort());
  });

  it('have the defaults that .env.example names', () => {
    for (const [name, value] of offered) {
      const defaults = new Set(
        [...composeText.matchAll(new RegExp(`\\$\\{${name}:-([^}$]*)`, 'g'))].map(([, other]) => other),
      );
      // What .env.example names without a value differs between one node and the cluster, or is another variable's.
      if (value !== '' && !handedOn.includes(name)) assert.deepEqual([...defaults], [value], name);
      if (handedOn.includes(name))
        assert.deepEqual(configuredBy({ ...secret, [name]: value }), configuredBy(secret), name);
    }
  });

  it('have every secret demanded, and no default', () => {
    for (const [, { environment = {} }] of services) {
      for (const [name, value] of Object.entries(environment)) {
        if (!/PASS|SECRET/.test(name) || value === null) continue;
        const variable = /^\$\{(\w+):\?set \w+ in \.env\}$/.exec(value)?.[1];
        assert.ok(variable !== undefined, `${name}: ${value}`);
        assert.ok(demanded.includes(variable), variable);
      }
    }
  });

  it('say who may call: by a secret, or by the keys of an identity provider', () => {
    assert.match(compose['x-authentication'], /^\$\{AUTH_JWT_SECRET:-\$\{AUTH_JWKS_URL:\?[^}]+\}\}$/);
    assert.ok(demanded.includes('AUTH_JWT_SECRET'));
    const keys = { AUTH_JWKS_URL: 'https://id.example/keys', AUTH_ISSUER: 'https://id.example' };
    const { auth } = configuredBy({ ...keys, AUTH_JWT_SECRET: '' });
    assert.deepEqual(auth, { kind: 'jwks', url: keys.AUTH_JWKS_URL, issuer: keys.AUTH_ISSUER, audience: undefined });
    assert.equal(configuredBy(secret).auth.kind, 'secret');
  });
});

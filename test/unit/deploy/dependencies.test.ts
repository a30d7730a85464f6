import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

interface Locked {
  readonly integrity?: string;
  readonly hasInstallScript?: boolean;
}

describe('package-lock.json', () => {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    packages: Readonly<Record<string, Locked>>;
  };
  const installed = Object.entries(packages).filter(([path]) => path !== '');

  it('pins every package by a hash of its content', () => {
    assert.ok(installed.length > 100);
    for (const [path, { integrity = '' }] of installed) assert.match(integrity, /^sha512-/, path);
  });

  it('has no package run a script when it is installed but those that package.json allows', () => {
    const { allowScripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { allowScripts: object };
    const running = installed.filter(([, { hasInstallScript }]) => hasInstallScript === true);
    assert.deepEqual(
      running.map(([path]) => path.replace(/^.*node_modules\//, '')),
      Object.keys(allowScripts),
    );
  });
});

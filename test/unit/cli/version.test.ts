import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import PACKAGE from '../../../package.json' with { type: 'json' };

const CLI = new URL('../../../src/cli.ts', import.meta.url).pathname;

describe('order-search --version', () => {
  it('names the version of the package', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [CLI, '--version']);
    assert.equal(stdout, `${PACKAGE.version}\n`);
  });
});

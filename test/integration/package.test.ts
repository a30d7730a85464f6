import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const REPOSITORY = new URL('../../', import.meta.url).pathname;
const TSC = join(REPOSITORY, 'node_modules/typescript/bin/tsc');

interface Package {
  readonly bin: Readonly<Record<string, string>>;
}

/** What README says of it, with `pg`, as somebody else's TypeScript. */
const CONSUMER = `
import { Pool } from 'pg';
import { appendEvent, OUTBOX_DDL, Relay, type OutboxEvent, type SqlConnection } from 'order-search/outbox';

export async function pay(client: SqlConnection): Promise<OutboxEvent> {
  return await appendEvent(client, {
    orderId: 'A-1001',
    type: 'order.payment_captured.v1',
    source: '/shop',
    data: { amountCents: 1250 },
  });
}

export function relayOf(pool: Pool): Relay {
  return new Relay({ pool, publish: async () => undefined, onTrouble: () => undefined });
}

const statements: string[] = [];
const asked: SqlConnection = {
  query: async (text) => {
    statements.push(text);
    return { rows: [{ body: JSON.stringify({ id: '1', type: 't', subject: 'A-1001', sequence: 1, time: 'now' }) }] };
  },
};
const { orderId, sequence } = await pay(asked);
console.log(JSON.stringify({ orderId, sequence, ddl: OUTBOX_DDL.includes('order_outbox'), statements: statements.length }));
`;

describe('the package, as others install it', function () {
  this.timeout(120_000);
  let folder: string;

  /** A package that depends on this one, with what `npm pack` puts there, and on `pg`. */
  before(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'order-search-package-')));
    const packed = join(folder, 'node_modules/order-search');
    mkdirSync(packed, { recursive: true });
    const { stdout } = await execute('npm', ['pack', '--json', '--pack-destination', folder], { cwd: REPOSITORY });
    const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('['))) as [{ filename: string }];
    await execute('tar', ['-xzf', join(folder, filename), '-C', packed, '--strip-components', '1']);
    for (const name of readdirSync(join(REPOSITORY, 'node_modules'))) {
      if (name.startsWith('.')) continue;
      symlinkSync(join(REPOSITORY, 'node_modules', name), join(folder, 'node_modules', name));
    }
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(folder, 'shop.ts'), CONSUMER);
  });
  after(() => rmSync(folder, { recursive: true }));

  it('has an outbox whose types fit those of pg, and which runs', async () => {
    const strict = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--skipLibCheck', '--types', 'node'];
    const checked = execute(process.execPath, [TSC, ...strict, 'shop.ts'], { cwd: folder });
    await assert.doesNotReject(checked, `tsc says: ${await said(checked)}`);
    const { stdout } = await execute(process.execPath, ['shop.js'], { cwd: folder });
    assert.deepEqual(JSON.parse(stdout), { orderId: 'A-1001', sequence: 1, ddl: true, statements: 1 });
  });

  it('has a client', async () => {
    writeFileSync(join(folder, 'client.js'), "console.log(typeof (await import('order-search/client')).createClient);");
    const { stdout } = await execute(process.execPath, ['client.js'], { cwd: folder });
    assert.equal(stdout, 'function\n');
  });

  it('has the command line', async () => {
    const { bin } = JSON.parse(readFileSync(join(folder, 'node_modules/order-search/package.json'), 'utf8')) as Package;
    const script = join(folder, 'node_modules/order-search', bin['order-search'] ?? '');
    const { stdout } = await execute(process.execPath, [script, 'rebuild', '--help'], { cwd: folder });
    assert.match(stdout, /Usage: order-search rebuild/);
  });

  it('has nothing of the tests, and no pictures', () => {
    assert.deepEqual(readdirSync(join(folder, 'node_modules/order-search')).sort(), [
      'LICENSE',
      'README.md',
      'bin',
      'dist',
      'package.json',
    ]);
  });
});

/** What a command that has failed wrote. */
async function said(running: Promise<unknown>): Promise<string> {
  const [outcome] = await Promise.allSettled([running]);
  return outcome.status === 'rejected' ? String((outcome.reason as { stdout?: unknown }).stdout) : '';
}

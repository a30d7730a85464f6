import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { testDatabase } from '../../support/postgresql.ts';

const MAIN = new URL('../../../examples/order-service/main.ts', import.meta.url).pathname;

/** Runs the example to its end, and gives its only line. */
async function complaint(env: Readonly<Record<string, string>>): Promise<string> {
  const { PATH, NODE_V8_COVERAGE } = process.env;
  const child = spawn(process.execPath, [MAIN], { env: { PATH, NODE_V8_COVERAGE, PORT: '0', ...env } });
  const ended = once(child, 'exit');
  const [said, complaints] = await Promise.all([text(child.stdout), text(child.stderr)]);
  assert.deepEqual(await ended, [1, null]);
  assert.equal(said, '');
  const [line = '', ...others] = complaints.trimEnd().split('\n');
  assert.deepEqual(others, [], complaints);
  return line;
}

describe('the order service of the examples, when it cannot start, ends with a line that says', () => {
  it('which variable is wrong', async () => {
    const line = await complaint({ OUTBOX_RETENTION_SECONDS: 'abc' });
    assert.equal(line, 'OUTBOX_RETENTION_SECONDS="abc": use a whole number from 0 to 999999999');
  });

  it('that PostgreSQL is not there', async () => {
    const line = await complaint({ POSTGRES_URL: 'postgres://postgres:secret@localhost:1/postgres' });
    assert.match(line, /^POSTGRES_URL: PostgreSQL cannot be used \(.*connect ECONNREFUSED 127\.0\.0\.1:1.*\)$/);
    assert.doesNotMatch(line, /secret/);
  });

  it('that its port is taken', async () => {
    const database = await testDatabase();
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    try {
      const { port } = holder.address() as AddressInfo;
      const line = await complaint({ POSTGRES_URL: database.url, PORT: String(port) });
      assert.equal(
        line,
        `HOST=127.0.0.1, PORT=${port}: cannot be listened on (listen EADDRINUSE: address already in use 127.0.0.1:${port})`,
      );
    } finally {
      holder.close();
      await database.remove();
    }
  });
});

import { randomBytes } from 'node:crypto';
import { Client, Pool } from 'pg';
import { OUTBOX_DDL } from '../../src/outbox/index.ts';

const SERVER_URL = process.env['POSTGRES_URL'] ?? 'postgres://postgres@127.0.0.1:5439/postgres';

/** A schema of the test's own, in a database that the tests share: to make one takes a fraction of the time. */
export interface TestDatabase {
  readonly url: string;
  readonly pool: Pool;
  /** Ends every connection to it but that of the asker, as a restart of PostgreSQL would. */
  cutConnections(): Promise<void>;
  /** Drops it. */
  remove(): Promise<void>;
}

/** With the outbox's tables in it. */
export async function testDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(5).toString('hex')}`;
  await onServer(`CREATE SCHEMA ${name}`);
  const url = new URL(SERVER_URL);
  url.searchParams.set('options', `-c search_path=${name}`);
  url.searchParams.set('application_name', name);
  const pool = new Pool({ connectionString: url.href });
  // Of connections that are idle: whoever uses one is told of its end by what it does.
  pool.on('error', () => undefined);
  await pool.query(OUTBOX_DDL);
  return {
    url: url.href,
    pool,
    cutConnections: () =>
      onServer(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '${name}'`),
    async remove() {
      await pool.end();
      await onServer(`DROP SCHEMA ${name} CASCADE`);
    },
  };
}

async function onServer(statement: string): Promise<void> {
  const client = new Client({ connectionString: SERVER_URL });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

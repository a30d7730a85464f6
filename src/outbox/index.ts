/**
 * A transactional outbox in PostgreSQL for what publishes order events: the table, appending to it in the order's own transaction, and
 * the relay that publishes. It imports nothing; bring `pg`, and a client of your broker.
 */
export { OUTBOX_CHANNEL, OUTBOX_DDL } from './schema.ts';
export { appendEvent, pruneOutbox } from './events.ts';
export type { NewEvent, OutboxEvent } from './events.ts';
export { Relay } from './relay.ts';
export type { RelayOptions, RelayStep } from './relay.ts';
export type { ConnectionPool, PooledConnection, SqlConnection } from './database.ts';

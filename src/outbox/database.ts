/** What is used of a connection to PostgreSQL; a client of `pg` is one. */
export interface SqlConnection {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: readonly Record<string, unknown>[] }>;
}

/** A connection that is given back; a `PoolClient` of `pg` is one. */
export interface PooledConnection extends SqlConnection {
  on(event: 'notification' | 'end', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
  /** With true it is closed rather than used again. */
  release(destroy?: boolean): void;
}

/** A `Pool` of `pg` is one. */
export interface ConnectionPool {
  connect(): Promise<PooledConnection>;
}

import { Client } from '@elastic/elasticsearch';
import { WholeAnswerConnection } from './connection.ts';

export interface ConnectionOptions {
  readonly nodes: readonly string[];
  readonly auth?: { readonly apiKey: string } | { readonly username: string; readonly password: string };
  /** PEM of the certificate authority that signed the servers' certificates. */
  readonly caPem?: string;
  readonly requestTimeoutMs: number;
}

/**
 * The client, without retries of its own: a repeat is its caller's decision, which knows whether the first attempt may have
 * been carried out. Reads ask for one retry by {@link READ}.
 */
export function createClient({ nodes, auth, caPem, requestTimeoutMs }: ConnectionOptions): Client {
  return new Client({
    Connection: WholeAnswerConnection,
    nodes: [...nodes],
    ...(auth && { auth: { ...auth } }),
    ...(caPem !== undefined && { tls: { ca: caPem } }),
    requestTimeout: requestTimeoutMs,
    maxRetries: 0,
    name: 'order-search',
  });
}

const RETRY_AFTER_SECONDS = 0.05;

/** For reads: another attempt (at the next node) after a lost connection or 502/503/504. */
export const READ = { maxRetries: 1, retryBackoff: () => RETRY_AFTER_SECONDS };

/** What the server is given for a request, so that it gives up before the client does and can say why. */
export function serverTimeout(requestTimeoutMs: number): string {
  return `${Math.max(1, Math.floor(requestTimeoutMs * 0.8))}ms`;
}

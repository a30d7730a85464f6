import { SHARED_SERVICES } from '../../test/support/test-backend.ts';

const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** A bench puts as much load on what it is pointed at as there can be. @throws Error where that is another machine */
export function requireLoopback(): void {
  const { amqpUrl, elasticsearchUrl } = SHARED_SERVICES;
  for (const { hostname } of [new URL(amqpUrl), new URL(elasticsearchUrl)])
    if (!LOOPBACK.has(hostname)) throw new Error(`${hostname} is not this machine`);
}

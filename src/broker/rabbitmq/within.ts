import { BrokerUnavailableError } from '../port.ts';

/**
 * The promise's outcome, or a {@link BrokerUnavailableError} after `timeoutMs`: amqplib's calls wait without limit, for as long as a
 * half-open connection is not noticed. What comes later is ignored.
 */
export async function within<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  const { promise: expired, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new BrokerUnavailableError(`${what}: RabbitMQ did not answer within ${timeoutMs} ms`));
  }, timeoutMs);
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}

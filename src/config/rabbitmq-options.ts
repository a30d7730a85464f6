import type { Config } from '../config.ts';

type BrokerConfig = Pick<Config, 'prefix' | 'exchange' | 'bindingKeys' | 'projector' | 'history'>;

/** What the configuration says of RabbitMQ, for the service and the command line alike: both must declare the same. */
export function rabbitMqOptions(
  { prefix, exchange, bindingKeys, projector, history }: BrokerConfig,
  urls: readonly string[],
  caPem: string | undefined,
) {
  return {
    ...{ urls, prefix, exchange, bindingKeys },
    ...(caPem !== undefined && { caPem }),
    singleActiveConsumer: projector.singleActiveConsumer,
    deliveryLimit: projector.deliveryLimit,
    historyMaxAge: history.maxAge,
    ...(history.maxBytes !== undefined && { historyMaxBytes: history.maxBytes }),
  };
}

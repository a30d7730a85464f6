import { amqpAddress, amqpUrlVia } from '../../test/support/amqp-broker.ts';
import { startTcpProxy, type TcpTap } from '../../test/support/tcp-proxy.ts';
import type { Environment } from '../../test/support/running-service.ts';
import { probeScanner, type Probe } from './probes.ts';

/** Between a service and what it works with: they note when probes come by. */
export interface Taps {
  /** What has the service go through them. */
  readonly environment: Environment;
  close(): Promise<void>;
}

const BULK = 'POST /_bulk';

/** @param probes by id; those that are to be watched from now on */
export async function startTaps(elasticsearchUrl: string, probes: ReadonlyMap<string, Probe>): Promise<Taps> {
  const toRabbitMq = await startTcpProxy(amqpAddress(), () => receivedTap(probes));
  const { hostname: host, port } = new URL(elasticsearchUrl);
  const toElasticsearch = await startTcpProxy({ host, port: Number(port) }, () => writtenTap(probes));
  const environment = {
    AMQP_URL: amqpUrlVia(toRabbitMq),
    ELASTICSEARCH_URL: `http://${toElasticsearch.host}:${toElasticsearch.port}`,
  };
  return {
    environment,
    close: async () => {
      await Promise.all([toRabbitMq.close(), toElasticsearch.close()]);
    },
  };
}

/** Deliveries: an event's id is in the properties and in the body. */
function receivedTap(probes: ReadonlyMap<string, Probe>): TcpTap {
  const scan = probeScanner((id) => {
    const probe = probes.get(id);
    if (probe) probe.receivedAt ??= performance.now();
  });
  return { received: scan };
}

/**
 * Bulk requests: an order's document has the ids of its events. On a connection a request follows only when the one before is answered
 * (HTTP/1.1 without pipelining), and a bulk is answered when it is durable. Later documents of the order have the id too: the first counts.
 */
function writtenTap(probes: ReadonlyMap<string, Probe>): TcpTap {
  let asked: { readonly ids: Set<string>; readonly scan: ((bytes: Buffer) => void) | undefined } | undefined;
  const begin = (bytes: Buffer) => {
    const ids = new Set<string>();
    const isBulk = bytes.toString('latin1', 0, BULK.length) === BULK;
    return { ids, scan: isBulk ? probeScanner((id) => ids.add(id)) : undefined };
  };
  return {
    sent(bytes) {
      asked ??= begin(bytes);
      asked.scan?.(bytes);
    },
    received() {
      const now = performance.now();
      for (const id of asked?.ids ?? []) {
        const probe = probes.get(id);
        if (probe) probe.writtenAt ??= now;
      }
      asked = undefined;
    },
  };
}

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Takes what is exported over OTLP. */
export interface OtlpCollector {
  readonly url: string;
  readonly requests: readonly OtlpRequest[];
  close(): void;
}

export interface OtlpRequest {
  readonly path: string;
  readonly type: string | undefined;
  /** Protobuf as Latin-1: texts stand in it as they are. */
  readonly body: string;
}

export async function startCollector(): Promise<OtlpCollector> {
  const requests: OtlpRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('latin1');
      requests.push({ path: request.url ?? '', type: request.headers['content-type'], body });
      response.end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ELASTICSEARCH_URL } from './index-under-test.ts';

/** What becomes of a request on its way to the real Elasticsearch. */
export type Treatment =
  | 'forward'
  /** The connection is cut before anything is answered. */
  | 'reset'
  /** Elasticsearch carries it out, and the connection is cut instead of its answer. */
  | 'lose the answer'
  /** No answer, ever. */
  | 'hang'
  /** Answered in Elasticsearch's stead; carried out all the same where it says so. */
  | { readonly status: number; readonly body?: object; readonly carryOut?: true };

export interface SeenRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body: string;
}

export interface UnreliableElasticsearch {
  readonly url: string;
  /** Every request so far. */
  readonly seen: readonly SeenRequest[];
  intercept(treat: (request: SeenRequest) => Treatment): void;
  close(): Promise<void>;
}

/** The real Elasticsearch behind a proxy that lets requests go wrong. */
export async function unreliableElasticsearch(): Promise<UnreliableElasticsearch> {
  let treat: (request: SeenRequest) => Treatment = () => 'forward';
  const seen: SeenRequest[] = [];
  const server = createServer((incoming, answer) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.concat(chunks);
      const request = { method: incoming.method ?? '', path: incoming.url ?? '', body: body.toString() };
      seen.push(request);
      carryOut(treat(request), incoming, body, answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    intercept: (next) => (treat = next),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function carryOut(treatment: Treatment, incoming: IncomingMessage, body: Buffer, answer: ServerResponse): void {
  if (treatment === 'hang') return;
  if (treatment === 'reset') {
    answer.socket?.resetAndDestroy();
    return;
  }
  const answerInstead = ({ status, body: json }: Extract<Treatment, object>) => {
    answer.writeHead(status, { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' });
    answer.end(json ? JSON.stringify(json) : '');
  };
  if (typeof treatment === 'object' && !treatment.carryOut) {
    answerInstead(treatment);
    return;
  }
  const { method, headers, url = '' } = incoming;
  const forwarded = request(new URL(url, ELASTICSEARCH_URL), { method, headers, agent: false }, (reply) => {
    if (treatment === 'lose the answer') {
      reply.resume().on('end', () => answer.socket?.resetAndDestroy());
      return;
    }
    if (typeof treatment === 'object') {
      reply.resume().on('end', () => answerInstead(treatment));
      return;
    }
    answer.writeHead(reply.statusCode ?? 502, reply.headers);
    reply.pipe(answer);
  });
  forwarded.on('error', () => answer.socket?.resetAndDestroy());
  forwarded.end(body);
}

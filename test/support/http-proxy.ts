import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One operation of a bulk request, as Elasticsearch is sent it. */
export interface BulkItem {
  readonly action: string;
  /** The action's line and, where it has one, the document's. */
  readonly ndjson: string;
}

export interface Refusal {
  readonly status: number;
  readonly type: string;
  readonly reason: string;
}

/** What goes wrong with bulk requests; what is not told goes right. */
export interface BulkFaults {
  /** The whole request is answered so, and not carried out. */
  readonly refuseRequest?: () => Refusal | undefined;
  /** The item is answered so, and not carried out; the others are. */
  readonly refuseItem?: (item: BulkItem) => Refusal | undefined;
  /** The request is carried out, and the connection cut before its answer. */
  readonly loseAnswer?: () => boolean;
}

export const REJECTED: Refusal = {
  status: 429,
  type: 'es_rejected_execution_exception',
  reason: 'rejected execution of coordinating operation',
};
export const NOT_AVAILABLE: Refusal = { status: 503, type: 'unavailable_shards_exception', reason: 'primary missing' };

/** Stands in front of Elasticsearch and lets bulk requests fail as an overloaded cluster does; everything else goes through. */
export interface HttpProxy {
  readonly url: string;
  /** How often each fault has happened. */
  readonly counts: Readonly<Record<'requests' | 'items' | 'answers', number>>;
  fail(faults: BulkFaults): void;
  close(): Promise<void>;
}

export async function startHttpProxy(target: string): Promise<HttpProxy> {
  const upstream = new Upstream(target);
  const counts = { requests: 0, items: 0, answers: 0 };
  let faults: BulkFaults = {};
  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch((error: unknown) => outgoing.destroy(error as Error));
  });
  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const body = await bodyOf(incoming);
    if (incoming.url?.startsWith('/_bulk') !== true) {
      reply(outgoing, await upstream.send(incoming, body));
      return;
    }
    const refused = faults.refuseRequest?.();
    if (refused) {
      counts.requests += 1;
      reply(outgoing, refusalAnswer(refused));
      return;
    }
    const items = itemsOf(body.toString());
    const refusals = items.map((item) => faults.refuseItem?.(item));
    counts.items += refusals.filter((refusal) => refusal !== undefined).length;
    const answer = await upstream.bulk(incoming, items, refusals);
    if (faults.loseAnswer?.() === true) {
      counts.answers += 1;
      incoming.socket.resetAndDestroy();
    } else reply(outgoing, answer);
  };
  const listening = Promise.withResolvers<void>();
  server.once('error', listening.reject).listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    fail: (next) => (faults = next),
    async close() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      upstream.close();
      await closed.promise;
    },
  };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** By its product header the client knows Elasticsearch. */
const HEADERS = { 'content-type': 'application/json', 'x-elastic-product': 'Elasticsearch' };

class Upstream {
  readonly #target: string;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(target: string) {
    this.#target = target;
  }

  async send(incoming: IncomingMessage, body: Buffer): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const { 'transfer-encoding': _, ...headers } = incoming.headers;
    const options = {
      method: incoming.method ?? 'GET',
      headers: { ...headers, 'content-length': body.length },
      agent: this.#agent,
    };
    request(new URL(incoming.url ?? '/', this.#target), options, resolve)
      .once('error', reject)
      .end(body);
    const answer = await promise;
    return { status: answer.statusCode ?? 502, headers: answer.headers, body: await bodyOf(answer) };
  }

  /** Sends what is not refused, and puts both answers together in the order of the items. */
  async bulk(
    incoming: IncomingMessage,
    items: readonly BulkItem[],
    refusals: readonly (Refusal | undefined)[],
  ): Promise<Answer> {
    const passed = items.filter((_, index) => refusals[index] === undefined);
    if (passed.length === items.length) return await this.send(incoming, textOf(items));
    const answer = passed.length > 0 ? await this.send(incoming, textOf(passed)) : undefined;
    if (answer && answer.status >= 300) return answer;
    const done = answer ? (JSON.parse(answer.body.toString()) as { items: unknown[] }).items : [];
    const all = items.map(({ action }, index) => {
      const refusal = refusals[index];
      if (!refusal) return done.shift();
      const { status, type, reason } = refusal;
      return { [action]: { status, error: { type, reason } } };
    });
    const body = Buffer.from(JSON.stringify({ took: 1, errors: true, items: all }));
    return { status: 200, headers: HEADERS, body };
  }

  close(): void {
    this.#agent.destroy();
  }
}

function itemsOf(text: string): BulkItem[] {
  const lines = text.split('\n').filter((line) => line !== '');
  const items: BulkItem[] = [];
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    const [action = ''] = Object.keys(JSON.parse(line) as object);
    if (action === 'delete') items.push({ action, ndjson: `${line}\n` });
    else items.push({ action, ndjson: `${line}\n${lines[(at += 1)] ?? ''}\n` });
  }
  return items;
}

function textOf(items: readonly BulkItem[]): Buffer {
  return Buffer.from(items.map(({ ndjson }) => ndjson).join(''));
}

function refusalAnswer({ status, type, reason }: Refusal): Answer {
  return { status, headers: HEADERS, body: Buffer.from(JSON.stringify({ status, error: { type, reason } })) };
}

function reply(outgoing: ServerResponse, { status, headers: received, body }: Answer): void {
  const { 'transfer-encoding': _, connection: __, ...headers } = received;
  outgoing.writeHead(status, { ...headers, 'content-length': body.length }).end(body);
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

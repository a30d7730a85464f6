import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { Pool } from 'pg';
import express, { type Response } from 'express';
import { orderServiceApp, writeLines } from '../../../examples/order-service/http.ts';
import { steadily } from '../../support/eventually.ts';
import { placedData } from '../../support/order-service.ts';

interface Answer {
  readonly status: number;
  readonly body: { readonly errors?: readonly { readonly path: string[]; readonly message: string }[] };
}

describe('the order service of the examples', () => {
  let server: Server;
  /** Asked for nothing: it is refused before. */
  let pool: Pool;

  beforeEach(async () => {
    pool = new Pool({ host: '127.0.0.1', port: 1 });
    server = orderServiceApp(pool).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(async () => {
    server.close();
    server.closeAllConnections();
    await pool.end();
  });

  async function ask(
    method: string,
    path: string,
    body?: object,
    headers = { 'Content-Type': 'application/json' },
  ): Promise<Answer> {
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  }

  async function assertRefused(field: string, method: string, path: string, body?: object): Promise<void> {
    const { status, body: said } = await ask(method, path, body);
    assert.equal(status, 400, `${method} ${path}: ${JSON.stringify(said)}`);
    assert.deepEqual(
      said.errors?.map((issue) => issue.path.join('.')),
      [field],
    );
  }

  it('refuses a currency that is none', async () => {
    for (const currency of ['XXY', 'eur', '']) {
      await assertRefused('currency', 'PUT', '/orders/A-1', { ...placedData(), currency });
      await assertRefused('patch.currency', 'POST', '/orders/A-1/corrections', { patch: { currency }, reason: 'x' });
    }
  });

  it('refuses an id that the search would not take', async () => {
    for (const id of ['x'.repeat(513), encodeURIComponent('ä'.repeat(257)), 'A%00']) {
      await assertRefused('id', 'PUT', `/orders/${id}`, placedData());
      await assertRefused('id', 'POST', `/orders/${id}/payments`, { amountCents: 1 });
      await assertRefused('id', 'DELETE', `/orders/${id}`, {});
      await assertRefused('id', 'GET', `/orders/${id}`);
    }
  });

  it('refuses text that PostgreSQL cannot keep, and names the field', async () => {
    for (const text of ['a\0', '\ud800', '😀\udc00']) {
      await assertRefused('customer.name', 'PUT', '/orders/A-1', placedData(text));
      await assertRefused('tags.0', 'PUT', '/orders/A-1', { ...placedData(), tags: [text] });
      await assertRefused('refundId', 'POST', '/orders/A-1/refunds', { refundId: text, amountCents: 1 });
      await assertRefused('reason', 'DELETE', '/orders/A-1', { reason: text });
    }
  });

  it('refuses a path and a body that cannot be read', async () => {
    for (const path of ['/orders/%', '/orders/%ED%A0%80', '/orders/%zz']) {
      const { status, body } = await ask('PUT', path, placedData());
      assert.deepEqual([status, body], [400, { title: 'Invalid', detail: 'the path is not percent-encoded UTF-8' }]);
    }
    assert.equal((await ask('PUT', '/orders/A-1', 'no object' as unknown as object)).status, 400);
  });

  it('refuses a body that is longer than it reads, or encoded as it cannot read', async () => {
    assert.equal((await ask('PUT', '/orders/A-1', placedData('x'.repeat(1024 * 1024)))).status, 413);
    const headers = { 'Content-Type': 'application/json; charset=utf-16x' };
    assert.equal((await ask('PUT', '/orders/A-1', placedData(), headers)).status, 415);
  });
});

describe('the snapshots of the order service of the examples', () => {
  it('wait for a client that takes none, until it hangs up', async () => {
    const ended = Promise.withResolvers<undefined>();
    async function* endless() {
      try {
        for (;;) yield await Promise.resolve({ body: Buffer.alloc(65_536, 'x') });
      } finally {
        ended.resolve(undefined);
      }
    }
    const answering = Promise.withResolvers<Response>();
    const answer = (response: Response) => {
      answering.resolve(response);
      return writeLines(endless(), response);
    };
    const server = express()
      .get('/', (_request, response, next) => void answer(response).catch(next))
      .listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.write('GET / HTTP/1.1\r\nHost: shop\r\n\r\n');
    const response = await answering.promise;
    await steadily(() => assert.ok(response.writableNeedDrain), 20_000);
    client.destroy();
    await ended.promise;
    server.close();
  });
});

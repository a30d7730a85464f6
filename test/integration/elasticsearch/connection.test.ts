import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { errors } from '@elastic/elasticsearch';
import type { Client } from '@elastic/elasticsearch';
import { createClient } from '../../../src/order-index/elasticsearch/client.ts';
import { eventually } from '../../support/eventually.ts';

const BODY = JSON.stringify({ count: 3, said: 'Müller, 東京, 👩‍👩' });

describe('the connection to Elasticsearch', () => {
  let server: Server;
  let client: Client;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;

  beforeEach(async () => {
    server = createServer((request, response) => {
      response.setHeader('x-elastic-product', 'Elasticsearch');
      response.setHeader('content-type', 'application/vnd.elasticsearch+json;compatible-with=9');
      answer(request, response);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    client = createClient({ nodes: [`http://127.0.0.1:${port}/behind/a-proxy/`], requestTimeoutMs: 10_000 });
  });

  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await client.close();
  });

  describe('when an answer comes in pieces, one of which ends within a letter', () => {
    it('hands it on whole', async () => {
      const bytes = Buffer.from(BODY);
      const withinLetter = bytes.indexOf('ü') + 1;
      answer = (_request, response) => {
        response.write(bytes.subarray(0, withinLetter), () => response.end(bytes.subarray(withinLetter)));
      };
      assert.deepEqual(await client.count({ index: 'orders' }), JSON.parse(BODY));
    });
  });

  describe('when an answer is compressed', () => {
    it('hands it on as it was before', async () => {
      answer = (_request, response) => response.setHeader('content-encoding', 'gzip').end(gzipSync(BODY));
      assert.deepEqual(await client.count({ index: 'orders' }), JSON.parse(BODY));
    });
  });

  describe('when the node is behind a path', () => {
    it('asks there, with the parameters of the request', async () => {
      let url: string | undefined;
      answer = (request, response) => {
        ({ url } = request);
        response.end(BODY);
      };
      await client.count({ index: 'orders', allow_no_indices: false });
      assert.equal(url, '/behind/a-proxy/orders/_count?allow_no_indices=false');
    });
  });

  describe('when the connection is lost in the middle of an answer', () => {
    it('fails as a lost connection', async () => {
      answer = (_request, response) => {
        response.setHeader('content-length', '1000');
        response.write('{', () => response.destroy());
      };
      await assert.rejects(client.count({ index: 'orders' }), errors.ConnectionError);
    });
  });

  describe('when a request has a time of its own', () => {
    it('gives it up then, and tells the server', async () => {
      let isHungUp = false;
      answer = (_request, response) => {
        response.once('close', () => (isHungUp = true));
      };
      await assert.rejects(client.count({ index: 'orders' }, { requestTimeout: 50 }), errors.TimeoutError);
      await eventually(() => {
        assert.ok(isHungUp);
        return Promise.resolve();
      });
    });
  });

  describe('when nobody waits for an answer any more of which a part has come', () => {
    it('gives it up, and tells the server', async () => {
      const hanging = new AbortController();
      let isHungUp = false;
      answer = (_request, response) => {
        response.once('close', () => (isHungUp = true));
        response.write('{', () => hanging.abort());
      };
      await assert.rejects(client.count({ index: 'orders' }, { signal: hanging.signal }), errors.RequestAbortedError);
      await eventually(() => {
        assert.ok(isHungUp);
        return Promise.resolve();
      });
    });
  });

  describe('when nobody waits for it any more while it waits for a connection', () => {
    it('is not asked', async () => {
      const asked: (string | undefined)[] = [];
      answer = ({ url }, response) => {
        asked.push(url);
        response.end(BODY);
      };
      const hanging = new AbortController();
      const counted = client.count({ index: 'orders' }, { signal: hanging.signal });
      hanging.abort();
      await assert.rejects(counted, errors.RequestAbortedError);
      await client.count({ index: 'others' });
      assert.deepEqual(asked, ['/behind/a-proxy/others/_count']);
    });
  });

  describe('when an answer is wanted as a stream', () => {
    it('streams it', async () => {
      answer = (_request, response) => response.end(BODY);
      const stream = (await client.count({ index: 'orders' }, { asStream: true })) as unknown as AsyncIterable<Buffer>;
      const parts: Buffer[] = [];
      for await (const part of stream) parts.push(part);
      assert.equal(Buffer.concat(parts).toString(), BODY);
    });
  });
});

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import express from 'express';
import { sendEvents, type ServerSentEvent } from '../../../src/http/event-stream.ts';
import { eventually } from '../../support/eventually.ts';
import { withServer } from './running-app.ts';

/** Of a client that takes something now and then it must be longer than a busy machine lets it wait. */
const KEEP_ALIVE_MS = 400;
/** More than fits into the buffers between them, and than is taken within five keep-alives. */
const MUCH = 5_000_000;

describe('a stream of events', () => {
  let isOver: boolean;
  async function* endless(): AsyncGenerator<ServerSentEvent> {
    try {
      for (let id = 1; ; id++)
        yield await Promise.resolve({ event: 'much', id: String(id), data: 'x'.repeat(100_000) });
    } finally {
      isOver = true;
    }
  }

  const app = () =>
    express().get('/events', (_request, response, next) => {
      sendEvents(response, { source: endless(), keepAliveMs: KEEP_ALIVE_MS }).catch(next);
    });

  it('is cut off from a client that takes nothing of it, which would keep its place for ever', async () => {
    isOver = false;
    await withServer(app(), async (_, port) => {
      const client = connect(port, '127.0.0.1').on('error', () => undefined);
      client.pause().write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await eventually(() => assert.ok(isOver), 20_000);
      client.destroy();
    });
  });

  it('goes on for one that is slow', async () => {
    isOver = false;
    await withServer(app(), async (_, port) => {
      const client = connect(port, '127.0.0.1');
      let bytes = 0;
      client.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        client.pause();
        setTimeout(() => client.resume(), KEEP_ALIVE_MS / 10);
      });
      client.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await eventually(() => assert.ok(bytes > MUCH, `${bytes} bytes`), 40_000);
      assert.equal(isOver, false);
      client.destroy();
      await eventually(() => assert.ok(isOver));
    });
  });
});

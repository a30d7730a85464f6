import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, get as httpGet } from 'node:http';
import { connect } from 'node:net';
import express from 'express';
import { listen } from '../../../src/http/server.ts';

const LOCAL = { host: '127.0.0.1', port: 0 };
const LONG_MS = 60_000;

/** An app whose only answer waits until it is let go. */
function slowApp() {
  const [released, begun] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
  const app = express();
  app.get('/', async (_request, response) => {
    begun.resolve(undefined);
    await released.promise;
    response.send('done');
  });
  return { app, release: released.resolve, inFlight: begun.promise };
}

describe('listen', () => {
  describe('when the port is taken', () => {
    it('rejects, and names PORT and the remedy', async () => {
      const server = await listen(express(), LOCAL);
      const { port } = server;
      try {
        await assert.rejects(listen(express(), { host: '127.0.0.1', port }), {
          code: 'ADDRESS_UNUSABLE',
          message: `PORT=${port}: is taken (listen EADDRINUSE: address already in use 127.0.0.1:${port}); choose another one, or 0 for any that is free`,
        });
      } finally {
        await server.close(0);
      }
    });
  });

  describe('when the host is none of this machine', () => {
    it('rejects, and names HOST and the remedy', async () => {
      // No machine has an address of TEST-NET-1 (RFC 5737), and a link-local one is none without its interface.
      for (const host of ['999.1.1.1', '192.0.2.1', 'fe80::1']) {
        await assert.rejects(listen(express(), { host, port: 0 }), (error: Error & { code: string }) => {
          assert.equal(error.code, 'ADDRESS_UNUSABLE');
          const named = `HOST="${host}": cannot be listened on (`;
          assert.ok(error.message.startsWith(named), error.message);
          assert.match(error.message, /\); use an address of this machine, such as 127\.0\.0\.1 or 0\.0\.0\.0$/);
          return true;
        });
      }
    });
  });

  describe('when it is closed with a request in flight', () => {
    it('lets it finish, accepts no more, and leaves no kept connection', async () => {
      const { app, release, inFlight } = slowApp();
      const server = await listen(app, LOCAL);
      const agent = new Agent({ keepAlive: true });
      const answered = new Promise<number | undefined>((resolve, reject) => {
        httpGet({ port: server.port, host: '127.0.0.1', agent }, (response) => {
          response.resume();
          response.once('end', () => resolve(response.statusCode));
        }).once('error', reject);
      });
      await inFlight;
      const closed = server.close(LONG_MS);
      await assert.rejects(fetch(`http://127.0.0.1:${server.port}/`));
      release(undefined);
      assert.equal(await answered, 200);
      await closed;
      agent.destroy();
    });
  });

  describe('when a connection was opened in advance', () => {
    it('closes at once', async () => {
      const server = await listen(express(), LOCAL);
      const socket = connect(server.port, '127.0.0.1');
      await once(socket, 'connect');
      // The server has seen the connection once it has answered a later one.
      await (await fetch(`http://127.0.0.1:${server.port}/`)).text();
      const ended = once(socket.resume(), 'end');
      await server.close(LONG_MS);
      await ended;
    });
  });

  describe('when a request does not finish within the grace', () => {
    it('cuts it', async () => {
      const { app, inFlight } = slowApp();
      const server = await listen(app, LOCAL);
      const cut = assert.rejects(fetch(`http://127.0.0.1:${server.port}/`));
      await inFlight;
      await server.close(10);
      await cut;
    });
  });
});

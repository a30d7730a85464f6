import assert from 'node:assert/strict';
import { connect } from 'node:net';
import express from 'express';
import type { RebuildOperations, RebuildView } from '../../../src/http/dependencies.ts';
import { rebuildAnswer } from '../../../src/http/rebuild-answers.ts';
import type { ProgressPace } from '../../../src/http/rebuild-progress.ts';
import { routeNotFound, problemHandler } from '../../../src/http/problem-details.ts';
import { mountRoutes } from '../../../src/http/route.ts';
import { rebuildRoutes } from '../../../src/http/routes/rebuilds.ts';
import { listen } from '../../../src/http/server.ts';
import type { HttpServer } from '../../../src/http/server.ts';
import { createLogger } from '../../../src/observability/logging.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { eventually, steadily } from '../../support/eventually.ts';
import { rebuildView } from './rebuild-views.ts';

const PACE: ProgressPace = { pollMs: 5, keepAliveMs: 60_000, maxStreams: 2 };
const DONE = rebuildView({ state: 'DONE', processed: 1_000, finishedAt: '2026-03-01T10:01:00.000Z' });

interface Frame {
  readonly event: string;
  readonly id: string;
  readonly rebuild: RebuildView;
}

/** A stream that is being read. */
interface Following {
  readonly status: number;
  readonly headers: Headers;
  /** Everything that has come so far. */
  text(): string;
  frames(): readonly Frame[];
  /** Resolves when the service has ended it. */
  readonly ended: Promise<void>;
  readonly hangUp: () => void;
}

function framesOf(text: string): Frame[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .filter((block) => block.startsWith('event: '))
    .map((block) => {
      const [, event = '', id = '', data = ''] =
        /^event: (.*)\nid: (.*)\ndata: (.*)$/.exec(block) ?? assert.fail(block);
      return { event, id, rebuild: rebuildAnswer.parse(JSON.parse(data)) };
    });
}

async function follow(port: number, headers: Record<string, string> = {}): Promise<Following> {
  const controller = new AbortController();
  const url = `http://127.0.0.1:${port}/admin/rebuilds/r-1/progress`;
  const response = await fetch(url, { headers, signal: controller.signal });
  let text = '';
  const read = async () => {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) text += chunk;
  };
  const ended = read();
  // Hung up on purpose: a test that waits for the end sees the rejection all the same.
  ended.catch(() => undefined);
  const { status, headers: answered } = response;
  return {
    ...{ status, headers: answered, ended },
    text: () => text,
    frames: () => framesOf(text),
    hangUp: () => controller.abort(),
  };
}

describe('GET /admin/rebuilds/{id}/progress', () => {
  let server: HttpServer;
  let rebuild: RebuildView | undefined;
  let looks: number;
  let look: () => Promise<RebuildView | undefined>;

  beforeEach(() => {
    rebuild = rebuildView();
    looks = 0;
    look = () => Promise.resolve(rebuild);
  });
  afterEach(() => server.close(0));

  async function start(changes: Partial<ProgressPace> = {}, expiresAt?: number): Promise<number> {
    const never = () => assert.fail('not asked for');
    const get = () => {
      looks += 1;
      return look();
    };
    const rebuilds: RebuildOperations = { projections: [], start: never, list: never, get, change: never };
    const app = express();
    const caller = { role: 'admin', sub: 'a' } as const;
    const admin = () => Promise.resolve({ kind: 'caller', caller, ...(expiresAt && { expiresAt }) } as const);
    mountRoutes(app, rebuildRoutes({ rebuilds }, { ...PACE, ...changes }), admin);
    app.use(routeNotFound, problemHandler(createLogger('silent')));
    server = await listen(app, { host: '127.0.0.1', port: 0 });
    return server.port;
  }

  const told = (following: Following) => following.frames().map(({ event, rebuild: r }) => [event, r.processed]);

  describe('when the rebuild moves', () => {
    it('tells where it is at once, then each change once, and ends after the final state', async () => {
      const following = await follow(await start());
      await eventually(() => assert.equal(following.frames().length, 1));
      const before = looks;
      await eventually(() => assert.ok(looks > before + 3));
      rebuild = rebuildView({ processed: 500 });
      await eventually(() => assert.equal(following.frames().length, 2));
      rebuild = DONE;
      await following.ended;
      assert.deepEqual(told(following), [
        ['progress', 420],
        ['progress', 500],
        ['progress', 1_000],
        ['end', 1_000],
      ]);
      assert.deepEqual(
        following.frames().map(({ id }) => id),
        ['1', '2', '3', '4'],
      );
      assert.deepEqual(following.frames().at(-1)?.rebuild, DONE);
    });

    it('tells proxies to pass it on as it comes', async () => {
      const { status, headers, hangUp } = await follow(await start());
      assert.equal(status, 200);
      assert.equal(headers.get('content-type'), 'text/event-stream');
      assert.equal(headers.get('cache-control'), 'no-store, no-transform');
      assert.equal(headers.get('x-accel-buffering'), 'no');
      assert.equal(headers.get('content-encoding'), null);
      hangUp();
    });
  });

  describe('when the token expires that it was asked for with', () => {
    const TOKEN_MS = 100;

    it('ends, though the rebuild goes on and nothing changes', async () => {
      const expiresAt = Date.now() + TOKEN_MS;
      const following = await follow(await start({ keepAliveMs: 10 }, expiresAt));
      await following.ended;
      assert.ok(Date.now() >= expiresAt);
      assert.deepEqual(told(following), [['progress', 420]]);
    });

    it('cuts off who takes nothing, so that the next one may follow', async () => {
      look = () => Promise.resolve(rebuildView({ error: `${looks} ${'x'.repeat(1_000_000)}` }));
      const port = await start({ keepAliveMs: 10, maxStreams: 1 }, Date.now() + 5 * TOKEN_MS);
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      socket.pause().write('GET /admin/rebuilds/r-1/progress HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await eventually(() => assert.ok(looks > 1));
      await eventually(async () => {
        const { status, hangUp } = await follow(port);
        hangUp();
        assert.equal(status, 200);
      });
      socket.destroy();
    });

    it('tells nothing more of one that changes all the time', async () => {
      look = () => Promise.resolve(rebuildView({ processed: looks }));
      const expiresAt = Date.now() + TOKEN_MS;
      const following = await follow(await start({}, expiresAt));
      await following.ended;
      assert.ok(Date.now() >= expiresAt);
      assert.ok(following.frames().every(({ event }) => event === 'progress'));
      const asked = looks;
      await steadily(() => assert.equal(looks, asked), 5_000);
    });
  });

  describe('when nothing changes', () => {
    it('sends comments, so that nobody cuts the connection', async () => {
      const following = await follow(await start({ keepAliveMs: 10 }));
      await eventually(() => assert.ok(following.text().split('\n: still here\n').length > 3, following.text()));
      assert.equal(following.frames().length, 1);
      following.hangUp();
    });
  });

  describe('when the rebuild is over, or comes to be no longer kept', () => {
    it('tells its last state and ends, to one who comes back as well', async () => {
      rebuild = DONE;
      const port = await start();
      for (const headers of [{}, { 'Last-Event-ID': '2' }, { 'Last-Event-ID': 'nonsense' }]) {
        const following = await follow(port, headers);
        await following.ended;
        assert.deepEqual(told(following), [
          ['progress', 1_000],
          ['end', 1_000],
        ]);
      }
    });

    it('ends with what it knew last', async () => {
      const following = await follow(await start());
      await eventually(() => assert.equal(following.frames().length, 1));
      rebuild = undefined;
      await following.ended;
      assert.deepEqual(told(following), [
        ['progress', 420],
        ['end', 420],
      ]);
    });

    it('answers 404 where there is none', async () => {
      rebuild = undefined;
      assert.equal((await follow(await start())).status, 404);
    });
  });

  describe('when the index goes away meanwhile', () => {
    it('waits, and goes on when it is back', async () => {
      const following = await follow(await start());
      await eventually(() => assert.equal(following.frames().length, 1));
      look = () => Promise.reject(new IndexUnavailableError('away'));
      const before = looks;
      await eventually(() => assert.ok(looks > before + 3));
      look = () => Promise.resolve(DONE);
      await following.ended;
      assert.deepEqual(told(following), [
        ['progress', 420],
        ['progress', 1_000],
        ['end', 1_000],
      ]);
    });
  });

  describe('when the client hangs up', () => {
    it('looks no further', async () => {
      const following = await follow(await start());
      const before = looks;
      await eventually(() => assert.ok(looks > before + 3));
      following.hangUp();
      let last = looks;
      await steadily(() => {
        const [known, now] = [last, looks];
        last = now;
        assert.equal(now, known);
      }, 5_000);
    });
  });

  describe('when too many follow', () => {
    it('refuses another one with 503 until one hangs up', async () => {
      const port = await start();
      const [first, second, third] = [await follow(port), await follow(port), await follow(port)];
      assert.deepEqual([first.status, second.status, third.status], [200, 200, 503]);
      assert.equal(third.headers.get('retry-after'), '10');
      await third.ended;
      assert.match(third.text(), /ask for GET \/admin\/rebuilds\/r-1 instead/);
      first.hangUp();
      const fourth = await eventually(async () => {
        const following = await follow(port);
        assert.equal(following.status, 200);
        return following;
      });
      for (const { hangUp } of [second, fourth]) hangUp();
    });

    it('counts nobody who has seen the end', async () => {
      const port = await start();
      rebuild = DONE;
      for (let round = 0; round < 5; round += 1) {
        // A place is free again once the service has seen the answer go.
        await eventually(async () => {
          const following = await follow(port);
          await following.ended;
          assert.equal(following.status, 200);
        });
      }
    });
  });

  describe('when only the headers are asked for', () => {
    it('answers with them, and takes the next request of the connection', async () => {
      const socket = connect(await start(), '127.0.0.1');
      let answered = '';
      socket.setEncoding('utf-8').on('data', (text: string) => (answered += text));
      for (let count = 1; count <= 3; count += 1) {
        socket.write('HEAD /admin/rebuilds/r-1/progress HTTP/1.1\r\nHost: localhost\r\n\r\n');
        await eventually(() => assert.equal(answered.match(/^HTTP\/1\.1 200 OK\r$/gm)?.length, count));
      }
      socket.destroy();
    });
  });

  describe('when the service stops', () => {
    it('ends the stream at once, and does not wait for it', async () => {
      const following = await follow(await start());
      await eventually(() => assert.equal(following.frames().length, 1));
      const begunMs = performance.now();
      await server.close(60_000);
      assert.ok(performance.now() - begunMs < 5_000);
      await following.ended;
      assert.deepEqual(told(following), [['progress', 420]]);
    });
  });
});

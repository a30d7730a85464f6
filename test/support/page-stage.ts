import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { createEmbeddedBroker } from '../../src/broker/embedded/index.ts';
import type { OutgoingEvent } from '../../src/broker/port.ts';
import { createLogger } from '../../src/observability/logging.ts';
import { outgoingOf, type CloudEvent } from '../../src/sample/cloud-event.ts';
import { openChromium } from './chromium.ts';
import { publishMessages } from './drain.ts';
import { startLoad, type LiveLoad } from './live-load.ts';
import { pageComplaints } from './page-complaints.ts';
import { startService, untilReady, type Environment, type RunningService } from './running-service.ts';
import { testBackend } from './test-backend.ts';
import { freePort } from './under-load.ts';

/** The service as a process of its own, and the way to events. */
export interface Shop {
  readonly name: string;
  readonly url: string;
  /** Resolves when the broker has them. */
  publish(messages: readonly OutgoingEvent[]): Promise<void>;
  /**
   * Lets events of further orders come in: on RabbitMQ some hundreds a second until it is stopped, embedded (where only the service itself
   * can be a producer) thousands that wait for it at its next start.
   */
  load(): Promise<Load>;
  /** Stops it and starts it with this in its environment too, at the same address: pages live through it. */
  restart(more: Environment): Promise<void>;
  remove(): Promise<void>;
}

export interface Load {
  /** Resolves with the number of orders that it brought. */
  stop(): Promise<number>;
}

/** As many as the service takes beside what it is asked, on any machine. */
const LOAD = { perSecond: 300, maxWaiting: 1_000 };
const BACKLOG_EVENTS = 6_000;

const SOON = { ROLLUP_INTERVAL_MS: '200', REFRESH_INTERVAL: '200ms', RATE_LIMIT_PER_MINUTE: '0' };

/** A service that is started anew at the same address. */
async function restartable(given: Environment) {
  let environment: Environment = { ...SOON, ...given, PORT: String(await freePort()) };
  let service: RunningService;
  const start = async () => {
    service = await startService(environment);
    await untilReady(service);
    return service;
  };
  const stop = () => service.stop();
  const { url } = await start();
  const restart = async (more: Environment) => {
    await stop();
    environment = { ...environment, ...more };
    await start();
  };
  return { url, start, stop, restart };
}

/** One process at a time has the folder: publishing is a stop and a start. */
async function embeddedShop(more: Environment): Promise<Shop> {
  const dataDir = await mkdtemp(join(tmpdir(), 'order-search-page-'));
  const service = await restartable({ ...more, DATA_DIR: dataDir });
  const shop: Shop = {
    name: 'embedded',
    url: service.url,
    async publish(messages) {
      await service.stop();
      const broker = createEmbeddedBroker({
        dataDir,
        prefix: 'orders',
        deliveryLimit: 50,
        log: createLogger('silent'),
      });
      await broker.open();
      await broker.publish(messages);
      await broker.close();
      await service.start();
    },
    async load() {
      const events = loadEvents();
      const backlog = Array.from({ length: BACKLOG_EVENTS }, () => events.next().value);
      await shop.publish(backlog.map(outgoingOf));
      return { stop: () => Promise.resolve(countOrders(backlog)) };
    },
    restart: service.restart,
    async remove() {
      await service.stop();
      await rm(dataDir, { recursive: true });
    },
  };
  return shop;
}

async function servicesShop(more: Environment): Promise<Shop> {
  const backend = await testBackend();
  const service = await restartable({ ...more, ...backend.environment });
  let running: LiveLoad | undefined;
  return {
    name: 'RabbitMQ and Elasticsearch',
    url: service.url,
    publish: (messages) => publishMessages(backend, messages),
    async load() {
      const load = await startLoad(backend, loadEvents(), LOAD);
      running = load;
      return {
        async stop() {
          running = undefined;
          return countOrders((await load.stop()).published);
        },
      };
    },
    restart: service.restart,
    async remove() {
      await running?.stop();
      await service.stop();
      await backend.remove();
    },
  };
}

/** One for each backend. */
export const SHOPS = [
  ['embedded', embeddedShop],
  ['RabbitMQ and Elasticsearch', servicesShop],
] as const;

/** Orders that are placed, paid and shipped, one after the other, without end. */
function* loadEvents(): Generator<CloudEvent, never> {
  for (let n = 0; ; n++) {
    const order = { orderId: `load-${n}`, name: 'Slate coaster', status: 'shipped' } as const;
    for (const { body } of orderEvents(order)) yield JSON.parse(String(body)) as CloudEvent;
  }
}

function countOrders(events: readonly CloudEvent[]): number {
  return new Set(events.map(({ subject }) => subject)).size;
}

/** What a browser says that is not the page's fault: the service was stopped, or is not ready yet. */
const EXPECTED = /net::ERR_CONNECTION|net::ERR_INCOMPLETE_CHUNKED|status of (503|409)/;

/**
 * One story for both backends, each with a service and a browser of its own; it must end without a complaint of the browser.
 * `more`: of the service's environment.
 */
export function tellForEachBackend(
  title: string,
  story: (page: Page, shop: Shop) => Promise<void>,
  more: Environment = {},
): void {
  for (const [name, open] of SHOPS) {
    it(`${title} (${name})`, async () => {
      const shop = await open(more);
      const browser = await openChromium();
      try {
        const page = await browser.context.newPage();
        const complaints = pageComplaints(page, EXPECTED);
        await story(page, shop);
        assert.deepEqual(complaints, []);
      } finally {
        await browser.close();
        await shop.remove();
      }
    });
  }
}

export interface ShopOrder {
  readonly orderId: string;
  readonly sellerId?: string;
  readonly name: string;
  readonly status: 'placed' | 'paid' | 'shipped';
}

/** An order of one thing for 25.00 EUR, placed a minute ago, with as many events as its status takes. */
export function orderEvents({ orderId, sellerId = 'page-seller', name, status }: ShopOrder): OutgoingEvent[] {
  const placed = {
    customer: { id: 'c-page', name: 'Ada Reader' },
    ...{ sellerId, currency: 'EUR', totalCents: 2_500, tags: ['page'] },
    items: [{ sku: 'PAGE-1', name, quantity: 1, unitPriceCents: 2_500 }],
  };
  const told: [string, object][] = [
    ['order.placed.v2', placed],
    ['order.payment_captured.v1', { amountCents: 2_500 }],
    ['order.shipped.v1', {}],
  ];
  const count = { placed: 1, paid: 2, shipped: 3 }[status];
  return told.slice(0, count).map(([type, data], at) => eventOf(orderId, at + 1, type, data));
}

/** By default a minute ago. */
export function eventOf(
  orderId: string,
  sequence: number,
  type: string,
  data: object,
  time = new Date(Date.now() - 60_000 + sequence * 1_000).toISOString(),
): OutgoingEvent {
  const id = `${orderId}-${sequence}`;
  const event = { specversion: '1.0', id, source: '/page-shop', type, subject: orderId, time, sequence, data };
  return { id, type, orderId, time, body: Buffer.from(JSON.stringify(event)) };
}

import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';

/** Someone who searches and looks orders up all the time, and never forgets what was there. */
export interface WatchfulReader {
  /**
   * Ends it. Orders that were erased meanwhile may have gone from sight; nothing else may.
   * @throws AssertionError naming what was wrong: a read that failed, an order that vanished or went back, fewer orders
   */
  stop(erased: ReadonlySet<string>): Promise<void>;
}

interface SearchAnswer {
  readonly total: number;
  readonly hits: readonly { readonly order: Seen }[];
}

interface Seen {
  readonly orderId: string;
  readonly version: number;
}

/** How many fewer orders a search found than one before it. */
interface Loss {
  readonly lost: number;
  readonly path: string;
}

const SEARCHES = ['sort=-placedAt', 'sort=placedAt', 'q=lantern', 'size=1', 'status=paid', 'sort=-totalCents', 'q=tea'];
/** Those that find every order. */
const OF_ALL = /^(sort|size)=/;
const MOST_NAMED = 10;
/** People read slower than programs can. */
const PAUSE_MS = 20;

/**
 * Two of them read at once through one service, each in its own pace. A read must show of each order no less than was known when it was
 * sent; what came meanwhile it may show or not.
 */
export function watchReads(url: string): WatchfulReader {
  const reading = new Reading(url);
  const stopping = new AbortController();
  const ended = Promise.all([
    reading.untilStopped(() => reading.search(), stopping.signal),
    reading.untilStopped(() => reading.get(), stopping.signal),
  ]);
  return {
    async stop(erased) {
      stopping.abort();
      await ended;
      reading.judge(erased);
    },
  };
}

class Reading {
  readonly #url: string;
  readonly #highest = new Map<string, number>();
  readonly #vanished = new Set<string>();
  readonly #losses: Loss[] = [];
  readonly #wrong: string[] = [];
  #most = 0;
  #searches = 0;
  #gets = 0;

  constructor(url: string) {
    this.#url = url;
  }

  async untilStopped(read: () => Promise<void>, stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted) {
      try {
        await read();
      } catch (error) {
        this.#wrong.push((error as Error).message);
      }
      await delay(PAUSE_MS);
    }
  }

  async search(): Promise<void> {
    const query = SEARCHES[this.#searches % SEARCHES.length] ?? '';
    const path = `/search?${query}`;
    const known = new Map(this.#highest);
    const least = this.#most;
    const { total, hits } = (await this.#ask(path, [200])).body as SearchAnswer;
    this.#searches += 1;
    for (const { order } of hits) this.#see(order, known.get(order.orderId) ?? 0, path);
    if (!OF_ALL.test(query)) return;
    if (total < least) this.#losses.push({ lost: least - total, path });
    this.#most = Math.max(this.#most, total);
  }

  /** One of those that were seen. */
  async get(): Promise<void> {
    const seen = [...this.#highest.keys()].filter((orderId) => !this.#vanished.has(orderId));
    const orderId = seen[Math.floor(Math.random() * seen.length)];
    if (orderId === undefined) return;
    const floor = this.#highest.get(orderId) ?? 0;
    const path = `/orders/${encodeURIComponent(orderId)}`;
    const { status, body } = await this.#ask(path, [200, 404]);
    this.#gets += 1;
    if (status === 404) this.#vanished.add(orderId);
    else this.#see((body as { readonly order: Seen }).order, floor, path);
  }

  judge(erased: ReadonlySet<string>): void {
    const vanished = [...this.#vanished].filter((orderId) => !erased.has(orderId));
    const losses = this.#losses.filter(({ lost }) => lost > erased.size);
    const wrong = [
      ...this.#wrong,
      ...vanished.map((orderId) => `${orderId} has vanished`),
      ...losses.map(({ lost, path }) => `${path} found ${lost} orders less than before`),
    ];
    assert.deepEqual(wrong.slice(0, MOST_NAMED), []);
    assert.ok(this.#searches > 0 && this.#gets > 0, `${this.#searches} searches, ${this.#gets} orders read`);
  }

  #see({ orderId, version }: Seen, floor: number, path: string): void {
    if (version < floor) this.#wrong.push(`${orderId} went back from version ${floor} to ${version} in ${path}`);
    if (this.#vanished.has(orderId)) this.#wrong.push(`${orderId} came back in ${path}`);
    this.#highest.set(orderId, Math.max(this.#highest.get(orderId) ?? 0, version));
  }

  async #ask(path: string, expected: readonly number[]): Promise<{ readonly status: number; readonly body: unknown }> {
    const response = await fetch(`${this.#url}${path}`);
    const text = await response.text();
    if (!expected.includes(response.status)) throw new Error(`${path} answered ${response.status}: ${text}`);
    return { status: response.status, body: JSON.parse(text) };
  }
}

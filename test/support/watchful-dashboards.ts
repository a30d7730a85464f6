import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { DailyRevenue, RevenueDailyAnswer, SellerDashboardAnswer } from '../../src/client/index.ts';
import { EVENT_DAYS, FINISHED, STEADY } from './aggregate-events.ts';

/** Someone who looks at revenue and dashboards all the time. */
export interface DashboardWatch {
  /**
   * From now on the finished seller's numbers are what they are now, and those of its currency.
   * @throws AssertionError where either was not built yet, or has nothing of it
   */
  finish(): Promise<void>;
  /**
   * Ends it.
   * @throws AssertionError naming what was wrong: a read that failed once there was anything, an `asOf` that went back, days that no
   * number of the steady seller's orders explains or that went back, other numbers of the finished seller
   */
  stop(): Promise<void>;
}

const DAYS = `from=${EVENT_DAYS.from}&to=${EVENT_DAYS.to}`;
const PATHS = {
  revenue: `/revenue/daily?${DAYS}&currency=${STEADY.currency}&currency=${FINISHED.currency}`,
  steady: `/sellers/${STEADY.sellerId}/dashboard?${DAYS}`,
  finished: `/sellers/${FINISHED.sellerId}/dashboard?${DAYS}`,
};
type Page = keyof typeof PATHS;
type Read = RevenueDailyAnswer & Partial<Pick<SellerDashboardAnswer, 'totals' | 'topProducts'>>;

/** They change some times a second. */
const PAUSE_MS = 100;
const MOST_NAMED = 10;

export function watchDashboards(url: string): DashboardWatch {
  const watch = new Watch(url);
  const stopping = new AbortController();
  const pages = Object.keys(PATHS) as Page[];
  const ended = Promise.all(pages.map((page) => watch.untilStopped(page, stopping.signal)));
  return {
    finish: () => watch.finish(),
    async stop() {
      stopping.abort();
      await ended;
      watch.judge();
    },
  };
}

class Watch {
  readonly #url: string;
  readonly #wrong: string[] = [];
  readonly #last = new Map<Page, Read>();
  readonly #reads = new Map<Page, number>();
  /** What stays as it is. */
  readonly #finished = new Map<Page, Finished>();

  constructor(url: string) {
    this.#url = url;
  }

  async untilStopped(page: Page, stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted) {
      try {
        await this.#look(page);
      } catch (error) {
        this.#wrong.push((error as Error).message);
      }
      await delay(PAUSE_MS);
    }
  }

  async finish(): Promise<void> {
    for (const page of ['revenue', 'finished'] as const) {
      const response = await fetch(`${this.#url}${PATHS[page]}`);
      const text = await response.text();
      assert.equal(response.status, 200, `${PATHS[page]}: ${text}`);
      const seen = finishedIn(JSON.parse(text) as Read);
      assert.ok(seen.days.length > 0, `${PATHS[page]}: nothing was finished`);
      this.#finished.set(page, seen);
    }
  }

  judge(): void {
    assert.deepEqual(this.#wrong.slice(0, MOST_NAMED), []);
    assert.deepEqual([...this.#reads.keys()].sort(), Object.keys(PATHS).sort(), 'the pages that were read');
    assert.ok(
      lively(this.#last.get('steady')?.days ?? [], STEADY.currency).length > 0,
      'the steady seller sold nothing',
    );
  }

  async #look(page: Page): Promise<void> {
    const path = PATHS[page];
    const finished = this.#finished.get(page);
    const response = await fetch(`${this.#url}${path}`);
    const text = await response.text();
    const last = this.#last.get(page);
    if (response.status === 503 && !last && text.includes('for the first time')) return;
    if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${text}`);
    const read = JSON.parse(text) as Read;
    this.#last.set(page, read);
    this.#reads.set(page, (this.#reads.get(page) ?? 0) + 1);
    if (last && Date.parse(read.asOf) < Date.parse(last.asOf))
      this.#wrong.push(`${path} went back from ${last.asOf} to ${read.asOf}`);
    if (page !== 'finished') this.#judgeSteady(path, read, last);
    if (finished && !isDeepStrictEqual(finishedIn(read), finished))
      this.#wrong.push(`${path}: the finished seller has other numbers: ${JSON.stringify(finishedIn(read))}`);
  }

  #judgeSteady(path: string, read: Read, last: Read | undefined): void {
    const before = new Map(last?.days.filter(isSteady).map(({ day, orders }) => [day, orders]));
    for (const { day, orders, revenueCents, refundedCents } of read.days.filter(isSteady)) {
      const least = before.get(day) ?? 0;
      if (orders < least) this.#wrong.push(`${path}: ${day} went back from ${least} to ${orders} orders`);
      if (revenueCents !== orders * STEADY.cents || refundedCents !== 0)
        this.#wrong.push(
          `${path}: ${day} has ${orders} orders of ${revenueCents} cents, ${refundedCents} of them refunded`,
        );
    }
  }
}

/** The days on which there was anything, whether or not they are final. */
interface Finished {
  readonly days: readonly DailyRevenue[];
  readonly topProducts: Read['topProducts'];
}

function finishedIn({ days, topProducts }: Read): Finished {
  return { days: lively(days, FINISHED.currency), topProducts };
}

function isSteady({ currency }: DailyRevenue): boolean {
  return currency === STEADY.currency;
}

function lively(days: readonly DailyRevenue[], currency: string): DailyRevenue[] {
  return days
    .filter((day) => day.currency === currency && (day.orders > 0 || day.refundCount > 0))
    .map((day) => ({ ...day, final: false }));
}

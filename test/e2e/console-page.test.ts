import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { createHttpApp } from '../../src/http/app.ts';
import { createAuthenticator } from '../../src/http/auth.ts';
import type { HttpDependencies, RebuildView, RepairOutcome } from '../../src/http/dependencies.ts';
import { listen } from '../../src/http/server.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { combineHealth } from '../../src/observability/health.ts';
import { IndexUnavailableError } from '../../src/order-index/port.ts';
import { openChromium, type TestBrowser } from '../support/chromium.ts';
import { eventually } from '../support/eventually.ts';
import { pageComplaints } from '../support/page-complaints.ts';
import { shownDependencies } from '../support/shown-service.ts';
import { authenticate, bearer } from '../support/tokens.ts';
import { generationView, rebuildView } from '../unit/http/rebuild-views.ts';

const AT = '2026-03-01T10:00:00.000Z';

/** Keeps what some panels show, from now on and whenever it is something else, so that what lasts for a moment is seen too. */
const RECORD_PANELS = `
  const find = (selector) => document.querySelector(selector);
  const shown = () => [
    find('#health .degraded') ? 'degraded' : 'up',
    find('#generations tbody').children.length,
    find('#queued').textContent,
    find('#start').dataset.running,
  ].join(' ');
  window.recorded = [shown()];
  const record = () => window.recorded.at(-1) === shown() || window.recorded.push(shown());
  new MutationObserver(record).observe(find('main'), { subtree: true, childList: true, characterData: true, attributes: true });
`;

/** What may be waited for for long is given up when the test says how long it was. */
const HOLD_LIMITS = `
  const timeout = AbortSignal.timeout;
  const limits = [];
  AbortSignal.timeout = (ms) => {
    if (ms <= 20_000) return timeout.call(AbortSignal, ms);
    const limit = { ms, abort: new AbortController() };
    limits.push(limit);
    return limit.abort.signal;
  };
  window.waited = (waitedMs) => {
    for (const { ms, abort } of limits) if (ms <= waitedMs) abort.abort(new DOMException('too late', 'TimeoutError'));
  };
`;

describe('the console', function () {
  this.timeout(60_000);
  let browser: TestBrowser;
  let server: HttpServer;
  let page: Page;
  let complaints: readonly string[];

  before(async () => {
    browser = await openChromium();
  });
  after(async () => {
    await browser.close();
  });
  afterEach(async () => {
    await page.close();
    await server.close(0);
    assert.deepEqual(complaints, []);
  });

  /** `script`: runs before those of the page. */
  async function open(replaced: Partial<HttpDependencies> = {}, script = ''): Promise<void> {
    server = await listen(createHttpApp(shownDependencies(replaced)), { host: '127.0.0.1', port: 0 });
    page = await browser.context.newPage();
    complaints = pageComplaints(page);
    await page.addInitScript(script);
    await page.goto(`http://127.0.0.1:${server.port}/admin`);
  }

  /** A rebuild that moves on as the test says. */
  function moving(state: { rebuild: RebuildView }): Partial<HttpDependencies> {
    const change = (_id: string, command: 'pause' | 'resume' | 'cancel') => {
      const over = { state: 'CANCELLED' as const, finishedAt: '2026-03-01T10:01:00.000Z' };
      state.rebuild = { ...state.rebuild, ...(command === 'cancel' ? over : { paused: command === 'pause' }) };
      return Promise.resolve({ kind: 'accepted', rebuild: state.rebuild } as const);
    };
    const list = () => Promise.resolve([state.rebuild]);
    const rebuilds = { ...shownDependencies().rebuilds, list, get: () => Promise.resolve(state.rebuild), change };
    return { rebuilds };
  }

  it('says of each part how it is, and why, in words', async () => {
    await open();
    const health = page.locator('#health');
    await health.getByText('! degraded').waitFor();
    await health.getByText('the index is blocked for writes: read_only_allow_delete').waitFor();
    await health.getByText('✕ down').waitFor();
    await health.getByText('Details of broker').click();
    await health.getByText('"ready": 7').waitFor();
    // What is opened stays open, though all of it is asked for again.
    await page.waitForResponse((response) => response.url().endsWith('/health'));
    await page.waitForResponse((response) => response.url().endsWith('/admin/parked?size=20'));
    await health.getByText('"ready": 7').waitFor();
  });

  it('draws the lag that the service remembers, goes on from there, and says it in words', async () => {
    const asked: (string | undefined)[] = [];
    const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString();
    const before = [600, 595, 590].map((seconds, at) => ({ at: ago(seconds), lagSeconds: 40 + at, messages: 3 }));
    const later = { at: ago(1), lagSeconds: 75, messages: 1_234 };
    const lag: HttpDependencies['lag'] = (since) => {
      asked.push(since);
      const samples = since === undefined ? before : since < later.at ? [later] : [];
      return Promise.resolve({ asOf: ago(1), lagSeconds: 1, messages: asked.length > 1 ? 1_234 : null, samples });
    };
    await open({ lag });
    const chart = page.getByRole('img', { name: /^How far answers were behind over the last 10 min: now 1 s/ });
    await chart.and(page.getByRole('img', { name: /at most 42 s$/ })).waitFor();
    await page.getByText('The broker does not say how many messages wait').waitFor();
    await chart.and(page.getByRole('img', { name: /at most 75 s$/ })).waitFor();
    await page.getByText('1,234 messages wait').waitFor();
    await chart.locator('canvas').waitFor();
    await eventually(() => assert.deepEqual(asked.slice(0, 3), [undefined, before[2]?.at, later.at]));
  });

  it('says that nothing is known where no heartbeat has come through yet', async () => {
    const lagSeconds = Date.now() / 1_000;
    const samples = [{ at: new Date().toISOString(), lagSeconds: null, messages: 0 }];
    await open({ lag: () => Promise.resolve({ asOf: new Date(0).toISOString(), lagSeconds, messages: 0, samples }) });
    await page.getByText('How fresh this is, is not known yet').waitFor();
    await page.getByRole('img', { name: /: now not known yet, at most 0 s$/ }).waitFor();
  });

  it('follows a rebuild as it goes, and lets it be paused, resumed and cancelled', async () => {
    const state = { rebuild: rebuildView() };
    await open(moving(state));
    const panel = page.locator('#rebuild');
    await panel.getByText('420 of 1,000 · 70 a second · 8 s left').waitFor();
    state.rebuild = rebuildView({ processed: 640, etaSeconds: null, stalled: 'waits for the index' });
    await panel.getByText('640 of 1,000 · 70 a second').waitFor();
    await panel.getByText('Stalled: waits for the index').waitFor();
    await panel.getByRole('button', { name: 'Pause' }).press('Enter');
    await panel.getByText('COPY, paused').waitFor();
    await panel.getByRole('button', { name: 'Resume' }).press('Enter');
    await panel.getByRole('button', { name: 'Pause' }).waitFor();
    await panel.getByRole('button', { name: 'Cancel' }).press('Enter');
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel the rebuild' }).click();
    await panel.getByText('CANCELLED').waitFor();
    await page.getByRole('status').filter({ hasText: 'The rebuild of orders from index is CANCELLED.' }).waitFor();
    assert.equal(await panel.getByRole('button').count(), 0);
  });

  it('says that a rebuild is over, also where that is known before the command to cancel it is answered', async () => {
    await open(moving({ rebuild: rebuildView() }));
    const late = Promise.withResolvers<undefined>();
    await page.route('**/cancel', async (route) => {
      const response = await route.fetch();
      await late.promise;
      return route.fulfill({ response });
    });
    await page.locator('#rebuild').getByRole('button', { name: 'Cancel' }).press('Enter');
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel the rebuild' }).click();
    const over = page.getByRole('status').filter({ hasText: 'The rebuild of orders from index is CANCELLED.' });
    await over.waitFor();
    const answered = page.waitForResponse(/\/cancel$/);
    late.resolve(undefined);
    await (await answered).finished();
    // The page looks at everything anew after it.
    await page.waitForRequest(/\/generations$/);
    assert.equal(await over.count(), 1);
  });

  it('follows a rebuild without the stream of events too, to how far it came', async () => {
    const state = { rebuild: rebuildView() };
    await open(moving(state));
    await page.route('**/progress', () => undefined);
    await page.reload();
    const panel = page.locator('#rebuild');
    await panel.getByText('420 of 1,000').waitFor();
    const over = { state: 'FAILED' as const, finishedAt: '2026-03-01T10:01:00.000Z', error: 'the disk is full' };
    state.rebuild = rebuildView({ processed: 640, ...over });
    await panel.getByText('the disk is full').waitFor();
    assert.equal(await panel.getByRole('progressbar').getAttribute('value'), '0.64');
  });

  describe('when a rebuild is started', () => {
    const starting = (asked: object[], running: () => RebuildView[] = () => []): Partial<HttpDependencies> => ({
      rebuilds: {
        ...shownDependencies().rebuilds,
        projections: ['revenue-daily', 'seller-daily', 'my-own'],
        list: () => Promise.resolve(running()),
        start: (request: object) => {
          asked.push(request);
          return Promise.resolve({ kind: 'started', rebuild: rebuildView() } as const);
        },
      },
    });
    const start = () => page.getByRole('button', { name: 'Start', exact: true });
    const source = () => page.getByRole('combobox', { name: 'From', exact: true });
    const started = () => page.getByText('The rebuild has started.');
    const usual = { projection: 'orders', source: 'index', activate: true, keep: 1, allowPartial: false };

    it('is as the service would have it, unless something is chosen', async () => {
      const asked: object[] = [];
      await open(starting(asked));
      await start().press('Enter');
      await started().waitFor();
      assert.deepEqual(asked, [usual]);
    });

    it('takes a file, which must be named, how many standbys stay, and whether readers are moved', async () => {
      const asked: object[] = [];
      await open(starting(asked));
      await source().selectOption('a file');
      await start().click();
      await page.getByRole('textbox', { name: 'File' }).and(page.locator(':invalid:focus')).waitFor();
      await page.getByRole('textbox', { name: 'File' }).fill('orders.ndjson');
      await page.getByLabel('Standbys to keep').fill('3');
      const partial = page.getByLabel('Move them even where orders lack their first events');
      await partial.check();
      await start().click();
      await started().waitFor();
      await page.getByLabel('Move readers to it in the end').uncheck();
      assert.equal(await partial.isVisible(), false);
      await start().click();
      await eventually(() => assert.equal(asked.length, 2));
      const fromFile = { ...usual, source: 'file', path: 'orders.ndjson', keep: 3 };
      assert.deepEqual(asked, [
        { ...fromFile, allowPartial: true },
        { ...fromFile, activate: false },
      ]);
    });

    it('takes the history from a time of this computer on', async () => {
      const asked: object[] = [];
      await open(starting(asked));
      await source().selectOption('the broker’s history');
      await start().click();
      await started().waitFor();
      await page.getByLabel('Published since, by this computer’s clock').fill('2026-02-01T10:30:00');
      await start().click();
      await eventually(() => assert.equal(asked.length, 2));
      const from = await page.evaluate("new Date('2026-02-01T10:30:00').toISOString()");
      assert.deepEqual(asked, [
        { ...usual, source: 'history' },
        { ...usual, source: 'history', from },
      ]);
    });

    it('takes an aggregate, of one’s own too, with nothing else to choose', async () => {
      const asked: object[] = [];
      await open(starting(asked));
      await source().selectOption('a file');
      await page.getByRole('combobox', { name: 'What' }).selectOption('my-own');
      await page.getByRole('textbox', { name: 'File' }).waitFor({ state: 'hidden' });
      await start().click();
      await started().waitFor();
      assert.deepEqual(asked, [{ ...usual, projection: 'my-own' }]);
    });

    it('is not while one runs', async () => {
      const asked: object[] = [];
      await open(starting(asked, () => [rebuildView()]));
      await page.locator('#start[data-running=true]').waitFor();
      await start().click({ force: true });
      await page.waitForResponse((response) => response.url().endsWith('/admin/rebuilds'));
      assert.deepEqual(asked, []);
    });
  });

  it('keeps what a newer look has shown when an older one is answered late', async () => {
    const { generations, rebuilds } = shownDependencies();
    const over = rebuildView({ id: 'r-0', state: 'DONE', finishedAt: '2026-03-01T10:01:00.000Z' });
    let isDeleted = false;
    const remove = () => {
      isDeleted = true;
      return Promise.resolve({ kind: 'deleted' } as const);
    };
    const list = () => Promise.resolve(isDeleted ? [rebuildView(), over] : [over]);
    const state = () => (isDeleted ? 'up' : 'degraded');
    await open({
      health: () => Promise.resolve(combineHealth({ index: { state: state(), reason: 'it was away' } })),
      lag: () => Promise.resolve({ asOf: AT, lagSeconds: 1, messages: isDeleted ? 0 : 7, samples: [] }),
      generations: { ...generations, remove, list: () => Promise.resolve(isDeleted ? [] : [generationView()]) },
      rebuilds: { ...rebuilds, list, get: () => Promise.resolve(rebuildView()) },
    });
    await page.getByText('7 messages wait').waitFor();
    const late = Promise.withResolvers<undefined>();
    const held = new Set<string>();
    await page.route(/\/(health|lag|generations|rebuilds)(\?.*)?$/, async (route) => {
      const response = await route.fetch();
      const { pathname } = new URL(route.request().url());
      const isFirst = !held.has(pathname);
      held.add(pathname);
      if (isFirst) await late.promise;
      return route.fulfill({ response });
    });
    await eventually(() => assert.equal(held.size, 4));
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByLabel('Type orders-000001 to go on').fill('orders-000001');
    await page.keyboard.press('Enter');
    await page.locator('#generations tbody tr').waitFor({ state: 'detached' });
    await page.getByText('No message waits').waitFor();
    await page.getByText('✓ up').waitFor();
    await page.locator('#start[data-running=true]').waitFor();
    await page.evaluate(RECORD_PANELS);
    // It begins when the older one has ended.
    const next = page.waitForRequest(/\/generations$/);
    late.resolve(undefined);
    await next;
    assert.deepEqual(await page.evaluate('window.recorded'), ['up 0 No message waits true']);
  });

  it('says why a generation cannot be activated, and offers none of it for one that has diverged', async () => {
    const generations = {
      ...shownDependencies().generations,
      list: () =>
        Promise.resolve([
          generationView(),
          generationView({ name: 'orders-000002', state: 'diverged', reason: 'refused A-3' }),
        ]),
      activate: () => Promise.resolve({ kind: 'refused', reason: 'It is not caught up.' } as const),
    };
    await open({ generations });
    const rows = page.locator('#generations tr');
    await rows.filter({ hasText: 'refused A-3' }).waitFor();
    assert.deepEqual(await rows.filter({ hasText: 'refused A-3' }).getByRole('button').allTextContents(), [
      'Delete orders-000002',
    ]);
    await rows.getByRole('button', { name: 'Activate' }).click();
    await page.getByLabel('Type orders-000001 to go on').fill('orders-000001');
    await page.keyboard.press('Enter');
    await page.locator('#done.wrong', { hasText: 'It is not caught up.' }).waitFor();
  });

  it('waits for an activation until the service has given it up, and says why', async () => {
    const reason = 'it was given up after 60 s: no primary';
    const [asked, answer] = [
      Promise.withResolvers<void>(),
      Promise.withResolvers<{ kind: 'refused'; reason: string }>(),
    ];
    const activate = () => {
      asked.resolve();
      return answer.promise;
    };
    await open({ generations: { ...shownDependencies().generations, activate } }, HOLD_LIMITS);
    await page.getByRole('button', { name: 'Activate' }).click();
    await page.getByLabel('Type orders-000002 to go on').fill('orders-000002');
    await page.keyboard.press('Enter');
    await asked.promise;
    await page.evaluate('window.waited(95_000)');
    answer.resolve({ kind: 'refused', reason });
    await page.locator('#done.wrong', { hasText: reason }).waitFor();
  });

  it('discards those that are ticked, once that is confirmed', async () => {
    const discarded: string[] = [];
    const { deadLetters } = shownDependencies();
    await open({
      deadLetters: {
        ...deadLetters,
        discard: (id) => {
          discarded.push(id);
          return Promise.resolve({ kind: 'discarded' });
        },
      },
    });
    const discard = page.getByRole('button', { name: 'Discard ticked' });
    await discard.click();
    await page.getByText('Tick those that you mean first.').waitFor();
    await page.getByLabel('Choose A-7 #3').check();
    await discard.click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    assert.deepEqual(discarded, []);
    await discard.click();
    await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
    await page.getByText('1 discarded.').waitFor();
    assert.deepEqual(discarded, ['a1b2c3d4']);
  });

  describe('when what was asked for is not answered in time', () => {
    /** A minute takes 600 ms. */
    const HASTE =
      'const timeout = AbortSignal.timeout; AbortSignal.timeout = (ms) => timeout.call(AbortSignal, ms > 20_000 ? ms / 100 : ms);';
    const items = ['L-1', 'L-2'].map((id) => ({
      ...{ id, orderId: id, sequence: 1, attempts: 1, bodyBytes: 9, firstFailedAt: AT, lastFailedAt: AT },
      refusal: { reason: 'invalid' as const, path: 'time', message: 'must be an instant' },
    }));
    const NOT_IN_TIME =
      'The service has not answered within a minute. It may still do it: see what has changed before you ask for it again.';
    let replayed: string[];
    let answer: PromiseWithResolvers<{ readonly kind: 'replayed' }>;
    let repaired: PromiseWithResolvers<RepairOutcome>;
    beforeEach(async () => {
      replayed = [];
      answer = Promise.withResolvers();
      repaired = Promise.withResolvers();
      const { deadLetters } = shownDependencies();
      const replay = (id: string) => {
        replayed.push(id);
        return answer.promise;
      };
      const list = () => Promise.resolve({ items, nextCursor: null });
      await open({ deadLetters: { ...deadLetters, list, replay }, repair: () => repaired.promise }, HASTE);
    });

    it('says so, and lets it be asked for again', async () => {
      const replay = page.getByRole('button', { name: 'Replay L-1 #1' });
      await replay.click();
      assert.equal(await replay.getAttribute('aria-disabled'), 'true');
      await page.locator('#done.wrong', { hasText: NOT_IN_TIME }).waitFor();
      assert.equal(await replay.getAttribute('aria-disabled'), null);
      answer.resolve({ kind: 'replayed' });
      await replay.click();
      await page.getByText('It is published again.').waitFor();
    });

    it('asks for none of the others that are ticked', async () => {
      await page.getByRole('button', { name: 'Tick all that are shown' }).click();
      await page.getByRole('button', { name: 'Replay ticked' }).click();
      await page.locator('#done.wrong', { hasText: `0 published again, 2 failed: ${NOT_IN_TIME}` }).waitFor();
      assert.deepEqual(replayed, ['L-1']);
    });

    it('waits for longer where the whole history may have to be read', async () => {
      await page.getByRole('button', { name: 'From history for A-9' }).click();
      await page.getByRole('button', { name: 'Replay L-1 #1' }).click();
      await page.locator('#done.wrong', { hasText: NOT_IN_TIME }).waitFor();
      const counts = { orders: 1, found: 1, republished: 1, skipped: 0, ordersStillMissing: 0 };
      repaired.resolve({ kind: 'repaired', report: { ...counts, stillMissing: [] } });
      await page.locator('#done:not(.wrong)', { hasText: '1 found in the history' }).waitFor();
    });
  });

  it('goes on with those that are ticked where one fails, and says why', async () => {
    const { deadLetters } = shownDependencies();
    const items = ['L-1', 'L-2', 'L-3'].map((id) => ({
      ...{ id, orderId: id, sequence: 1, attempts: 1, bodyBytes: 9, firstFailedAt: AT, lastFailedAt: AT },
      refusal: { reason: 'invalid' as const, path: 'time', message: 'must be an instant' },
    }));
    await open({
      deadLetters: {
        ...deadLetters,
        list: () => Promise.resolve({ items, nextCursor: null }),
        get: () => Promise.reject(new IndexUnavailableError('gone')),
        replay: (id) =>
          Promise.resolve(id === 'L-1' ? { kind: 'not_routable', reason: 'no queue' } : { kind: 'replayed' }),
      },
    });
    await page.getByText('Body of L-2 #1').click();
    await page.getByRole('region', { name: 'Body of L-2 #1' }).getByText('open it again to try once more').waitFor();
    await page.getByRole('button', { name: 'Tick all that are shown' }).click();
    await page.getByRole('button', { name: 'Replay ticked' }).click();
    const done = page.locator('#done.wrong', { hasText: /^2 published again, 1 failed: .*no queue/ });
    await done.waitFor();
    // In sight, though the top of the page is not.
    assert.ok(((await page.getByRole('navigation').boundingBox())?.y ?? 0) < 0);
    assert.ok(((await done.boundingBox())?.y ?? -1) >= 0);
  });

  describe('when there is more than is shown at first', () => {
    /** Pages as the service gives them: the cursor is where the next one begins. */
    const paged =
      <T>(all: readonly T[]) =>
      ({ size, cursor = '0' }: { readonly size: number; readonly cursor?: string }) => {
        const end = Number(cursor) + size;
        return { items: all.slice(Number(cursor), end), nextCursor: end < all.length ? String(end) : null };
      };
    const letters = Array.from({ length: 250 }, (_, n) => ({
      ...{
        id: `letter-${n}`,
        orderId: `L-${n}`,
        sequence: 1,
        attempts: 1,
        bodyBytes: 0,
        firstFailedAt: AT,
        lastFailedAt: AT,
      },
      refusal: { reason: 'invalid' as const, path: 'time', message: 'must be an instant' },
    }));
    const gaps = Array.from({ length: 45 }, (_, n) => ({
      ...{ orderId: `G-${n}`, version: 1, missing: [[2, 2]] as const, parked: 1, oldestParkedAt: AT, gapped: true },
    }));
    const many = (): Partial<HttpDependencies> => {
      const { deadLetters } = shownDependencies();
      return {
        deadLetters: { ...deadLetters, list: async (query) => paged(letters)(query) },
        parkedOrders: async ({ size, after = '-1' }) => {
          const { items, nextCursor } = paged(gaps)({ size, cursor: String(Number(after) + 1) });
          return { gaps: items, next: nextCursor === null ? undefined : String(Number(nextCursor) - 1) };
        },
      };
    };

    it('shows more dead letters when asked, to the last, and ticks all of them', async () => {
      await open(many());
      const shown = page.locator('#letters > li');
      await page.getByText('Dead letters 20 shown, there are more').waitFor();
      const more = page.getByRole('button', { name: 'Show more dead letters' });
      await more.press('Enter');
      await page.getByText('100 more dead letters are shown, 120 in all.').waitFor();
      assert.equal(await page.evaluate('document.activeElement.textContent'), 'Show more dead letters');
      await more.press('Enter');
      await page.getByText('220 in all.').waitFor();
      await more.press('Enter');
      await more.waitFor({ state: 'hidden' });
      await page.getByText('30 more dead letters are shown, 250 in all.').waitFor();
      assert.deepEqual(
        await shown.evaluateAll((nodes) => nodes.map(({ dataset }) => (dataset as { id?: string }).id)),
        letters.map(({ id }) => id),
      );
      // Reading goes on where it was.
      assert.equal(await page.evaluate('document.activeElement.dataset.id'), 'letter-220');
      await page.getByRole('button', { name: 'Tick all that are shown' }).click();
      assert.equal(await shown.getByRole('checkbox', { checked: true }).count(), 250);
    });

    it('shows more parked orders when asked, to the last', async () => {
      await open(many());
      await page.getByText('Parked orders 20 shown, there are more').waitFor();
      await page.getByRole('button', { name: 'Show more parked orders' }).click();
      await page.getByText('25 more parked orders are shown, 45 in all.').waitFor();
      assert.equal(await page.locator('#parked tbody tr').count(), 45);
      assert.equal(await page.getByRole('button', { name: 'Show more parked orders' }).isVisible(), false);
    });
  });

  it('leaves the focus where an operator by keyboard has it, though all is asked for over and over', async () => {
    const { deadLetters } = shownDependencies();
    const letter = (id: string, attempts = 1) => ({
      ...{ id, orderId: id, sequence: 1, attempts, bodyBytes: 0, firstFailedAt: AT, lastFailedAt: AT },
      refusal: { reason: 'invalid' as const, path: 'time', message: 'must be an instant' },
    });
    let letters = [letter('L-1'), letter('L-2'), letter('L-3')];
    await open({
      deadLetters: { ...deadLetters, list: () => Promise.resolve({ items: letters, nextCursor: null }) },
    });
    const focused = () => page.evaluate('document.activeElement.textContent || document.activeElement.dataset.id');
    const looked = () => page.waitForResponse((response) => response.url().endsWith('/admin/parked?size=20'));
    await page.getByText('Details of broker').focus();
    await looked();
    await looked();
    assert.equal(await focused(), 'Details of broker');
    await page.getByRole('button', { name: 'Discard L-2' }).focus();
    letters = [letter('L-4'), letter('L-1'), letter('L-2', 2), letter('L-3')];
    await page.getByText('failed 2 times').waitFor();
    assert.equal(await focused(), 'Discard L-2 #1');
    letters = [letter('L-1'), letter('L-3')];
    await page.locator('#letters > li').nth(2).waitFor({ state: 'detached' });
    assert.equal(await page.evaluate('document.activeElement.dataset.id'), 'L-3');
    letters = [];
    await page.getByText('None: no message was refused.').waitFor();
    assert.equal(await page.evaluate('document.activeElement.id'), 'letters-title');
  });

  it('says what is wrong when the index is away, and goes on by itself', async () => {
    let isAway = true;
    const { generations } = shownDependencies();
    const list = () => (isAway ? Promise.reject(new IndexUnavailableError('gone')) : generations.list());
    await open({ generations: { ...generations, list } });
    await page.getByRole('alert').filter({ hasText: 'Trying again by itself.' }).waitFor();
    isAway = false;
    await page.getByRole('alert').waitFor({ state: 'hidden' });
    await page.getByText('orders-000003', { exact: true }).waitFor();
  });

  it('says so when what answers is not the service, or nothing answers in time, and goes on by itself', async () => {
    await open(
      {},
      'const timeout = AbortSignal.timeout; AbortSignal.timeout = (ms) => timeout.call(AbortSignal, ms / 20);',
    );
    const health = page.locator('#health');
    await health.getByText('! degraded').waitFor();
    const alert = page.getByRole('alert');
    await page.route(/\/(health|generations)$/, (route) => route.fulfill({ body: '<p>Please sign in' }));
    await health.getByText('what answers (200) is not the service').waitFor();
    await alert.filter({ hasText: 'it is no JSON. Trying again by itself.' }).waitFor();
    await page.unrouteAll();
    await alert.waitFor({ state: 'hidden' });
    await page.route(/\/(health|generations)$/, () => undefined);
    await alert.filter({ hasText: 'The service does not answer' }).waitFor();
    await health.getByText('it does not answer').waitFor();
    await page.unrouteAll();
    await alert.waitFor({ state: 'hidden' });
    await health.getByText('! degraded').waitFor();
  });

  it('says of what was asked for in an outage nothing that is not so after it', async () => {
    await open();
    await page.getByText('orders-000003', { exact: true }).waitFor();
    await page.route(/\/(health|admin)/, (route) => route.abort());
    await page.getByRole('button', { name: 'Pause', exact: true }).click();
    await page.locator('#done.wrong').filter({ hasText: 'see whether it was done' }).waitFor();
    const alert = page.getByRole('alert').filter({ hasText: 'The service does not answer' });
    await alert.waitFor();
    await page.unrouteAll();
    await alert.waitFor({ state: 'hidden' });
    await page.locator('#done.wrong').filter({ hasText: 'see whether it was done' }).waitFor();
  });

  it('asks an operator to sign in, and tells others that it is not for them', async () => {
    await open({ authenticate });
    const signIn = async (authorization: string) => {
      await page.getByLabel('Access token').fill(authorization.slice('Bearer '.length));
      await page.getByRole('button', { name: 'Sign in' }).click();
    };
    await signIn(await bearer('support', 'sue'));
    await page.getByRole('alert').filter({ hasText: 'This is for admins.' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await signIn(await bearer('admin', 'ada'));
    await page.getByText('orders-000003', { exact: true }).waitFor();
    await page.getByRole('alert').waitFor({ state: 'hidden' });
  });

  describe('when whoever was signed in is so no longer', () => {
    const signIn = async (expiresIn?: string) => {
      await page.getByLabel('Access token').fill((await bearer('admin', 'ada', expiresIn)).slice('Bearer '.length));
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.locator('#letters > li').waitFor();
    };
    /** What is in the document, in sight or not, of what only an admin sees. */
    const leftOver = async () => {
      const text = await page.evaluate<string>(
        "document.querySelector('main').textContent + document.querySelector('#confirmation').textContent",
      );
      return [
        'A-7',
        'amountCents',
        'A-9',
        'Dead letters 1',
        'Parked orders 1',
        'orders-00000',
        '420 of 1,000',
        '7 messages wait',
      ].filter((shown) => text.includes(shown));
    };

    it('leaves nothing of what was shown in the document, and nothing comes into it any more', async () => {
      const late = Promise.withResolvers<undefined>();
      await open({ authenticate });
      await signIn();
      await page.locator('#rebuild').getByText('420 of 1,000').waitFor();
      await page.getByText('7 messages wait').waitFor();
      let held = 0;
      await page.route('**/admin/**', async (route) => {
        if (route.request().headers()['authorization'] === undefined) return route.fallback();
        const response = await route.fetch();
        held += 1;
        await late.promise;
        // Whoever signed out no longer waits for it.
        return route.fulfill({ response }).catch(() => undefined);
      });
      await eventually(() => assert.ok(held >= 4));
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('Access token').waitFor();
      assert.deepEqual(await leftOver(), []);
      late.resolve(undefined);
      await page.unrouteAll({ behavior: 'wait' });
      await page.evaluate("fetch('page-settings.json').then((response) => response.text())");
      assert.deepEqual(await leftOver(), []);
      await signIn();
      await page.locator('#rebuild').getByText('420 of 1,000').waitFor();
    });

    it('says nothing of what it can no longer know', async () => {
      const { deadLetters } = shownDependencies();
      let isAway = false;
      const list: typeof deadLetters.list = (query) =>
        isAway ? Promise.reject(new IndexUnavailableError('gone')) : deadLetters.list(query);
      await open({ authenticate: createAuthenticator({ kind: 'off' }), deadLetters: { ...deadLetters, list } });
      await page.getByText('Dead letters 1').waitFor();
      isAway = true;
      await page.getByRole('combobox', { name: 'See it as' }).selectOption('Support');
      await page.getByRole('alert').filter({ hasText: 'This is for admins.' }).waitFor();
      await page.getByRole('combobox', { name: 'See it as' }).selectOption('Admin');
      await page.getByRole('alert').filter({ hasText: 'Trying again by itself.' }).waitFor();
      await page.getByText('orders-000003', { exact: true }).waitFor();
      assert.equal(await page.getByText('None: no message was refused.').isVisible(), false);
      assert.equal(await page.locator('#letters-title .count').textContent(), '');
    });

    it('closes what asks for a confirmation, and does nothing, once the token has expired', async () => {
      const discarded: string[] = [];
      const { deadLetters } = shownDependencies();
      const discard = (id: string) => {
        discarded.push(id);
        return Promise.resolve({ kind: 'discarded' } as const);
      };
      await open({ authenticate, deadLetters: { ...deadLetters, discard } });
      await signIn('7s');
      await page.getByRole('button', { name: 'Discard A-7 #3' }).click();
      await page.getByRole('dialog').waitFor();
      await page.getByRole('dialog').waitFor({ state: 'hidden', timeout: 20_000 });
      await page.getByText('The token is not valid, or no longer.').waitFor();
      assert.equal(await page.locator(':focus').getAttribute('id'), 'token');
      assert.deepEqual([await leftOver(), discarded], [[], []]);
    });
  });

  it('shows what another role sees of it where nobody has to sign in', async () => {
    await open({ authenticate: createAuthenticator({ kind: 'off' }) });
    await page.getByText('orders-000003', { exact: true }).waitFor();
    await page.getByRole('combobox', { name: 'See it as' }).selectOption('Support');
    await page.getByRole('alert').filter({ hasText: 'This is for admins.' }).waitFor();
    await page.getByText('orders-000003', { exact: true }).waitFor({ state: 'hidden' });
  });
});

import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { createHttpApp } from '../../src/http/app.ts';
import { listen } from '../../src/http/server.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { openChromium, type TestBrowser } from '../support/chromium.ts';
import { FakeOrders, fakeDependencies, orderDocument } from '../unit/http/fake-orders.ts';

describe('the page of the interface', function () {
  this.timeout(60_000);

  let browser: TestBrowser;
  let server: HttpServer;
  let page: Page;
  const tokens: (string | undefined)[] = [];
  const complaints: string[] = [];

  before(async () => {
    browser = await openChromium();
    const orders = new FakeOrders();
    orders.add(orderDocument('A 1/2', { customerName: '<b>Ann</b>' }));
    const authenticate = (authorization: string | undefined) => {
      tokens.push(authorization);
      return Promise.resolve({ kind: 'caller', caller: { role: 'admin', sub: 'me' } } as const);
    };
    const app = createHttpApp(fakeDependencies(orders, { authenticate }));
    server = await listen(app, { host: '127.0.0.1', port: 0 });
    page = await browser.context.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    await page.goto(`http://127.0.0.1:${server.port}/docs`);
  });

  after(async () => {
    await browser.close();
    await server.close(0);
    assert.deepEqual(complaints, []);
  });

  const operation = (path: string) => page.locator('details', { has: page.locator('summary code', { hasText: path }) });

  it('tells every operation with what it answers', async () => {
    await page.getByText('/admin/dead-letters/{id}/replay').waitFor();
    assert.ok((await page.locator('details.operation').count()) > 15);
    assert.match((await operation('/suggest').textContent()) ?? '', /429 Too Many Requests.*at most 1024 characters/s);
  });

  it('sends a request and shows the answer, as text', async () => {
    const search = operation('/search');
    await search.locator('summary').click();
    await search.getByLabel('q', { exact: false }).first().fill('ann');
    await search.getByLabel('status').fill('placed, paid');
    await search.getByRole('button', { name: 'Send' }).click();
    const answer = search.locator('pre');
    await answer.waitFor();
    assert.match((await answer.textContent()) ?? '', /"total": 1/);
    assert.match((await answer.textContent()) ?? '', /<b>Ann<\/b>/);
    assert.match((await search.textContent()) ?? '', /search\?q=ann&status=placed&status=paid/);
  });

  it('fills ids into the path, whatever is in them, and sends the token that was given', async () => {
    await page.getByLabel('Access token').fill('abc.def');
    await page.getByRole('button', { name: 'Use it' }).click();
    const order = operation('/orders/{id}/history');
    await order.locator('summary').click();
    await order.locator('input').fill('A 1/2');
    await order.getByRole('button', { name: 'Send' }).click();
    await order.locator('pre').waitFor();
    assert.match((await order.textContent()) ?? '', /200 OK/);
    assert.equal(tokens.at(-1), 'Bearer abc.def');
  });

  it('sends bodies', async () => {
    const replay = operation('/admin/dead-letters/replay');
    await replay.locator('summary').click();
    await replay.locator('textarea').fill('{"reason":"invalid"}');
    await replay.getByRole('button', { name: 'Send' }).click();
    await replay.locator('pre').waitFor();
    assert.match((await replay.textContent()) ?? '', /200 OK/);
    assert.match((await replay.locator('pre').textContent()) ?? '', /"replayed": 0/);
  });
});

import assert from 'node:assert/strict';
import type { Restriction } from '../../src/order-index/port.ts';
import type { SampleOrder } from '../integration/elasticsearch/sample-orders.ts';
import { describeForEachBackend } from '../support/backends.ts';
import { searchedOrders } from '../support/searched-orders.ts';

const ERASED = { type: 'order.erased.v1', data: {} } as const;
const SKIPPED = { type: 'order.skipped.v1', data: {} } as const;
const JOSE = { id: 'C-1', name: 'José García' };
const UWE = { id: 'C-2', name: 'Uwe Müller' };
const LAMP = ['LAMP-1', 'Desk lamp'] as const;
const LANTERN = ['LAN-7', 'Camping lantern'] as const;
const DECOR = ['DEC 1', 'Décor, “large” <set>'] as const;

const ORDERS: readonly SampleOrder[] = [
  { orderId: 'Web-100', customer: JOSE, sellerId: 'S-1', items: [LANTERN, LAMP], placedAt: '2026-03-01T10:00:00.000Z' },
  { orderId: 'web-101', customer: UWE, sellerId: 'S-2', items: [['LAN-8', 'Garden lantern']], placedAt: '2026-03-02T10:00:00.000Z' },
  { orderId: 'web-102', customer: UWE, sellerId: 'S-1', items: [LANTERN], placedAt: '2026-02-01T10:00:00.000Z' },
  { orderId: 'tel-103', customer: UWE, sellerId: 'S-2', items: [DECOR], tags: ['lanyard'], placedAt: '2026-01-01T10:00:00.000Z' },
  { orderId: 'web-gone', customer: { id: 'C-3', name: 'Lantos Gone' }, items: [['LAN-9', 'Lantern of the erased']], then: [SKIPPED, ERASED] },
]; // prettier-ignore

describeForEachBackend('suggestions', (backend) => {
  const searched = searchedOrders(backend, ORDERS);

  async function completions(q: string, restrictTo?: Restriction): Promise<string[]> {
    const { completions } = await searched.index.suggest({ q, ...(restrictTo && { restrictTo }) });
    return completions.map(({ text, kind }) => `${kind}: ${text}`);
  }

  const meant = async (q: string, restrictTo?: Restriction) =>
    (await searched.index.suggest({ q, ...(restrictTo && { restrictTo }) })).didYouMean;

  describe('when the text begins a word', () => {
    it('name items by any of their words, SKUs and ids by their beginning; of most orders first, then of the newer one', async () => {
      assert.deepEqual(await completions('la'), [
        ...['item: Camping lantern', 'item: Garden lantern', 'item: Desk lamp', 'item: Décor, “large” <set>'],
        ...['sku: LAN-7', 'sku: LAN-8', 'sku: LAMP-1'],
      ]);
    });

    it('take all words of a text, in any order, the last one unfinished', async () => {
      assert.deepEqual(await completions('lantern gar'), ['item: Garden lantern']);
      assert.deepEqual(await completions('garden lantern'), ['item: Garden lantern']);
      assert.deepEqual(await completions('gar '), []);
    });

    it('let case and diacritics not matter', async () => {
      assert.deepEqual(await completions('jose GAR'), ['customer: José García']);
      for (const q of ['müll', 'mull', 'muell', 'UWE'])
        assert.deepEqual(await completions(q), ['customer: Uwe Müller']);
      assert.deepEqual(await completions('decor'), ['item: Décor, “large” <set>']);
    });

    it('name order ids, whatever their case', async () => {
      assert.deepEqual(await completions('WEB-10'), ['order: web-101', 'order: Web-100', 'order: web-102']);
      assert.deepEqual(await completions('tel-103'), ['order: tel-103']);
    });

    it('name SKUs with spaces in them', async () => {
      assert.deepEqual(await completions('dec 1'), ['sku: DEC 1']);
    });

    it('name no tags, no customer ids, and nothing of orders that are erased', async () => {
      assert.deepEqual(await completions('lany'), []);
      assert.deepEqual(await completions('C-'), []);
      for (const q of ['lantos', 'erased', 'LAN-9', 'web-gone']) assert.deepEqual(await completions(q), []);
    });
  });

  describe('when a word is misspelt', () => {
    it('put it right from item names, and complete what was meant', async () => {
      assert.equal(await meant('lantren'), 'lantern');
      assert.equal(await meant('campign lantern'), 'camping lantern');
      assert.equal(await meant('"Campnig" web-100'), '"camping" web-100');
      assert.deepEqual(await completions('lantren'), ['item: Camping lantern', 'item: Garden lantern']);
    });

    it('keep the marks of the word in the item name', async () => {
      assert.equal(await meant('decorr'), 'décor');
    });

    it('leave alone what is right, what is only near a name, and what is near nothing', async () => {
      for (const q of ['lantern', 'lant', 'jose lantern', 'garcai', 'zzzzzz', '']) {
        assert.equal(await meant(q), null, q);
      }
    });
  });

  describe('when the caller is restricted', () => {
    const customer = { field: 'customerId', value: 'C-1' } as const;
    const seller = { field: 'sellerId', value: 'S-2' } as const;

    it("offer nothing of anyone else's orders", async () => {
      assert.deepEqual(await completions('la', customer), [
        ...['item: Camping lantern', 'item: Desk lamp', 'sku: LAMP-1', 'sku: LAN-7'],
      ]);
      assert.deepEqual(await completions('lantern', seller), ['item: Garden lantern']);
      assert.deepEqual(await completions('web', customer), ['order: Web-100']);
      assert.deepEqual(await completions('jose', seller), []);
      assert.deepEqual(await completions('müller', customer), []);
    });

    it('put right only from what a search under the restriction finds', async () => {
      assert.equal(await meant('gardne'), 'garden');
      assert.equal(await meant('gardne', customer), null);
      assert.deepEqual(await completions('gardne', customer), []);
      assert.equal(await meant('campign', seller), null);
    });

    it('offer nothing to whom no order is', async () => {
      const nobody = { field: 'customerId', value: 'C-1*' } as const;
      for (const q of ['la', 'web', 'lantren']) assert.deepEqual(await completions(q, nobody), []);
    });
  });

  describe('when anything is typed', () => {
    const typed = [
      '"',
      '\\',
      '*',
      'a*',
      '?',
      '(a OR b',
      '[1 TO',
      'a:b',
      '/x/',
      '~2',
      '-',
      '%',
      '_',
      "'; --",
      '\u0000',
      '\u{1F380}',
      ' ',
    ];
    for (const q of [...typed, 'x'.repeat(1_024), 'y '.repeat(512), '日本', 'ﷺ'.repeat(1_024), '½'.repeat(1_024)]) {
      it(`never fail: ${JSON.stringify(q.slice(0, 12))}`, async () => {
        const { completions: offered, didYouMean } = await searched.index.suggest({ q });
        assert.ok(Array.isArray(offered));
        assert.equal(didYouMean, null);
      });
    }
  });

  describe('when an order has all words as they were typed, wherever', () => {
    it('mean nothing else, though its item has one like it', async () => {
      await searched.put({
        ...{ orderId: 'X-kettol', sellerId: 'S-77', tags: ['kettel'], items: [['X-KETTAL', 'Kettle']] },
        ...{ customer: { id: 'X-kettul', name: 'Ann Kettla' }, placedAt: '2026-05-02T00:00:00.000Z' },
      });
      const restrictTo = { field: 'sellerId', value: 'S-77' } as const;
      for (const word of ['kettol', 'kettul', 'kettla', 'kettel', 'kettal'])
        assert.equal(await meant(`${word} kettle`, restrictTo), null, word);
      assert.equal(await meant('kettil kettle', restrictTo), 'kettle kettle');
    });
  });

  describe('when ids are no plain ASCII', () => {
    const restrictTo = { field: 'sellerId', value: 'S-88' } as const;
    const named = (q: string) => completions(q, restrictTo);

    const at = { sellerId: 'S-88', placedAt: '2026-04-01T00:00:00.000Z', tags: ['é-1'] };

    before(async () => {
      const item = (sku: string): [string, string] => [sku, 'Vase'];
      await searched.put(
        { ...at, orderId: 'Ñ-1', items: [item('É-100'), item('e-200')], customer: { id: 'É-1', name: 'Ann' } },
        { ...at, orderId: 'n-2', items: [item(' LEAD-1'), item('STRAẞE 7')] },
        { ...at, orderId: 'Ж-3', items: [item('日本-1'), item('\u{1d400}9')] },
      );
    });

    it('name them by their beginning, whatever the case and the diacritics', async () => {
      for (const q of ['é-', 'e-', 'É-', 'E\u0301-']) assert.deepEqual(await named(q), ['sku: e-200', 'sku: É-100'], q);
      for (const q of ['É-1', 'e-1', 'e-100']) assert.deepEqual(await named(q), ['sku: É-100'], q);
      assert.deepEqual(await named('n-'), ['order: n-2', 'order: Ñ-1']);
      for (const q of ['ж-3', 'Ж']) assert.deepEqual(await named(q), ['order: Ж-3'], q);
      for (const q of ['strasse', 'STRASSE 7', 'straß']) assert.deepEqual(await named(q), ['sku: STRAẞE 7'], q);
      assert.deepEqual(await named('日本'), ['sku: 日本-1']);
      assert.deepEqual(await named('a9'), ['sku: \u{1d400}9']);
      await searched.put({ ...at, orderId: 'B-1', items: [['B', '\u{1e900}\u{1e901}\u{1e902}']] });
      assert.deepEqual(await named('\u{1e922}'), ['item: \u{1e900}\u{1e901}\u{1e902}']);
    });

    it('name one with a blank before it', async () => {
      for (const q of ['lead', ' lead-1']) assert.deepEqual(await named(q), ['sku:  LEAD-1'], q);
    });

    it('name them however many newer orders have other ids that begin so', async () => {
      const newer = Array.from({ length: 40 }, (_, n): SampleOrder => {
        const ids = { orderId: `e-1${n}`, customer: { id: `e-1${n}`, name: 'Bob' }, tags: [`e-1${n}`] };
        return { ...ids, sellerId: 'S-88', placedAt: '2026-04-02T00:00:00.000Z', items: [['V', 'Vase']] };
      });
      await searched.put(...newer);
      assert.deepEqual(
        (await named('e-1')).filter((text) => text.startsWith('sku')),
        ['sku: É-100'],
      );
    });
  });

  describe('when an id is typed to its end, and many newer ones begin so', () => {
    it('offer it first', async () => {
      const restrictTo = { field: 'sellerId', value: 'S-99' } as const;
      const at = { sellerId: 'S-99', customer: { id: 'C-99', name: 'Ann' } };
      const newer = Array.from({ length: 40 }, (_, n): SampleOrder => {
        const item: [string, string] = [`SK-1${n % 2}`, 'Vase'];
        return { ...at, orderId: `SO-10${n}`, placedAt: '2026-04-02T00:00:00.000Z', items: [item] };
      });
      const old = { ...at, orderId: 'SO-10', placedAt: '2026-04-01T00:00:00.000Z' };
      await searched.put(...newer, { ...old, items: [['SK-1', 'Vase']] });
      for (const q of ['so-10', 'SO-10 ']) {
        const offered = await completions(q, restrictTo);
        assert.deepEqual([offered[0], offered.length], ['order: SO-10', 5], q);
      }
      assert.deepEqual(await completions('sk-1', restrictTo), ['sku: SK-1', 'sku: SK-10', 'sku: SK-11']);
    });
  });

  describe('when many newer orders have ids of another kind that begin so', () => {
    /** More than the orders from which a kind is drawn. */
    const newer = (sellerId: string, idsOf: (n: number) => Pick<SampleOrder, 'orderId' | 'items'>) =>
      Array.from({ length: 40 }, (_, n): SampleOrder => {
        return { ...idsOf(n), sellerId, placedAt: '2026-04-02T00:00:00.000Z' };
      });
    const older = { placedAt: '2026-04-01T00:00:00.000Z' };
    const named = async (kind: string, q: string, sellerId: string) =>
      (await completions(q, { field: 'sellerId', value: sellerId })).filter((text) => text.startsWith(kind)).sort();

    it('name SKUs beside order ids', async () => {
      const sellerId = 'S-crowd-orders';
      await searched.put(
        { ...older, orderId: 'k-1', sellerId, items: [['U-100', 'Vase'], ['Ü-200', 'Bowl']] },
        ...newer(sellerId, (n) => ({ orderId: `Ü-3${n}`, items: [['V', 'Vase']] })),
      ); // prettier-ignore
      for (const q of ['u', 'ü-']) assert.deepEqual(await named('sku', q, sellerId), ['sku: U-100', 'sku: Ü-200'], q);
    });

    it('name order ids beside SKUs', async () => {
      const sellerId = 'S-crowd-skus';
      await searched.put(
        { ...older, orderId: 'u-100', sellerId, items: [['V', 'Vase']] },
        { ...older, orderId: 'Ü-200', sellerId, items: [['V', 'Vase']] },
        ...newer(sellerId, (n) => ({ orderId: `crowd-${n}`, items: [['Ü-3', 'Vase']] })),
      );
      const wanted = ['order: u-100', 'order: Ü-200'];
      for (const q of ['u', 'ü-']) assert.deepEqual(await named('order', q, sellerId), wanted, q);
    });
  });

  describe('when many orders match', () => {
    it('tell five of a kind, from the newest orders', async () => {
      const many = Array.from({ length: 40 }, (_, n): SampleOrder => {
        const at = new Date(Date.UTC(2026, 4, 1, 0, n)).toISOString();
        return { orderId: `bulk-${n}`, sellerId: 'S-9', items: [[`Z-${n}`, `Zebra ${n % 8}`]], placedAt: at };
      });
      await searched.put(...many);
      const zebras = [7, 6, 5, 4, 3].map((n) => `item: Zebra ${n}`);
      // Of the 30 newest, 10 to 39: those of four orders (2 to 7) before those of three.
      assert.deepEqual(await completions('zebra'), zebras);
      assert.deepEqual(
        await completions('bulk'),
        [39, 38, 37, 36, 35].map((n) => `order: bulk-${n}`),
      );
    });
  });
});

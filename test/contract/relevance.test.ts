import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { DocumentWrite, OrderIndex, SearchHit } from '../../src/order-index/port.ts';
import { sampleHistory } from '../../src/sample/sample-history.ts';
import { sampleWrite } from '../integration/elasticsearch/sample-orders.ts';
import { describeForEachBackend } from '../support/backends.ts';
import type { Backend, IndexPlace } from '../support/backends.ts';
import { foldedOrders } from '../support/folded-orders.ts';
import { RANKED_ORDERS, RANKED_QUERIES, REAL_QUERIES, SAMPLE_QUERIES } from '../support/judged-queries.ts';
import type { JudgedQuery } from '../support/judged-queries.ts';

const FILE = new URL('../../../shared/data/online-retail.events.ndjson.gz', import.meta.url).pathname;
const MADE_AT = new Date('2026-03-01T00:00:00Z');
const FIRST = 5;
const WRITTEN_AT_ONCE = 100;

/** The worth of a place in the list falls with its logarithm. */
const GAINS = { best: 3, good: 1 };

interface Measured {
  readonly reciprocalRank: number;
  readonly ndcg: number;
}

function measured(
  { best, good = best }: JudgedQuery,
  hits: readonly SearchHit[],
  all: readonly DocumentWrite[],
): Measured {
  const gainOf = (document: SearchHit['document']) => (best(document) ? GAINS.best : good(document) ? GAINS.good : 0);
  const discounted = (gains: readonly number[]) =>
    gains.slice(0, FIRST).reduce((sum, gain, at) => sum + gain / Math.log2(at + 2), 0);
  const found = hits.map(({ document }) => gainOf(document));
  // An order that was not found at all could not have been first, whatever a loose judgement says of it.
  const ideal = all.map(({ document }) => gainOf(document)).sort((a, b) => b - a).slice(0, Math.max(hits.length, 1)); // prettier-ignore
  const rank = hits.findIndex(({ document }) => best(document));
  const isEmptyAsWanted = hits.length === 0 && !all.some(({ document }) => best(document));
  return {
    reciprocalRank: isEmptyAsWanted ? 1 : rank < 0 ? 0 : 1 / (rank + 1),
    ndcg: isEmptyAsWanted ? 1 : discounted(found) / (discounted(ideal) || 1),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function described({ document }: SearchHit): string {
  const { orderId, customerName = '', itemNames = [], tags = [] } = document;
  return `${orderId} ${customerName} [${itemNames.slice(0, 6).join(' | ')}] ${tags.join(' ')}`;
}

/** Every query's first, its first five and what must not be found; in the end the means. */
function judge(
  backend: Backend,
  title: string,
  queries: readonly JudgedQuery[],
  orders: () => readonly DocumentWrite[],
) {
  describe(title, function () {
    this.timeout(60_000);
    let place: IndexPlace;
    let index: OrderIndex;
    let all: readonly DocumentWrite[];
    const measures: Measured[] = [];

    before(async () => {
      all = orders();
      place = backend.index();
      index = place.instance();
      await index.open();
      const { live } = await index.registry();
      for (let from = 0; from < all.length; from += WRITTEN_AT_ONCE) {
        const outcomes = await index.write(live, all.slice(from, from + WRITTEN_AT_ONCE), 'live');
        assert.deepEqual(
          outcomes.filter(({ kind }) => kind !== 'written'),
          [],
        );
      }
      await index.refresh();
    });
    after(() => place.remove());

    for (const query of queries) {
      it(`answers ${JSON.stringify(query.q)} as a person would`, async () => {
        const { q, best, good = best, never = () => false } = query;
        const { hits } = await index.search({ q, sort: 'relevance', size: 100 });
        measures.push(measured(query, hits, all));
        const told = hits.slice(0, FIRST).map(described).join('\n');
        const [first] = hits;
        if (all.some(({ document }) => best(document))) assert.ok(first && best(first.document), `first:\n${told}`);
        else assert.deepEqual(hits, []);
        for (const { document } of hits.slice(0, FIRST)) assert.ok(good(document), `first five:\n${told}`);
        for (const hit of hits) assert.ok(!never(hit.document), `never: ${described(hit)}`);
      });
    }

    it('has a mean reciprocal rank of at least 0.9', function () {
      const [mrr, ndcg] = [
        mean(measures.map(({ reciprocalRank }) => reciprocalRank)),
        mean(measures.map((one) => one.ndcg)),
      ];
      console.log(
        `      ${backend.name}, ${title}: ${measures.length} queries, MRR ${mrr.toFixed(3)}, nDCG@${FIRST} ${ndcg.toFixed(3)}`,
      );
      assert.equal(measures.length, queries.length);
      assert.ok(mrr >= 0.9 && ndcg >= 0.9);
    });
  });
}

describeForEachBackend('relevance', (backend) => {
  judge(backend, 'orders that differ in one thing', RANKED_QUERIES, () => RANKED_ORDERS.map(sampleWrite));
  judge(backend, 'the sample shop', SAMPLE_QUERIES, () => {
    const events = sampleHistory('relevance', 200, MADE_AT).flat();
    return foldedOrders(events.map((event) => JSON.stringify(event)));
  });
  if (existsSync(FILE)) {
    judge(backend, 'the real orders', REAL_QUERIES, () =>
      foldedOrders(gunzipSync(readFileSync(FILE)).toString().trim().split('\n')),
    );
  } else {
    console.log(`relevance over the real orders is not judged: ${FILE.split('/').slice(-3).join('/')} is absent`);
  }
});

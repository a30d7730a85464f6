import type {
  AggregateDefinition,
  AggregateRow,
  AggregateStore,
  Aggregates,
  RowQuery,
  TopProduct,
} from '../order-index/aggregates-port.ts';
import { AggregatesNotBuiltError } from '../order-index/port.ts';
import { dailyRows, totalsOf } from './daily-view.ts';
import type { CurrencyTotals, DailyRow } from './daily-view.ts';
import { REVENUE_DAILY } from './revenue-daily.ts';
import { SELLER_DAILY } from './seller-daily.ts';

const TOP_PRODUCTS = 10;

/** Of which moment the rows of an aggregate are. */
export interface AggregateProgress {
  /** RFC 3339: all that was published up to then is in the rows that are read from now on. */
  readonly asOf: string;
  /** RFC 3339, in event time; undefined before the first event. */
  readonly watermark: string | undefined;
  /** A day: those before it are not kept. It is told before they are dropped. Undefined: all are kept. */
  readonly keptFrom: string | undefined;
}

export interface DayRange {
  /** `YYYY-MM-DD`, UTC, both included. */
  readonly from: string;
  readonly to: string;
}

/** How old an answer is, and from which day on there is any; absent where all days are kept. */
export interface Standing {
  /** RFC 3339. */
  readonly asOf: string;
  readonly keptFrom?: string;
}

export interface RevenueDaily extends Standing {
  readonly days: readonly DailyRow[];
}

export interface SellerDashboard extends RevenueDaily {
  readonly totals: readonly CurrencyTotals[];
  /** Those of the most revenue, the most first. */
  readonly topProducts: readonly TopProduct[];
}

/** Both reject with AggregatesNotBuiltError where there is nothing, or nothing any more, and with IndexUnavailableError. */
export interface AggregateReader {
  /** `currencies`: those asked for; empty: those in which there is anything. */
  revenueDaily(
    query: DayRange & { readonly currencies: readonly string[] },
    signal: AbortSignal,
  ): Promise<RevenueDaily>;
  /** Without rows for a seller of whom nothing is known, but for those of the currencies that are asked for. */
  sellerDashboard(
    query: DayRange & { readonly sellerId: string; readonly currencies: readonly string[] },
    signal: AbortSignal,
  ): Promise<SellerDashboard>;
}

export interface AggregateReaderDependencies {
  readonly stores: Pick<Aggregates, 'store'>;
  /** Of the aggregate of that name; undefined while it was never derived. */
  readonly progress: (aggregate: string) => Promise<AggregateProgress | undefined>;
}

/** Answers from the rows that the refresher keeps. */
export function createAggregateReader(dependencies: AggregateReaderDependencies): AggregateReader {
  return {
    revenueDaily: async ({ currencies, ...asked }, signal) => {
      const { found, view, standing } = await readKept(dependencies, REVENUE_DAILY, asked, async (store, range) => ({
        rows: await store.rows({ ...range, ...narrowedTo(currencies) }, signal),
      }));
      return { days: dailyRows(found.rows, { ...view, currencies }), ...standing };
    },
    sellerDashboard: async ({ sellerId, currencies, ...asked }, signal) => {
      const { found, view, standing } = await readKept(dependencies, SELLER_DAILY, asked, async (store, range) => {
        const query = { ...range, sellerId, ...narrowedTo(currencies) };
        const [rows, topProducts] = await Promise.all([
          store.rows(query, signal),
          store.topProducts({ ...query, size: TOP_PRODUCTS }, signal),
        ]);
        return { rows, topProducts };
      });
      const days = dailyRows(found.rows, { ...view, currencies });
      return { days, totals: totalsOf(days), topProducts: found.topProducts, ...standing };
    },
  };
}

function narrowedTo(currencies: readonly string[]): Pick<RowQuery, 'currencies'> {
  return currencies.length > 0 ? { currencies } : {};
}

/** What an answer is made of. */
interface Found {
  readonly rows: readonly AggregateRow[];
}

interface Kept<T> {
  readonly found: T;
  /** Those of the days asked for that are kept, and how far they are. */
  readonly view: DayRange & Pick<AggregateProgress, 'watermark'>;
  readonly standing: Standing;
}

async function readKept<T extends Found>(
  { stores, progress }: AggregateReaderDependencies,
  aggregate: AggregateDefinition,
  asked: DayRange,
  read: (store: AggregateStore, range: DayRange) => Promise<T>,
): Promise<Kept<T>> {
  const reached = async () => {
    const known = await progress(aggregate.name);
    if (!known) throw new AggregatesNotBuiltError('The aggregates are being built for the first time.');
    return known;
  };
  // Before the rows are: what is counted while they are read may be missing from them.
  const { asOf, watermark, keptFrom } = await reached();
  const store = stores.store(aggregate);
  const found = await read(store, within(asked, keptFrom));
  if (keptFrom === undefined) return { found, view: { ...asked, watermark }, standing: { asOf } };
  // Again: a day that was dropped while they were read would look like one without orders.
  const { keptFrom: stillFrom = keptFrom } = await reached();
  return { found, view: { ...within(asked, stillFrom), watermark }, standing: { asOf, keptFrom: stillFrom } };
}

function within({ from, to }: DayRange, keptFrom = from): DayRange {
  return { from: from > keptFrom ? from : keptFrom, to };
}

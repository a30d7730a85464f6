import type { OrderView } from '../../src/order/document.ts';
import { foldText, wordsOf } from '../../src/order/search-text.ts';
import type { SampleOrder } from '../integration/elasticsearch/sample-orders.ts';

type Judgement = (order: OrderView) => boolean;

/** What a person expects of a query. */
export interface JudgedQuery {
  readonly q: string;
  /** Must be first. */
  readonly best: Judgement;
  /** All of the first five must be; by default the same as `best`. */
  readonly good?: Judgement;
  /** Must not be found. */
  readonly never?: Judgement;
}

const id = (...ids: string[]): Judgement => ({ orderId }) => ids.includes(orderId); // prettier-ignore
const sku = (wanted: string): Judgement => ({ skus = [] }) => skus.includes(wanted); // prettier-ignore
const tag = (wanted: string): Judgement => ({ tags = [] }) => tags.includes(wanted); // prettier-ignore
const customer = (wanted: string): Judgement => ({ customerId }) => customerId === wanted; // prettier-ignore
const name = (wanted: string): Judgement => ({ customerName }) => customerName?.includes(wanted) === true; // prettier-ignore
const not = (judgement: Judgement): Judgement => (order) => !judgement(order); // prettier-ignore
const any: Judgement = () => true;
const none: Judgement = () => false;

/** One item's name has these words, one after another. */
const item = (wanted: string): Judgement => ({ itemNames = [] }) => itemNames.some((text) => ` ${plain(text)} `.includes(` ${plain(wanted)} `)); // prettier-ignore
/** One item's name has a word that begins so. */
const begins = (wanted: string): Judgement => ({ itemNames = [] }) => itemNames.some((text) => ` ${plain(text)}`.includes(` ${wanted}`)); // prettier-ignore

function plain(text: string): string {
  return wordsOf(foldText(text)).map(({ folded }) => folded).join(' '); // prettier-ignore
}

/** Over the orders of the sample shop (`sampleHistory('relevance', 200, 2026-03-01)`): names in many scripts. */
export const SAMPLE_QUERIES: readonly JudgedQuery[] = [
  { q: 'S-MM6ZH1C0-0042', best: id('S-MM6ZH1C0-0042'), good: any },
  { q: 's-mm6zh1c0-0142', best: id('S-MM6ZH1C0-0142'), good: any },
  { q: 'HH-1002', best: sku('HH-1002') },
  { q: 'hh-1002 ', best: sku('HH-1002') },
  { q: 'br-5006', best: sku('BR-5006') },
  { q: 'c-1000', best: customer('c-1000') },
  { q: 'white metal lantern', best: item('white metal lantern') },
  { q: 'lantern metal white', best: item('white metal lantern') },
  { q: 'camping lantern', best: item('camping lantern') },
  { q: 'lantren', best: item('lantern') },
  { q: 'lant', best: begins('lant') },
  { q: 'campign lantern', best: item('camping lantern') },
  { q: '"metal lantern"', best: item('metal lantern'), never: not(item('metal lantern')) },
  { q: 'bakcpack', best: item('backpack') },
  { q: 'merino sokcs', best: item('merino hiking socks') },
  { q: 'bottle 32 oz', best: item('insulated bottle 32 oz') },
  { q: 'tent person', best: item('two person tent') },
  { q: 'jose', best: name('José'), good: any },
  { q: 'JOSÉ ALVAREZ', best: name('José Álvarez') },
  { q: 'müller', best: name('Müller') },
  { q: 'mueller', best: name('Müller') },
  { q: 'Muller', best: name('Müller') },
  { q: 'anna mueller', best: name('Anna Müller') },
  { q: '"Anna Mueller"', best: name('Anna Müller'), never: not(name('Anna Müller')) },
  { q: '"HH-1002"', best: sku('HH-1002'), never: not(sku('HH-1002')) },
  { q: '"oficina"', best: tag('enviar a oficina'), good: any },
  { q: '"enviar a oficina"', best: tag('enviar a oficina'), never: not(tag('enviar a oficina')) },
  { q: 'lukasz wisniewski', best: name('Łukasz Wiśniewski') },
  { q: 'soren kjaergaard', best: name('Søren Kjærgaard') },
  { q: 'Kjærgaard', best: name('Kjærgaard') },
  { q: 'zoe berg', best: name('Zoë van den Berg') },
  { q: 'francois lefevre', best: name('François Lefèvre') },
  { q: 'weiss', best: name('Weiß') },
  { q: 'oedegaard', best: name('Ødegård') },
  { q: 'odegard', best: name('Ødegård') },
  { q: 'παπαδοπουλος', best: name('Παπαδόπουλος') },
  { q: 'иванов', best: name('Иванов') },
  { q: 'dvorak', best: name('Dvořák') },
  { q: 'celik', best: name('Çelik') },
  { q: 'ferrari', best: name('Ferrarì') },
  { q: "o'brien", best: name("O'Brien") },
  { q: 'obrien', best: name("O'Brien") },
  { q: 'obri', best: name("O'Brien") },
  { q: 'nguyen mai', best: name('Nguyễn Thị Mai') },
  { q: '花子', best: name('花子') },
  { q: '抹茶', best: item('宇治抹茶') },
  { q: 'teekanne föhr', best: item('teekanne fohr') },
  { q: 'foehr', best: item('fohr') },
  { q: 'grosse obstschussel', best: item('grosse obstschussel') },
  { q: 'OBSTSCHUESSEL', best: item('obstschussel') },
  { q: 'creme brulee', best: item('creme brulee') },
  { q: 'jamon iberico', best: item('jamon iberico') },
  { q: 'laka atlas', best: item('laka atlas') },
  { q: 'wholesale', best: tag('wholesale') },
  { q: 'geschenk', best: tag('Geschenk') },
  { q: '+lantern!!', best: item('lantern') },
  { q: '(lantern', best: item('lantern') },
  { q: '"lantern', best: item('lantern') },
  { q: '\\lantern/ ~', best: item('lantern') },
  { q: 'lantern:*', best: item('lantern') },
  { q: 'xyzzyq', best: none, never: any },
];

const OLD = '2026-01-01T10:00:00.000Z';
const NEW = '2026-02-01T10:00:00.000Z';
const NEWEST = '2026-02-02T10:00:00.000Z';
const JOSE = { id: 'K-1', name: 'José Ortega' };

/** A handful of orders that differ in one thing each. */
export const RANKED_ORDERS: readonly SampleOrder[] = [
  { orderId: 'phrase', items: ['Tall red lamp shade'], placedAt: OLD },
  { orderId: 'reversed', items: ['Lamp, red'], placedAt: NEW },
  { orderId: 'scattered', items: ['Red candle', 'Desk lamp'], placedAt: NEWEST },
  { orderId: 'tagged', items: ['Vase'], tags: ['lamp'], placedAt: NEWEST },
  { orderId: 'begun', items: ['Lampion'], placedAt: NEWEST },
  { orderId: 'lamb', items: ['Lamb wool'], placedAt: OLD },
  { orderId: 'bulb-40', items: [['B-40W', 'Bulb 40W']], placedAt: OLD },
  { orderId: 'bulb-41', items: [['B-41W', 'Bulb 41W']], placedAt: NEWEST },
  { orderId: 'across', customer: JOSE, items: ['Floor lamp'], placedAt: OLD },
  { orderId: 'his-other', customer: JOSE, items: ['Mug'], placedAt: NEWEST },
  { orderId: 'SKU-7', items: [['X-1', 'Box']], placedAt: OLD },
  { orderId: 'names-it', items: [['SKU-7', 'Cup']], placedAt: NEW },
  { orderId: 'mentions-it', items: [['X-2', 'Spare part for SKU-7']], placedAt: NEWEST },
  { orderId: 'neighbours', items: ['Blue kettle', 'Drum kit'], placedAt: NEWEST },
  { orderId: 'one-name', items: ['Big kettle drum'], placedAt: OLD },
  { orderId: 'together', items: ['Brass Müller reading globe'], placedAt: OLD },
  { orderId: 'strewn', items: ['Brass bell', 'Reading glass, Mueller', 'Globe'], placedAt: NEWEST },
  { orderId: 'strewn-too', items: ['Globe', 'Brass', 'Müller'], placedAt: NEWEST },
  { orderId: 'wrap', items: ['Green gift wrap'], placedAt: OLD },
  { orderId: 'to-wrap', items: ['Fern'], tags: ['gift wrap'], placedAt: NEWEST },
  { orderId: 'tie-old', items: ['Walnut frame'], placedAt: OLD },
  { orderId: 'tie-new', items: ['Walnut frame'], placedAt: NEW },
];

export const RANKED_QUERIES: readonly JudgedQuery[] = [
  { q: 'red lamp', best: id('phrase'), good: any },
  { q: 'lamp red', best: id('reversed'), good: any },
  { q: 'lamp shade', best: id('phrase'), good: any },
  { q: 'lamp ', best: id('scattered'), good: not(id('begun', 'lamb')), never: id('begun') },
  { q: 'lamp', best: id('scattered'), good: not(id('lamb')) },
  { q: 'lamb ', best: id('lamb'), good: any },
  { q: 'lampi', best: id('begun'), good: any },
  { q: 'jose lamp', best: id('across'), good: any, never: id('his-other') },
  { q: 'lamp josé', best: id('across'), good: any },
  { q: 'bulb 40w', best: id('bulb-40'), never: id('bulb-41') },
  { q: 'sku-7', best: id('names-it', 'SKU-7'), good: id('names-it', 'SKU-7', 'mentions-it') },
  { q: '"SKU-7"', best: id('names-it', 'SKU-7'), good: id('names-it', 'SKU-7', 'mentions-it') },
  { q: '"bulb-40"', best: id('bulb-40'), good: id('bulb-40') },
  { q: 'brass globe', best: id('together'), good: any },
  { q: 'globe brass', best: id('together'), good: any },
  { q: 'globe mueller brass ', best: id('together'), good: any },
  { q: 'globe müller globe', best: id('together'), good: any },
  { q: '"gift wrap"', best: id('wrap'), good: id('wrap', 'to-wrap') },
  { q: 'kettle drum', best: id('one-name'), good: any },
  { q: '"kettle drum"', best: id('one-name'), never: id('neighbours') },
  { q: 'walnut', best: id('tie-new'), good: any },
  { q: '"red lamp"', best: id('phrase'), never: id('scattered', 'reversed') },
  { q: '"lamp red"', best: id('reversed'), never: id('scattered', 'phrase') },
  { q: 'wlanut frmae', best: id('tie-new'), good: any },
];

/** Over the 439 real orders of a British shop, where they are at hand: names in capitals, hundreds of lines an order. */
export const REAL_QUERIES: readonly JudgedQuery[] = [
  { q: '536365', best: id('536365'), good: any },
  { q: '85123A', best: sku('85123A') },
  { q: '85123a', best: sku('85123A') },
  { q: '17850', best: customer('17850') },
  { q: 'white hanging heart t-light holder', best: item('white hanging heart t light holder') },
  { q: 'hanging heart', best: item('hanging heart') },
  { q: '"heart t-light holder"', best: item('heart t light holder'), never: not(item('heart t light holder')) },
  { q: 'hand wramer', best: item('hand warmer') },
  { q: 'hand warmer owl', best: item('hand warmer owl') },
  { q: 'regency cakestand', best: item('regency cakestand') },
  { q: 'cakestnad', best: item('cakestand') },
  { q: 'jam making set printed', best: item('jam making set printed') },
  { q: 'charlie lola', best: item('charlie lola') },
  { q: 'hot water bottle babushka', best: item('hot water bottle babushka') },
  { q: 'babushka nesting', best: item('babushka nesting') },
  { q: 'dinosaur set', best: item('dinosaur set'), good: any },
  { q: '"dinosaur set"', best: item('dinosaur set'), never: not(item('dinosaur set')) },
  { q: 'gold flying ducks', best: item('gold flying ducks') },
  { q: 'umbrella cream polkadot', best: item('umbrella cream polkadot'), good: any },
  { q: 'folding umbrela', best: item('folding umbrella') },
  { q: 'snowflake table light', best: item('snowflake portable table light'), good: any },
  { q: 'red retrospot', best: item('red retrospot') },
  { q: 'vintage chrismas', best: begins('christmas') },
  { q: 'lavender incense', best: item('lavender incense') },
  { q: 'white metal lantern', best: item('white metal lantern') },
  { q: 'lithuania', best: tag('Lithuania') },
  { q: 'germany', best: tag('Germany') },
  { q: 'guest', best: customer('guest'), good: any },
  { q: 'paper chain kit 50', best: item('paper chain kit 50') },
  { q: "pink b'fly", best: item('pink b fly'), good: any },
  { q: 'pink bfly', best: item('pink b fly'), good: any },
  { q: 'poppys playhouse kitchen', best: item('poppy s playhouse kitchen') },
  { q: '"poppys playhouse"', best: item('poppy s playhouse'), never: not(item('poppy s playhouse')) },
  { q: 'paper chain kit 50s christmas', best: item('paper chain kit 50 s christmas') },
  { q: 'im on holiday', best: item('i m on holiday') },
  { q: 'youre confusing me', best: item('you re confusing me') },
];

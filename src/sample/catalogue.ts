/** Who sells what to whom in the sample orders. Prices are in minor units of the seller's currency. */
export interface Seller {
  readonly id: string;
  readonly currency: string;
  /** Its system still sends the older events: `order.placed.v1`, `OrderPaid`. */
  readonly isLegacy: boolean;
  readonly carriers: readonly [string, ...string[]];
  readonly products: readonly [Product, ...Product[]];
}

export interface Product {
  readonly sku: string;
  readonly name: string;
  readonly unitPriceCents: number;
}

function product(sku: string, name: string, unitPriceCents: number): Product {
  return { sku, name, unitPriceCents };
}

export const SELLERS: readonly [Seller, ...Seller[]] = [
  {
    id: 'harbour-home',
    currency: 'GBP',
    isLegacy: true,
    carriers: ['Royal Mail', 'DPD'],
    products: [
      product('HH-1001', 'Storm lantern, brass', 3450),
      product('HH-1002', 'White metal lantern', 1295),
      product('HH-1003', 'Enamel teapot, cream', 2150),
      product('HH-1004', 'Linen tea towel, set of 3', 1400),
      product('HH-1005', 'Oak chopping board', 2899),
      product('HH-1006', 'Beeswax candle', 650),
      product('HH-1007', 'Wool blanket, herringbone', 6900),
    ],
  },
  {
    id: 'nordlicht-keramik',
    currency: 'EUR',
    isLegacy: false,
    carriers: ['DHL', 'Hermes'],
    products: [
      product('NK-201', 'Teekanne „Föhr“, 1,2 l', 4890),
      product('NK-202', 'Müslischale, graublau', 1590),
      product('NK-203', 'Große Obstschüssel', 3900),
      product('NK-204', 'Kaffeebecher mit Henkel', 1450),
      product('NK-205', 'Blumentopf Größe M', 2200),
      product('NK-206', 'Weihnachtsstern aus Porzellan', 990),
    ],
  },
  {
    id: 'casa-alba',
    currency: 'EUR',
    isLegacy: true,
    carriers: ['Correos', 'SEUR'],
    products: [
      product('CA-11', 'Aceite de oliva virgen extra, 500 ml', 1150),
      product('CA-12', 'Jamón ibérico, loncheado', 1890),
      product('CA-13', 'Turrón de almendra', 790),
      product('CA-14', 'Piñones de Valladolid', 1250),
      product('CA-15', 'Mantón bordado', 8900),
    ],
  },
  {
    id: 'atelier-du-thé',
    currency: 'EUR',
    isLegacy: false,
    carriers: ['Colissimo'],
    products: [
      product('AT-301', 'Thé noir à la crème brûlée', 1290),
      product('AT-302', 'Thé vert « Forêt d’été »', 1390),
      product('AT-303', 'Boîte à thé en tôle laquée', 1650),
      product('AT-304', 'Théière en fonte, 0,8 l', 5400),
      product('AT-305', 'Infusion cœur de verveine', 890),
    ],
  },
  {
    id: 'kyoto-chaho',
    currency: 'JPY',
    isLegacy: false,
    carriers: ['ヤマト運輸', '日本郵便'],
    products: [
      product('KC-001', '宇治抹茶 30g', 1620),
      product('KC-002', '玉露 100g', 3240),
      product('KC-003', '南部鉄器 急須', 8800),
      product('KC-004', '有田焼 湯呑み', 2750),
      product('KC-005', 'ほうじ茶ティーバッグ 20個入', 980),
    ],
  },
  {
    id: 'blue-ridge-outdoor',
    currency: 'USD',
    isLegacy: false,
    carriers: ['UPS', 'FedEx', 'USPS'],
    products: [
      product('BR-5001', 'Camping lantern, rechargeable', 3999),
      product('BR-5002', 'Two-person tent', 18999),
      product('BR-5003', 'Insulated bottle 32 oz', 2995),
      product('BR-5004', 'Merino hiking socks', 1850),
      product('BR-5005', 'Trail backpack 40 L', 12900),
      product('BR-5006', 'Folding camp stove', 4550),
    ],
  },
  {
    id: 'warszawskie-książki',
    currency: 'EUR',
    isLegacy: true,
    carriers: ['InPost', 'Poczta Polska'],
    products: [
      product('WK-71', 'Solaris, oprawa twarda', 1499),
      product('WK-72', 'Wiersze wybrane – Szymborska', 1199),
      product('WK-73', 'Łąka: atlas roślin', 2499),
      product('WK-74', 'Zeszyt w kratkę, 5 szt.', 690),
    ],
  },
];

/** Customer `c-1000` is the first, and so on: the same people order again. */
export const CUSTOMER_NAMES: readonly [string, ...string[]] = [
  'José Álvarez', 'Anna Müller', '田中 花子', 'Łukasz Wiśniewski', 'Nguyễn Thị Mai', 'Emily Clarke', 'Søren Kjærgaard', 'Zoë van den Berg',
  'François Lefèvre', 'Chloé Dubois', '佐藤 健', 'Jürgen Groß', 'Paweł Żółkiewski', 'Trần Văn Đức', 'María Núñez Peña', "Siobhán O'Brien",
  'Håkon Ødegård', 'Åsa Lindström', '김민준', '이서연', '王小明', '李娜', 'Олена Шевченко', 'Дмитрий Иванов', 'Γιώργος Παπαδόπουλος', 'Ayşe Yılmaz',
  'İbrahim Çelik', 'Björk Þórðardóttir', 'Dvořák Ondřej', 'Szabó Erzsébet', 'James Whitfield', 'Priya Raman', 'Mohammed Al-Farsi', 'Grace Okonkwo',
  'Inês Gonçalves', 'João Conceição', 'Giulia Esposito', 'Niccolò Ferrarì', 'Kateřina Nováková', 'Ștefan Ionescu', 'Marta Kowalczyk', 'Oliver Brown',
  'Sofia Rossi', 'Müller-Lüdenscheidt Karl', '鈴木 一郎', 'Phạm Quỳnh Anh', 'Amélie Œuvrard', 'Thomas Weiß',
]; // prettier-ignore

export const TAGS: readonly [string, ...string[]] = [
  'gift',
  'express',
  'fragile',
  'vip',
  'wholesale',
  'first-order',
  'Geschenk',
  'enviar a oficina',
  'pickup',
];
export const PAYMENT_METHODS: readonly [string, ...string[]] = [
  'card',
  'paypal',
  'sepa',
  'invoice',
  'klarna',
  'apple-pay',
];
export const CANCEL_REASONS: readonly [string, ...string[]] = [
  'changed their mind',
  'out of stock',
  'ordered twice',
  'payment not received',
];
export const REFUND_REASONS: readonly [string, ...string[]] = [
  'returned',
  'arrived damaged',
  'goodwill',
  'item missing',
];

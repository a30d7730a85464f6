/**
 * ISO 4217, list one (active codes), and codes withdrawn since 2009 that old logs still carry. Kept here and not taken from ICU,
 * whose list and decimals (CLDR's) change with the Node version: whether an event is valid must not.
 */
const CODES = `
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CLF CLP
CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD
IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV
MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN
SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XCD XCG XDR XOF XPD
XPF XPT XSU XUA YER ZAR ZMW ZWG
BYR CUC EEK HRK LTL LVL MRO SLL STD VEF ZMK ZWL`;

const CURRENCIES: ReadonlySet<string> = new Set(CODES.trim().split(/\s+/));

/** How many decimals amounts have by ISO 4217 where it is not two; none too for what has no minor unit. */
const DECIMALS: ReadonlyMap<string, number> = new Map(
  (
    [
      [0, 'BIF BYR CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF XAG XAU XDR XPD XPT XSU XUA'],
      [3, 'BHD IQD JOD KWD LYD OMR TND'],
      [4, 'CLF UYW'],
    ] as const
  ).flatMap(([decimals, codes]) => codes.split(' ').map((code) => [code, decimals])),
);

export function isCurrency(code: string): boolean {
  return CURRENCIES.has(code);
}

export function hasTwoDecimals(currency: string): boolean {
  return decimalsOf(currency) === 2;
}

/** How many decimals its amounts have: `totalCents` and its like are in the minor unit. The pages write amounts by it too. */
export function decimalsOf(currency: string): number {
  return DECIMALS.get(currency) ?? 2;
}

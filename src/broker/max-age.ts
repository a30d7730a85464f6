const DAY_MS = 24 * 3_600_000;
/** As RabbitMQ reckons. */
const UNIT_MS: Readonly<Record<string, number>> = {
  ...{ Y: 365 * DAY_MS, M: 30 * DAY_MS, D: DAY_MS },
  ...{ h: 3_600_000, m: 60_000, s: 1_000 },
};

/** Of a stream's `x-max-age`, such as `30D`. @throws Error where it is none, a bug: the configuration refuses it */
export function maxAgeMs(text: string): number {
  const unit = UNIT_MS[text.slice(-1)];
  const count = Number(text.slice(0, -1));
  if (unit === undefined || !Number.isInteger(count)) throw new Error(`${text} is no age`);
  return count * unit;
}

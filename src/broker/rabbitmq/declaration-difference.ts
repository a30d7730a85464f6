/** What RabbitMQ says when something exists that is declared differently (406 PRECONDITION_FAILED). */
export interface DeclarationDifference {
  readonly what: 'queue' | 'exchange';
  readonly name: string;
  /** The argument's or property's name: `x-max-age`, `type`, `durable`. */
  readonly argument: string;
  /** As the server writes the value asked for; undefined: not asked for. */
  readonly received: string | undefined;
  /** As the server writes the declared value; undefined: not declared. */
  readonly current: string | undefined;
}

const DIFFERENCE =
  /inequivalent arg '([^']+)' for (queue|exchange) '([^']*)' in vhost '[^']*': received (.+?) but current is (.+?)"?$/;

/**
 * Reads the server's message, such as `inequivalent arg 'x-max-age' for queue 'orders.history' in vhost '/': received '1D' but
 * current is '30D'`. Undefined where it says something else, or where the server cut it off (at 255 bytes).
 */
export function parseDifference(message: string): DeclarationDifference | undefined {
  const [, argument, what, name, received, current] = DIFFERENCE.exec(message) ?? [];
  if (argument === undefined || name === undefined || received === undefined || current === undefined) return undefined;
  return {
    what: what === 'exchange' ? 'exchange' : 'queue',
    name,
    argument,
    received: valueIn(received),
    current: valueIn(current),
  };
}

/** `'30D'` and `the value '30D' of type 'longstr'` are a value, `none` is none. */
function valueIn(text: string): string | undefined {
  return /'([^']*)'/.exec(text)?.[1];
}

/** `setting`: the variable of the configuration that the argument comes from. */
export function describeDifference(difference: DeclarationDifference, setting?: string): string {
  const { what, name, argument, received, current } = difference;
  const found = current === undefined ? 'not set' : `'${current}'`;
  const wanted = received === undefined ? 'not set' : `'${received}'`;
  return `${what} '${name}' is declared differently: ${argument}${setting === undefined ? '' : ` (${setting})`} is ${found} in RabbitMQ, this service asks for ${wanted}`;
}

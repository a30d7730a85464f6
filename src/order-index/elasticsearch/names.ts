/**
 * Every name in Elasticsearch, made from PREFIX and parsed back (contract §4, design §2). Parsing is strict: with two services
 * in one cluster, PREFIX `orders` and `orders-eu`, neither takes the other's names for its own.
 */
export interface IndexNames {
  /** The read alias. */
  readonly alias: string;
  readonly parked: string;
  readonly deadLetters: string;
  readonly control: string;
  /** `orders-000001`. */
  generation(number: number): string;
  /** `orders-000001-w7`, the name under which a generation is written in one epoch of the registry. */
  writeAlias(generation: string, epoch: number): string;
  /** `orders-epoch-7`. */
  marker(epoch: number): string;
  /** Patterns that cover the read alias, every write alias and every marker; they may cover other services' names too. */
  readonly registryPatterns: readonly string[];
  /** The generation's number, or undefined where it is not the name of one. */
  generationNumber(index: string): number | undefined;
  parseWriteAlias(alias: string): { readonly generation: string; readonly epoch: number } | undefined;
  /** The marker's epoch. */
  parseMarker(alias: string): number | undefined;
}

const GENERATION_DIGITS = 6;

/**
 * The second name of a technical index, `orders-parked-writes`. All writes go through it with `require_alias`: if the index
 * vanishes the write is refused, where its own name would have Elasticsearch create one with a guessed mapping.
 */
export function technicalWriteAlias(index: string): string {
  return `${index}-writes`;
}

export function indexNames(prefix: string): IndexNames {
  const generation = (number: number) => `${prefix}-${String(number).padStart(GENERATION_DIGITS, '0')}`;
  const after = (start: string, name: string) => (name.startsWith(start) ? name.slice(start.length) : '');

  const generationNumber = (index: string) => {
    const number = positive(after(`${prefix}-`, index));
    return number !== undefined && generation(number) === index ? number : undefined;
  };
  const parseMarker = (alias: string) => {
    const digits = after(`${prefix}-epoch-`, alias);
    return digits.startsWith('0') ? undefined : positive(digits);
  };
  const parseWriteAlias = (alias: string) => {
    const at = alias.lastIndexOf('-w');
    const name = alias.slice(0, Math.max(at, 0));
    const epoch = parseMarker(`${prefix}-epoch-${alias.slice(at + 2)}`);
    return at > 0 && epoch !== undefined && generationNumber(name) !== undefined
      ? { generation: name, epoch }
      : undefined;
  };

  return {
    alias: prefix,
    parked: `${prefix}-parked`,
    deadLetters: `${prefix}-dead-letters`,
    control: `${prefix}-control`,
    generation,
    writeAlias: (name, epoch) => `${name}-w${epoch}`,
    marker: (epoch) => `${prefix}-epoch-${epoch}`,
    registryPatterns: [prefix, `${prefix}-*-w*`, `${prefix}-epoch-*`],
    generationNumber,
    parseWriteAlias,
    parseMarker,
  };
}

function positive(digits: string): number | undefined {
  const number = /^\d{1,15}$/.test(digits) ? Number(digits) : 0;
  return number > 0 ? number : undefined;
}

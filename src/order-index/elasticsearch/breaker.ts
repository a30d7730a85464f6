import CircuitBreaker from 'opossum';
import { IndexUnavailableError } from '../port.ts';

export type BreakerState = 'closed' | 'open' | 'halfOpen';

/** How a request goes through a {@link Breaker}. */
export type CallKind = 'run' | 'look';

export interface BreakerOptions {
  readonly name: string;
  /** What counts against Elasticsearch; everything else (a refusal, a conflict) shows that it works. */
  readonly isOutage: (error: unknown) => boolean;
  readonly onState: (name: string, state: BreakerState) => void;
  /** How long it stays open before one request is let through, and then how long it waits for somebody to make one. */
  readonly resetTimeoutMs: number;
  /**
   * Asks for the like of what has failed, the same way, where nobody else does: an instance that only serves never writes, and one that is
   * not ready is not asked, so its breaker would never close again. `failed`: `look` where no run has failed since one got through.
   * @throws IndexUnavailableError
   */
  readonly probe?: (failed: CallKind) => Promise<unknown>;
}

/**
 * A circuit breaker (opossum) round requests to Elasticsearch. It opens by opossum's rate, and after a few outages in a row:
 * when every request hangs until its timeout, a rate over a window of seconds hardly ever has enough of them.
 */
export interface Breaker {
  state(): BreakerState;
  /** Whether it is open, and looks have failed since one got through. */
  refusesLooks(): boolean;
  /** Of what failed last. */
  lastOutage(): string;
  /** Runs a request that counts both ways. @throws IndexUnavailableError at once while open */
  run<T>(request: () => Promise<T>): Promise<T>;
  /**
   * Runs a request whose outage counts, and whose success says nothing of a run: a read beside the writes, which disks that are full do not
   * keep from being answered. It closes the breaker where only looks have opened it.
   * @throws IndexUnavailableError at once while open, where looks have failed too
   */
  look<T>(request: () => Promise<T>): Promise<T>;
  close(): void;
}

const OUTAGES_IN_A_ROW = 3;

export function createBreaker(options: BreakerOptions): Breaker {
  const circuit = createCircuit(options);
  const row = countOutages(circuit);
  const { name, isOutage, probe, resetTimeoutMs } = options;
  tellStates(circuit, options);
  const endProbing = probe ? probeUnasked(circuit, resetTimeoutMs, () => probe(row.failed)) : () => undefined;

  const notTried = () =>
    new IndexUnavailableError(`not tried: the circuit breaker ${name} is open after ${row.lastOutage}`);
  const refusesLooks = () => circuit.opened && row.hasLookFailed;
  const run = <T>(request: () => Promise<T>): Promise<T> =>
    fire(circuit, notTried, async () => {
      try {
        return await request();
      } catch (error) {
        if (isOutage(error)) row.failed = 'run';
        throw error;
      }
    });
  const look = async <T>(request: () => Promise<T>): Promise<T> => {
    if (refusesLooks()) throw notTried();
    try {
      const answer = await request();
      looked(circuit, row);
      return answer;
    } catch (error) {
      if (isOutage(error)) return await lookFailed(circuit, row, notTried, error as Error);
      if (!isAbandoned(error)) looked(circuit, row);
      throw error;
    }
  };
  const close = () => {
    endProbing();
    circuit.shutdown();
  };
  return { state: () => stateOf(circuit), refusesLooks, lastOutage: () => row.lastOutage, run, look, close };
}

/** @throws what the request does, or that it was not tried */
async function fire<T>(circuit: Circuit, notTried: () => Error, request: () => Promise<T>): Promise<T> {
  try {
    return (await circuit.fire(request)) as T;
  } catch (error) {
    throw isRejection(error) ? notTried() : error;
  }
}

/** Elasticsearch has answered a look, if only by a refusal. */
function looked(circuit: Circuit, row: Row): void {
  row.hasLookFailed = false;
  if (!circuit.halfOpen || row.failed === 'run') return;
  row.length = 0;
  circuit.close();
}

async function lookFailed(circuit: Circuit, row: Row, notTried: () => Error, outage: Error): Promise<never> {
  row.hasLookFailed = true;
  if (!circuit.opened) return await fire(circuit, notTried, () => Promise.reject(outage));
  // Runs have opened it, and opossum counts nothing while it is.
  row.lastOutage = outage.message;
  throw outage;
}

/** The outages in a row, and whether there is a run among them. */
interface Row {
  length: number;
  failed: CallKind;
  /** Whether looks have failed since anything got through. */
  hasLookFailed: boolean;
  lastOutage: string;
}

function countOutages(circuit: Circuit): Row {
  const row: Row = { length: 0, failed: 'look', hasLookFailed: false, lastOutage: '' };
  // opossum takes what is no outage for a success: a request that its asker gave up is neither.
  circuit.on('success', (result: unknown) => {
    if (isAbandoned(result)) return;
    row.length = 0;
    row.failed = 'look';
    row.hasLookFailed = false;
  });
  circuit.on('failure', (error: Error) => {
    row.lastOutage = error.message;
    if (++row.length >= OUTAGES_IN_A_ROW) circuit.open();
  });
  return row;
}

function tellStates(circuit: Circuit, { name, onState }: BreakerOptions): void {
  circuit.on('open', () => onState(name, 'open'));
  circuit.on('halfOpen', () => onState(name, 'halfOpen'));
  circuit.on('close', () => onState(name, 'closed'));
  onState(name, 'closed');
}

function stateOf(circuit: Circuit): BreakerState {
  if (circuit.opened) return 'open';
  return circuit.halfOpen ? 'halfOpen' : 'closed';
}

/**
 * Once it is half-open whoever wants something has the first turn, since that says most; after a while the probe has it. Returns what ends
 * this.
 */
function probeUnasked(circuit: Circuit, afterMs: number, probe: () => Promise<unknown>): () => void {
  let timer: NodeJS.Timeout | undefined;
  const attempt = async () => {
    try {
      await probe();
    } catch (error) {
      if (!(error instanceof IndexUnavailableError)) throw error;
      // The breaker has heard of it; or somebody else's request is under way, of which it will.
    }
  };
  const end = () => clearTimeout(timer);
  circuit.on('halfOpen', () => (timer = setTimeout(() => void attempt(), afterMs).unref()));
  circuit.on('open', end);
  circuit.on('close', end);
  return end;
}

type Circuit = CircuitBreaker<[request: () => Promise<unknown>]>;

/** The request's own timeout ends it. */
function createCircuit({ name, isOutage, resetTimeoutMs }: BreakerOptions): Circuit {
  return new CircuitBreaker((request: () => Promise<unknown>) => request(), {
    name,
    timeout: false,
    resetTimeout: resetTimeoutMs,
    volumeThreshold: 10,
    errorThresholdPercentage: 50,
    errorFilter: (error: unknown) => !isOutage(error),
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
  });
}

function isAbandoned(result: unknown): boolean {
  return result instanceof DOMException && result.name === 'AbortError';
}

/** opossum's own refusal while open or half-open, or after the shutdown. */
function isRejection(error: unknown): boolean {
  return error instanceof Error && CircuitBreaker.isOurError(error);
}

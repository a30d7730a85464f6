import CircuitBreaker from 'opossum';
import { IndexUnavailableError } from '../port.ts';

export type BreakerState = 'closed' | 'open' | 'halfOpen';

export interface BreakerOptions {
  readonly name: string;
  /** What counts against Elasticsearch; everything else (a refusal, a conflict) shows that it works. */
  readonly isOutage: (error: unknown) => boolean;
  readonly onState: (name: string, state: BreakerState) => void;
  /** How long it stays open before one request is let through. */
  readonly resetTimeoutMs: number;
}

/**
 * A circuit breaker (opossum) round requests to Elasticsearch. It opens by opossum's rate, and after a few outages in a row:
 * when every request hangs until its timeout, a rate over a window of seconds hardly ever has enough of them.
 */
export interface Breaker {
  state(): BreakerState;
  /** Why it opened. */
  lastOutage(): string;
  /** Runs a request that counts both ways. @throws IndexUnavailableError at once while open */
  run<T>(request: () => Promise<T>): Promise<T>;
  /** Runs a request whose outage counts and whose success says nothing: a read beside the writes. @throws IndexUnavailableError at once while open */
  look<T>(request: () => Promise<T>): Promise<T>;
  close(): void;
}

const OUTAGES_IN_A_ROW = 3;

export function createBreaker(options: BreakerOptions): Breaker {
  const circuit = createCircuit(options);
  const { name, onState } = options;
  let inARow = 0;
  let lastOutage = '';
  // opossum takes what is no outage for a success: a request that its asker gave up is neither.
  circuit.on('success', (result: unknown) => {
    if (!isAbandoned(result)) inARow = 0;
  });
  circuit.on('failure', (error: Error) => {
    lastOutage = error.message;
    if (++inARow >= OUTAGES_IN_A_ROW) circuit.open();
  });
  circuit.on('open', () => onState(name, 'open'));
  circuit.on('halfOpen', () => onState(name, 'halfOpen'));
  circuit.on('close', () => onState(name, 'closed'));
  onState(name, 'closed');

  const notTried = () =>
    new IndexUnavailableError(`not tried: the circuit breaker ${name} is open after ${lastOutage}`);
  const run = async <T>(request: () => Promise<T>): Promise<T> => {
    try {
      return (await circuit.fire(request)) as T;
    } catch (error) {
      throw isRejection(error) ? notTried() : error;
    }
  };
  const look = async <T>(request: () => Promise<T>): Promise<T> => {
    if (circuit.opened) throw notTried();
    try {
      return await request();
    } catch (error) {
      return await run(() => Promise.reject(error as Error));
    }
  };
  const state = (): BreakerState => (circuit.opened ? 'open' : circuit.halfOpen ? 'halfOpen' : 'closed');
  return { state, lastOutage: () => lastOutage, run, look, close: () => circuit.shutdown() };
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

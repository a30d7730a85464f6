import { Option } from 'commander';
import type { Command } from 'commander';
import { z } from 'zod';
import { isWebUrl } from '../config/values.ts';
import { EXIT } from './context.ts';
import type { CliContext, ExitCode } from './context.ts';
import { requestPatiently } from './patient-request.ts';
import type { HttpAnswer, HttpRequest } from './patient-request.ts';
import { printable } from './table.ts';

/** The flags of every command that asks a running service. */
export interface ServiceFlags {
  readonly url?: string;
  readonly token?: string;
  readonly json: boolean;
}

export interface ServiceRequest<T> {
  /** GET unless given. */
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** Begins with a slash; what stands in it is encoded already. */
  readonly path: string;
  /** Left out where undefined. */
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** What the body of a success must be. */
  readonly answer: z.ZodType<T>;
  /** A status that is no success, and comes with such a body all the same. */
  readonly alsoAnsweredBy?: number;
  /** How long to wait for the answer; 2 minutes unless given. */
  readonly timeoutMs?: number;
}

/** The HTTP interface of a running service, for the commands. */
export interface ServiceClient {
  /**
   * The body of a successful answer.
   * @throws ServiceProblem where the service answers with a problem
   * @throws ServiceUnreachableError where nothing answers in time, or not as this service does
   */
  request<T>(request: ServiceRequest<T>): Promise<T>;
  /**
   * Server-sent events, as they come; their data is JSON.
   * @throws as `request` does, also in the middle
   */
  events(path: string): AsyncGenerator<StreamedEvent>;
}

export interface StreamedEvent {
  readonly event: string;
  readonly data: unknown;
}

/** The service answered, and said no (RFC 9457). */
export class ServiceProblem extends Error {
  readonly code = 'SERVICE_PROBLEM';
  override readonly name = 'ServiceProblem';
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail);
    this.status = status;
  }
}

export class ServiceUnreachableError extends Error {
  readonly code = 'SERVICE_UNREACHABLE';
  override readonly name = 'ServiceUnreachableError';
}

const DEFAULT_URL = 'http://127.0.0.1:3000';
/** RFC 6750. */
const BEARER_TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;
const MINUTE_MS = 60_000;
const TIMEOUT_MS = 2 * MINUTE_MS;
/** For what may have to read everything that was ever published, or to publish every dead letter; the console waits as long. */
export const ALL_DONE_MS = 30 * MINUTE_MS;
/** Longer than that `fetch` waits for no answer to begin. */
const FETCH_MS = 5 * MINUTE_MS;

const problemSchema = z.object({ title: z.string(), detail: z.string().optional() });

/** Adds the flags of {@link ServiceFlags} to a command. */
export function withServiceFlags(command: Command): Command {
  return command
    .addOption(new Option('--url <url>', `where the service is (ORDER_SEARCH_URL, else ${DEFAULT_URL})`))
    .addOption(
      new Option('--token <jwt>', "an admin's bearer token (ORDER_SEARCH_TOKEN, which keeps it off the screen)"),
    )
    .option('--json', 'print the answer as JSON', false);
}

/**
 * Runs a command's work against the service and tells the shell how it ended: `done` unless the work says otherwise, `misconfigured`
 * for a wrong URL, token or usage, `unavailable` where the service does not answer, `refused` for what it will not do now (409),
 * `failed` for whatever else it refuses.
 */
export async function useService(
  context: CliContext,
  flags: Pick<ServiceFlags, 'url' | 'token'>,
  work: (client: ServiceClient) => Promise<ExitCode | void>,
): Promise<void> {
  const address = addressOf(flags, context.env);
  if ('problem' in address) {
    context.stderr.write(`${address.problem}\n`);
    context.setExitCode(EXIT.misconfigured);
    return;
  }
  try {
    const client = createServiceClient(address.url, address.token, context.interrupted);
    context.setExitCode((await work(client)) ?? EXIT.done);
  } catch (error) {
    const isInterrupted = context.interrupted.aborted && error instanceof ServiceUnreachableError;
    const exitCode = isInterrupted ? EXIT.interrupted : exitCodeOf(error);
    if (exitCode === undefined || !(error instanceof Error)) throw error;
    const message = isInterrupted ? 'interrupted before the service had answered' : error.message;
    context.stderr.write(`${printable(message)}\n`);
    context.setExitCode(exitCode);
  }
}

type Address =
  | { readonly url: string; readonly token: string | undefined }
  /** What is wrong with it, and where it was given. */
  | { readonly problem: string };

function addressOf(flags: Pick<ServiceFlags, 'url' | 'token'>, env: CliContext['env']): Address {
  const url = nonEmpty(flags.url) ?? nonEmpty(env['ORDER_SEARCH_URL']) ?? DEFAULT_URL;
  if (!isWebUrl(url)) {
    return { problem: `${url} is no address of a service: use http://host:port in ORDER_SEARCH_URL or --url` };
  }
  const { username, password } = new URL(url);
  if (username !== '' || password !== '') {
    return { problem: 'ORDER_SEARCH_URL or --url has a user or a password: use http://host:port, and --token' };
  }
  const token = nonEmpty(flags.token) ?? nonEmpty(env['ORDER_SEARCH_TOKEN']);
  if (token !== undefined && !BEARER_TOKEN.test(token)) {
    return {
      problem: 'ORDER_SEARCH_TOKEN or --token (value not shown) is no bearer token: it has a character that none has',
    };
  }
  return { url, token };
}

/** @param url the service's, a path before its own included */
function createServiceClient(url: string, token: string | undefined, interrupted: AbortSignal): ServiceClient {
  const base = url.replace(/\/+$/, '');
  const headersFor = (accept: string, body?: unknown) => ({
    Accept: accept,
    ...(token !== undefined && { Authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'Content-Type': 'application/json' }),
  });
  return {
    async request({ method = 'GET', path, query = {}, body, answer, alsoAnsweredBy, timeoutMs = TIMEOUT_MS }) {
      const asked = new URL(`${base}${path}`);
      for (const [name, value] of Object.entries(query)) {
        if (value !== undefined) asked.searchParams.set(name, String(value));
      }
      const headers = headersFor('application/json', body);
      const late = AbortSignal.timeout(timeoutMs);
      const signal = AbortSignal.any([interrupted, late]);
      const sent = { method, headers, signal, ...(body !== undefined && { body: JSON.stringify(body) }) };
      const send = timeoutMs > FETCH_MS ? requestPatiently : fetchText;
      const toldLate = method === 'GET' ? undefined : () => (late.aborted ? notInTime(asked, timeoutMs) : undefined);
      const { status, text } = await answered(asked, () => send(asked, sent), toldLate);
      return readAnswer(asked, status === alsoAnsweredBy ? 200 : status, text, answer);
    },
    async *events(path) {
      const asked = new URL(`${base}${path}`);
      const headers = headersFor('text/event-stream');
      const response = await answered(asked, () => fetch(asked, { headers, signal: interrupted }));
      if (!response.ok || !response.body) readAnswer(asked, response.status, await response.text(), z.never());
      else yield* eventsIn(asked, response.body);
    },
  };
}

/** Blocks of `event:` and `data:` lines (HTML standard, 9.2); ours have one of each. */
async function* eventsIn(url: URL, body: ReadableStream<Uint8Array>): AsyncGenerator<StreamedEvent> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await answered(url, () => reader.read());
    if (done) return;
    text += value;
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = new Map(
        block.split('\n').map((line) => [line.replace(/:.*$/s, ''), line.replace(/^[^:]*: ?/, '')]),
      );
      const data = fields.get('data');
      if (data !== undefined) yield { event: fields.get('event') ?? 'message', data: parseJson(data) };
    }
  }
}

async function fetchText(url: URL, request: HttpRequest): Promise<HttpAnswer> {
  const response = await fetch(url, request);
  return { status: response.status, text: await response.text() };
}

/** @param whatElse what is wrong where it is not that the service does not answer. @throws ServiceUnreachableError */
async function answered<T>(url: URL, ask: () => Promise<T>, whatElse?: () => string | undefined): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    const message = whatElse?.() ?? `the service at ${url.origin} does not answer: ${reasonOf(error)}`;
    throw new ServiceUnreachableError(message, { cause: error });
  }
}

/** As the network has it, which is the cause of what `fetch` throws. */
function reasonOf(error: unknown): string {
  // A host name that resolves to several addresses fails with one error for each.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}

/** Of what was to be done, as the console says it. */
function notInTime({ origin }: URL, limitMs: number): string {
  const remedy = 'It may still do it: see what has changed before you ask for it again';
  return `the service at ${origin} has not answered within ${limitMs / MINUTE_MS} minutes. ${remedy}`;
}

function readAnswer<T>(url: URL, status: number, text: string, answer: z.ZodType<T>): T {
  const body = parseJson(text);
  if (status >= 200 && status < 300) {
    const parsed = answer.safeParse(body);
    // No body may be what is expected; a page that is no JSON never is.
    if (parsed.success && (body !== undefined || text === '')) return parsed.data;
    throw new ServiceUnreachableError(`${url.origin} does not answer as this version of the service does`);
  }
  const problem = problemSchema.safeParse(body);
  throw new ServiceProblem(status, problem.success ? sentenceOf(status, problem.data) : `${url.origin}: ${status}`);
}

function sentenceOf(status: number, { title, detail }: z.output<typeof problemSchema>): string {
  return `${detail ?? title} (${status} ${title})`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A proxy's page: what is wrong is told by the status, or by the schema.
    return undefined;
  }
}

/** Undefined for a bug. */
function exitCodeOf(error: unknown): ExitCode | undefined {
  if (error instanceof ServiceUnreachableError) return EXIT.unavailable;
  if (!(error instanceof ServiceProblem)) return undefined;
  if (error.status === 400 || error.status === 401 || error.status === 403) return EXIT.misconfigured;
  if (error.status === 409) return EXIT.refused;
  return error.status >= 500 ? EXIT.unavailable : EXIT.failed;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === '' ? undefined : text.trim();
}

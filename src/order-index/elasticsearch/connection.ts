import { UndiciConnection, errors } from '@elastic/transport';
import type {
  ConnectionRequestOptions,
  ConnectionRequestOptionsAsStream,
  ConnectionRequestParams,
  ConnectionRequestResponse,
  ConnectionRequestResponseAsStream,
} from '@elastic/transport';

/** Of undici, whose pool the client's connection keeps. */
type Dispatched = Parameters<UndiciConnection['pool']['dispatch']>[0];
type AnswerHandler = Parameters<UndiciConnection['pool']['dispatch']>[1];
type Controller = Parameters<NonNullable<AnswerHandler['onRequestStart']>>[0];

/**
 * The client's own connection, with its pool, but for the way in which an answer arrives: collected as it comes, and handed on once it is
 * whole. The client makes a stream of every answer, and waits for each piece of it, for the few that are wanted as a stream.
 */
export class WholeAnswerConnection extends UndiciConnection {
  override request(
    params: ConnectionRequestParams,
    options: ConnectionRequestOptions,
  ): Promise<ConnectionRequestResponse>;
  override request(
    params: ConnectionRequestParams,
    options: ConnectionRequestOptionsAsStream,
  ): Promise<ConnectionRequestResponseAsStream>;
  /** @throws TimeoutError, RequestAbortedError, ConnectionError, like the client's own */
  override async request(
    params: ConnectionRequestParams,
    options: ConnectionRequestOptions | ConnectionRequestOptionsAsStream,
  ): Promise<ConnectionRequestResponse | ConnectionRequestResponseAsStream> {
    if ('asStream' in options) return await super.request(params, options);
    const { signal, timeout } = options;
    const answer = collectAnswer();
    const hangUp = () => answer.giveUp(new errors.RequestAbortedError('Request aborted'));
    const late = timeoutOf(timeout ?? this.timeout, this.timeout, () =>
      answer.giveUp(new errors.TimeoutError('Request timed out')),
    );
    signal?.addEventListener('abort', hangUp, { once: true });
    try {
      if (signal?.aborted === true) hangUp();
      else this.pool.dispatch(dispatched(this, params), answer.handler);
      return await answer.whole;
    } finally {
      clearTimeout(late);
      signal?.removeEventListener('abort', hangUp);
    }
  }
}

/** For a request's own time: undici itself heeds its connection's. */
function timeoutOf(ms: number | null, connectionMs: number | null, giveUp: () => void): NodeJS.Timeout | undefined {
  return ms === null || ms === connectionMs ? undefined : setTimeout(giveUp, ms);
}

function dispatched({ url, headers }: UndiciConnection, params: ConnectionRequestParams): Dispatched {
  const { method, path, querystring = '', body } = params;
  const prefix = url.pathname === '/' ? '' : url.pathname.replace(/\/$/, '');
  return {
    origin: url.origin,
    method,
    path: `${prefix}${path}${querystring === '' ? '' : `?${querystring}`}`,
    headers: { ...headers, ...params.headers },
    ...(body !== undefined && { body }),
  };
}

interface CollectedAnswer {
  readonly handler: AnswerHandler;
  /** Its body as bytes, which the client decompresses or makes a text of. */
  readonly whole: Promise<ConnectionRequestResponse>;
  /** Breaks it off, wherever it is; `whole` rejects with the reason. */
  giveUp(reason: Error): void;
}

function collectAnswer(): CollectedAnswer {
  const { promise: whole, resolve, reject } = Promise.withResolvers<ConnectionRequestResponse>();
  const parts: Buffer[] = [];
  let head: Omit<ConnectionRequestResponse, 'body'> = { statusCode: 0, headers: {} };
  let controller: Controller | undefined;
  let reason: Error | undefined;
  const handler: AnswerHandler = {
    onRequestStart: (started) => {
      controller = started;
      // Given up while it waited for a connection.
      if (reason) started.abort(reason);
    },
    onResponseStart: (_controller, statusCode, headers) => void (head = { statusCode, headers }),
    onResponseData: (_controller, part) => void parts.push(part),
    onResponseEnd: () => resolve({ ...head, body: parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts) }),
    onResponseError: (_controller, error) => reject(reason ?? asClientError(error)),
  };
  const giveUp = (why: Error) => {
    reason = why;
    controller?.abort(why);
    reject(why);
  };
  return { handler, whole, giveUp };
}

function asClientError(error: Error & { code?: string }): Error {
  if (error.code === 'UND_ERR_HEADERS_TIMEOUT') return new errors.TimeoutError('Request timed out');
  return new errors.ConnectionError(error.message);
}

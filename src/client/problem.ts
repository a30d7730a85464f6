/** An answer that is no success (RFC 9457). */
export class OrderSearchProblem extends Error {
  override readonly name = 'OrderSearchProblem';
  readonly code = 'ORDER_SEARCH_PROBLEM';
  /** The HTTP status. */
  readonly status: number;
  /** The problem's type, a URI; `about:blank` where there is no more to it than the status, or something else than the service answered. */
  readonly type: string;
  /** What is wrong with the input, by parameter, or by `url`, `body` or `request`; empty where it is nothing of that. */
  readonly errors: readonly { readonly path: string; readonly message: string }[];
  /** After how long the service said to try again. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    status: number,
    { type, detail, errors }: Pick<OrderSearchProblem, 'type' | 'errors'> & { readonly detail: string },
    retryAfterSeconds?: number,
  ) {
    super(detail);
    this.status = status;
    this.type = type;
    this.errors = errors;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The type by which the service says that there is no such thing, or none that the caller may see (docs/http.md). */
const NO_SUCH_THING = 'urn:problem-type:order-search:no-such-thing';

/** Any other 404 is of a wrong address: the service's own, or that of what stands before it. */
export function saysThereIsNone(error: unknown): boolean {
  return isProblem(error, 404) && error.type === NO_SUCH_THING;
}

export function isProblem(error: unknown, status: number): error is OrderSearchProblem {
  return error instanceof OrderSearchProblem && error.status === status;
}

export async function problemOf(response: Response): Promise<OrderSearchProblem> {
  const { type, detail, errors } = readProblem(await response.text());
  const [mediaType = ''] = (response.headers.get('content-type') ?? '').split(';');
  const isTyped = mediaType.trim().toLowerCase() === 'application/problem+json' && typeof type === 'string';
  const retryAfter = Number(response.headers.get('retry-after') ?? NaN);
  const after = Number.isFinite(retryAfter) ? retryAfter : undefined;
  const problem = {
    type: isTyped ? type : 'about:blank',
    detail: typeof detail === 'string' ? detail : `The service answered ${response.status}.`,
    errors: Array.isArray(errors) ? (errors as OrderSearchProblem['errors']) : [],
  };
  return new OrderSearchProblem(response.status, problem, after);
}

/** What stands between the client and the service may answer with something else. */
function readProblem(text: string): { readonly type?: unknown; readonly detail?: unknown; readonly errors?: unknown } {
  try {
    return Object(JSON.parse(text)) as object;
  } catch {
    return {};
  }
}

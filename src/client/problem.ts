/** An answer that is no success (RFC 9457). */
export class OrderSearchProblem extends Error {
  override readonly name = 'OrderSearchProblem';
  readonly code = 'ORDER_SEARCH_PROBLEM';
  /** The HTTP status. */
  readonly status: number;
  /** What is wrong with the input, by parameter, or by `url`, `body` or `request`; empty where it is nothing of that. */
  readonly errors: readonly { readonly path: string; readonly message: string }[];
  /** After how long the service said to try again. */
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, detail: string, errors: OrderSearchProblem['errors'], retryAfterSeconds?: number) {
    super(detail);
    this.status = status;
    this.errors = errors;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export async function problemOf(response: Response): Promise<OrderSearchProblem> {
  const { detail, errors } = readProblem(await response.text());
  const retryAfter = Number(response.headers.get('retry-after') ?? NaN);
  const after = Number.isFinite(retryAfter) ? retryAfter : undefined;
  return new OrderSearchProblem(response.status, detail ?? `The service answered ${response.status}.`, errors, after);
}

/** What stands between the client and the service may answer with something else. */
function readProblem(text: string): { detail: string | undefined; errors: OrderSearchProblem['errors'] } {
  try {
    const { detail, errors } = JSON.parse(text) as { detail?: unknown; errors?: unknown };
    return {
      detail: typeof detail === 'string' ? detail : undefined,
      errors: Array.isArray(errors) ? (errors as OrderSearchProblem['errors']) : [],
    };
  } catch {
    return { detail: undefined, errors: [] };
  }
}

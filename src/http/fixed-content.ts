import { createHash } from 'node:crypto';
import type { Router } from 'express';

export interface FixedContent {
  readonly contentType: string;
  /** Called when it is first asked for: a service that shows nobody its pages starts without. */
  readonly make: () => string | Promise<string>;
}

/** Serves what does not change while the service runs; checked again by the browser on each load. */
export function sendFixed(router: Router, path: string, { contentType, make }: FixedContent): void {
  let made: { readonly body: string; readonly tag: string } | undefined;
  router.get(path, async (_request, response) => {
    response.locals['route'] = 'static';
    made ??= tagged(await make());
    response.set({ 'Cache-Control': 'no-cache', 'Content-Type': contentType, ETag: made.tag });
    response.send(made.body);
  });
}

function tagged(body: string) {
  return { body, tag: `"${createHash('sha256').update(body).digest('base64url')}"` };
}

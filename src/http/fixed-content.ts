import { createHash } from 'node:crypto';
import type { Router } from 'express';

/** Serves what does not change while the service runs; checked again by the browser on each load. */
export function sendFixed(
  router: Router,
  path: string,
  { contentType, body }: { readonly contentType: string; readonly body: string },
): void {
  const tag = `"${createHash('sha256').update(body).digest('base64url')}"`;
  router.get(path, (_request, response) => {
    response.locals['route'] = 'static';
    response.set({ 'Cache-Control': 'no-cache', 'Content-Type': contentType, ETag: tag });
    response.send(body);
  });
}

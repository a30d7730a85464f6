import { Router } from 'express';
import type { HttpDependencies } from './dependencies.ts';

/**
 * What the pages have to know before they ask for anything: whether the service asks who calls. Where it does not, they offer to show what
 * other roles see.
 */
export function pageSettings({ authenticate }: Pick<HttpDependencies, 'authenticate'>): Router {
  const settings = Router({ caseSensitive: true, strict: true });
  settings.get('/page-settings.json', async (_request, response) => {
    response.locals['route'] = 'static';
    const { kind } = await authenticate(undefined);
    response.set('Cache-Control', 'no-store').json({ authentication: kind === 'refused' ? 'on' : 'off' });
  });
  return settings;
}

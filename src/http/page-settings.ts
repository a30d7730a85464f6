import { Router } from 'express';
import type { HttpDependencies } from './dependencies.ts';

/**
 * What the pages have to know before they ask for anything: whether the service asks who calls (where it does not, they offer to show what
 * other roles see), and what can be rebuilt.
 */
export function pageSettings({ authenticate, rebuilds }: Pick<HttpDependencies, 'authenticate' | 'rebuilds'>): Router {
  const settings = Router({ caseSensitive: true, strict: true });
  settings.get('/page-settings.json', async (_request, response) => {
    response.locals['route'] = 'static';
    const { kind } = await authenticate(undefined);
    response.set('Cache-Control', 'no-store').json({
      authentication: kind === 'refused' ? 'on' : 'off',
      projections: ['orders', ...rebuilds.projections],
    });
  });
  return settings;
}

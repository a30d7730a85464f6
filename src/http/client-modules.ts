import { readFileSync, readdirSync } from 'node:fs';
import { Router } from 'express';
import { sendFixed } from './fixed-content.ts';

const SOURCE_DIRECTORY = new URL('../', import.meta.url);
const CLIENT_DIRECTORY = new URL('client/', SOURCE_DIRECTORY);
/** What of the domain the pages go by too: no page has a table of its own. */
const DOMAIN_MODULES = ['order/currency.ts'];

/**
 * The typed client for the pages, and what of the domain they need: `client/*.ts` and `order/currency.ts` under their own names, without
 * their types, which blanks replace, so that a browser shows the lines and columns of the source. Node's own `stripTypeScriptTypes` does
 * the same by the same package, and warns of itself at each start.
 */
export function clientModules(): Router {
  const modules = Router({ caseSensitive: true, strict: true });
  const clientFiles = readdirSync(CLIENT_DIRECTORY).map((name) => `client/${name}`);
  for (const path of [...clientFiles, ...DOMAIN_MODULES]) {
    const make = () => withoutTypes(readFileSync(new URL(path, SOURCE_DIRECTORY), 'utf8'));
    sendFixed(modules, `/${path}`, { contentType: 'text/javascript; charset=utf-8', make });
  }
  return modules;
}

/** The package is loaded for the first of them, not at each start. */
async function withoutTypes(code: string): Promise<string> {
  const { transformSync } = await import('amaro');
  return transformSync(code, { mode: 'strip-only' }).code;
}

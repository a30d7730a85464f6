import { readFileSync, readdirSync } from 'node:fs';
import { transformSync } from 'amaro';
import { Router } from 'express';
import { sendFixed } from './fixed-content.ts';

const CLIENT_DIRECTORY = new URL('../client/', import.meta.url);

/**
 * The typed client for the pages: `client/*.ts` under their own names, without their types, which blanks replace, so that a browser
 * shows the lines and columns of the source. Node's own `stripTypeScriptTypes` does the same by the same package, and warns of itself
 * at each start.
 */
export function clientModules(): Router {
  const modules = Router({ caseSensitive: true, strict: true });
  for (const name of readdirSync(CLIENT_DIRECTORY)) {
    const code = readFileSync(new URL(name, CLIENT_DIRECTORY), 'utf8');
    const body = transformSync(code, { mode: 'strip-only' }).code;
    sendFixed(modules, `/client/${name}`, { contentType: 'text/javascript; charset=utf-8', body });
  }
  return modules;
}

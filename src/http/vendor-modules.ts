import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Router } from 'express';
import { sendFixed } from './fixed-content.ts';

const require = createRequire(import.meta.url);

/**
 * What the pages use of others, from this service itself: nothing is fetched from elsewhere. uPlot's small build declares a variable, so
 * one more line makes a module of it.
 */
export function vendorModules(): Router {
  const modules = Router({ caseSensitive: true, strict: true });
  const code = () => `${read('uplot/dist/uPlot.iife.min.js')}\nexport default uPlot;\n`;
  sendFixed(modules, '/vendor/uplot.js', { contentType: 'text/javascript; charset=utf-8', make: code });
  const style = () => read('uplot/dist/uPlot.min.css');
  sendFixed(modules, '/vendor/uplot.css', { contentType: 'text/css; charset=utf-8', make: style });
  return modules;
}

function read(path: string): string {
  return readFileSync(require.resolve(path), 'utf8');
}

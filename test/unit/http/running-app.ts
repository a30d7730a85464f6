import type { Express } from 'express';
import { createHttpApp } from '../../../src/http/app.ts';
import type { HttpDependencies } from '../../../src/http/dependencies.ts';
import { listen } from '../../../src/http/server.ts';

/** A response whose body was read. */
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; fails where it is none. */
  json(): unknown;
}

/** Runs the app for one test and closes it after, whatever happens. */
export async function withApp<T>(
  dependencies: HttpDependencies,
  test: (get: (path: string, init?: RequestInit) => Promise<Answered>, port: number) => Promise<T>,
): Promise<T> {
  return withServer(createHttpApp(dependencies), test);
}

export async function withServer<T>(
  app: Express,
  test: (get: (path: string, init?: RequestInit) => Promise<Answered>, port: number) => Promise<T>,
): Promise<T> {
  const server = await listen(app, { host: '127.0.0.1', port: 0 });
  try {
    return await test(async (path, init) => {
      const response = await fetch(`http://127.0.0.1:${server.port}${path}`, init);
      const text = await response.text();
      return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) as unknown };
    }, server.port);
  } finally {
    await server.close(0);
  }
}

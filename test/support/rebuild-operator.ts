import assert from 'node:assert/strict';
import { eventually } from './eventually.ts';
import type { RunningService } from './running-service.ts';

/** A rebuild as an operator is shown it; what the tests use of it. */
export interface Rebuild {
  readonly id: string;
  readonly state: string;
  readonly generation: string;
  readonly paused: boolean;
  readonly processed: number;
  readonly total: number | null;
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly error: string | null;
}

export interface Generation {
  readonly name: string;
  readonly state: 'building' | 'live' | 'standby' | 'diverged';
  readonly reason: string | null;
}

export interface Problem {
  readonly detail: string;
}

/** How an operator works with one instance; any will do. */
export interface Operator {
  start(request?: Readonly<Record<string, unknown>>): Promise<Rebuild>;
  get(id: string): Promise<Rebuild>;
  /** Once it is over. */
  over(id: string, timeoutMs?: number): Promise<Rebuild>;
  /** Once it is in that state. @throws Error once it is over in another one */
  in(id: string, state: string, timeoutMs?: number): Promise<Rebuild>;
  change(id: string, command: 'pause' | 'resume' | 'cancel'): Promise<Rebuild>;
  generations(): Promise<readonly Generation[]>;
  activate(name: string): Promise<void>;
  /** The detail of the problem that a request must meet. */
  refused(method: 'POST' | 'DELETE', path: string, status: number, body?: unknown): Promise<string>;
  remove(name: string): Promise<void>;
}

export function operatorOf({ url, log }: Pick<RunningService, 'url' | 'log'>): Operator {
  const ask = async <T>(method: string, path: string, expected: readonly number[], body?: unknown): Promise<T> => {
    const response = await fetch(`${url}${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await response.text();
    assert.ok(expected.includes(response.status), `${method} ${path} answered ${response.status}: ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  };
  const get = (id: string) => ask<Rebuild>('GET', `/admin/rebuilds/${id}`, [200]);
  return {
    start: (request = {}) => ask('POST', '/admin/rebuilds', [202], request),
    get,
    over: (id, timeoutMs = 60_000) =>
      eventually(async () => {
        const rebuild = await get(id);
        if (rebuild.finishedAt === null)
          throw new Error(`not over: ${JSON.stringify(rebuild)}\n${log().slice(-3_000)}`);
        return rebuild;
      }, timeoutMs),
    in: async (id, state, timeoutMs = 30_000) => {
      const found = await eventually(async () => {
        const rebuild = await get(id);
        if (rebuild.state !== state && rebuild.finishedAt === null)
          throw new Error(`in ${rebuild.state}, not ${state}`);
        return rebuild;
      }, timeoutMs);
      assert.equal(found.state, state, JSON.stringify(found));
      return found;
    },
    change: (id, command) => ask('POST', `/admin/rebuilds/${id}/${command}`, [200, 202]),
    generations: async () =>
      (await ask<{ readonly items: readonly Generation[] }>('GET', '/admin/generations', [200])).items,
    activate: (name) => ask('POST', `/admin/generations/${name}/activate`, [200]),
    refused: async (method, path, status, body) => (await ask<Problem>(method, path, [status], body)).detail,
    remove: (name) => ask('DELETE', `/admin/generations/${name}`, [204]),
  };
}

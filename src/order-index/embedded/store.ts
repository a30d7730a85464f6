import type { DatabaseSync } from 'node:sqlite';
import { DatabaseInUseError, isStorageFault, openDatabase } from '../../sqlite/database.ts';
import { IndexConfigurationError, IndexUnavailableError } from '../port.ts';
import { prepareControl } from './control.ts';
import type { Control } from './control.ts';
import { prepareDeadLetters } from './dead-letters.ts';
import type { DeadLetters } from './dead-letters.ts';
import { openGeneration } from './generation.ts';
import type { Generation } from './generation.ts';
import { prepareParking } from './parking.ts';
import type { Parking } from './parking.ts';
import { liveGeneration, prepareRegistry } from './registry.ts';
import { prepareSnapshots } from './snapshots.ts';
import type { Snapshots } from './snapshots.ts';

/** What is there between `open` and `close`. */
export interface Store {
  readonly database: DatabaseSync;
  readonly parking: Parking;
  readonly control: Control;
  readonly deadLetters: DeadLetters;
  readonly generations: Map<number, Generation>;
  readonly snapshots: Snapshots;
  /**
   * Names of generations that take no writes for the time of a swap. They are not on the disk, and so thawed by an opening: what a
   * freeze holds off is this process's own writes between two of its steps, all other targets have every write before the live one
   * has it, and nothing waits for a refresh; a block that outlived the runner who set it would only stop the projection.
   */
  readonly frozen: Set<string>;
}

/** Runs something on the store that is open. @throws IndexUnavailableError also where none is */
export type Reading = <T>(read: (open: Store) => T) => Promise<T>;

export interface StoreOptions {
  readonly path: string;
  readonly prefix: string;
  readonly foldVersion: number;
  readonly snapshotKeptMs: number;
}

/** @throws IndexConfigurationError where another process has the file, or newer code a write target. @throws IndexUnavailableError */
export function openStore({ path, prefix, foldVersion, snapshotKeptMs }: StoreOptions): Store {
  let database: DatabaseSync | undefined;
  try {
    database = openDatabase(path);
    prepareRegistry(database, prefix, foldVersion);
    return {
      database,
      parking: prepareParking(database),
      control: prepareControl(database),
      deadLetters: prepareDeadLetters(database),
      generations: new Map(),
      snapshots: prepareSnapshots(database, snapshotKeptMs),
      frozen: new Set(),
    };
  } catch (error) {
    database?.close();
    if (error instanceof DatabaseInUseError) throw new IndexConfigurationError(error.message, { cause: error });
    throw isStorageFault(error) ? unavailable(path, error) : error;
  }
}

/** Runs `read` on the store. @throws IndexUnavailableError also where it is not open */
export function unavailableWhenClosed<T>(store: Store | undefined, path: string, read: (open: Store) => T): T {
  if (!store) throw new IndexUnavailableError(`${path} is not open`);
  try {
    return read(store);
  } catch (error) {
    throw isStorageFault(error) ? unavailable(path, error) : error;
  }
}

function unavailable(path: string, cause: unknown): IndexUnavailableError {
  return new IndexUnavailableError(`${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
}

export function generationOf({ database, generations }: Store, number: number): Generation {
  const generation = generations.get(number) ?? openGeneration(database, number);
  generations.set(number, generation);
  return generation;
}

export function liveOf(store: Store): Generation {
  return generationOf(store, liveGeneration(store.database).number);
}

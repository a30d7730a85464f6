import type { DatabaseSync } from 'node:sqlite';
import { DatabaseInUseError, isWorldsFault, openDatabase } from '../../sqlite/database.ts';
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

/** What is there between `open` and `close`. */
export interface Store {
  readonly database: DatabaseSync;
  readonly parking: Parking;
  readonly control: Control;
  readonly deadLetters: DeadLetters;
  readonly generations: Map<number, Generation>;
}

/** @throws IndexConfigurationError where another process has the file, or newer code a write target. @throws IndexUnavailableError */
export function openStore(path: string, prefix: string, foldVersion: number): Store {
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
    };
  } catch (error) {
    database?.close();
    if (error instanceof DatabaseInUseError) throw new IndexConfigurationError(error.message, { cause: error });
    throw isWorldsFault(error) ? unavailable(path, error) : error;
  }
}

/** Runs `read` on the store. @throws IndexUnavailableError also where it is not open */
export function unavailableWhenClosed<T>(store: Store | undefined, path: string, read: (open: Store) => T): T {
  if (!store) throw new IndexUnavailableError(`${path} is not open`);
  try {
    return read(store);
  } catch (error) {
    throw isWorldsFault(error) ? unavailable(path, error) : error;
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

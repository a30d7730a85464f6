import type { z } from 'zod';

/** What an answer's schema describes, as data that nobody changes. */
export type Answered<Schema extends z.ZodType> = Unchanging<z.output<Schema>>;

type Unchanging<T> = T extends object ? { readonly [K in keyof T]: Unchanging<T[K]> } : T;

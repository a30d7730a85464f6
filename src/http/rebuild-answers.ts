import { z } from 'zod';

/** The schemas of what is answered about rebuilds and generations. */

const instant = z.iso.datetime();
const count = z.int().nonnegative();

export const REBUILD_SOURCES = ['index', 'history', 'file'] as const;

const REBUILD_STATES = [
  'CREATE',
  'REGISTER',
  'SNAPSHOT',
  'COPY',
  'CATCH_UP',
  'RESTORE_SETTINGS',
  'REFRESH',
  'VALIDATE',
  'SWAP',
  'ROLLUPS',
  'PRUNE',
  'DONE',
  'FAILED',
  'CANCELLED',
] as const;

export const rebuildAnswer = z
  .strictObject({
    id: z.string(),
    kind: z
      .enum(['rebuild', 'activation'])
      .meta({ description: 'An activation moves readers to a generation that is there already.' }),
    projection: z.string().meta({ description: '`orders`, or the aggregate that is rebuilt by itself.' }),
    source: z.enum(REBUILD_SOURCES),
    from: instant.exactOptional().meta({ description: 'Of the history, from when on it is read.' }),
    path: z.string().exactOptional().meta({ description: 'Of a file, relative to IMPORT_DIR.' }),
    activate: z.boolean().meta({ description: 'Whether readers are moved to the new generation in the end.' }),
    keep: count.meta({ description: 'How many standbys stay.' }),
    allowPartial: z.boolean().meta({ description: 'Whether they are moved although orders lack their beginning.' }),
    state: z.enum(REBUILD_STATES).meta({
      description: 'The steps in their order; in the end DONE, FAILED or CANCELLED.',
    }),
    generation: z.string().meta({ description: 'The one that is being built; empty before it has a name.' }),
    processed: count.meta({ description: 'Orders, or messages of the history or the file; of an aggregate keys.' }),
    total: count.nullable().meta({ description: 'Null where it is not known yet; an estimate for the history.' }),
    ratePerSecond: z.number().nonnegative().nullable(),
    etaSeconds: z.number().nonnegative().nullable(),
    lagSeconds: z
      .number()
      .nullable()
      .meta({ description: 'How far what was read of the history last lies back, until it is over.' }),
    paused: z.boolean(),
    startedAt: instant,
    finishedAt: instant.nullable(),
    error: z.string().nullable(),
    stalled: z.string().nullable().meta({ description: 'Why nothing moves, while that is so.' }),
    withoutBeginning: count.meta({ description: 'Orders whose first events are nowhere: left out.' }),
    unparseable: count.meta({ description: 'Messages that are no events of an order: left out.' }),
  })
  .meta({ id: 'Rebuild' });

export const rebuildsAnswer = z.strictObject({ items: z.array(rebuildAnswer), nextCursor: z.null() });

export const generationAnswer = z
  .strictObject({
    name: z.string(),
    number: z.int().positive(),
    state: z.enum(['building', 'live', 'standby', 'diverged']),
    documents: count,
    sizeBytes: count,
    mappingHash: z.string(),
    foldVersion: count,
    createdAt: instant,
    reason: z.string().nullable().meta({ description: 'Why it is no longer written to, where it is not.' }),
  })
  .meta({ id: 'Generation' });

export const generationsAnswer = z.strictObject({ items: z.array(generationAnswer), nextCursor: z.null() });

/** Whether a rebuild has ended, one way or another, and has cleaned up after itself: only then can the next one begin. */
export function isOver({ finishedAt }: { readonly finishedAt: string | null }): boolean {
  return finishedAt !== null;
}

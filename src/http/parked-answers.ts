import { z } from 'zod';

/** The schemas of what is answered about parked events. */

const range = z.array(z.int().positive()).length(2).meta({ description: 'The first and the last of a run.' });

export const parkedAnswer = z.strictObject({
  items: z.array(
    z.strictObject({
      orderId: z.string(),
      version: z.int().nonnegative(),
      missing: z.array(range).meta({ description: 'Sequences that the parked events wait for.' }),
      parked: z.int().positive(),
      oldestParkedAt: z.iso.datetime(),
      gapped: z.boolean().meta({ description: 'They have waited longer than GAP_GRACE_SECONDS.' }),
    }),
  ),
  nextCursor: z.string().nullable(),
});

const count = z.int().nonnegative();

export const repairAnswer = z.strictObject({
  orders: count,
  found: count.meta({ description: 'Missing events that the history has.' }),
  republished: count,
  skipped: count,
  ordersStillMissing: count,
  stillMissing: z
    .array(z.strictObject({ orderId: z.string(), missing: z.array(range) }))
    .meta({ description: 'The first 100 of the orders that still lack something.' }),
});

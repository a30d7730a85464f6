import { z } from 'zod';

interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

/**
 * An array of which nothing behind the first invalid element is looked at. `z.array` collects an issue for each of them: a message within
 * the size limit then has millions, which take gigabytes and minutes. For the same reason the length is looked at first.
 */
export function listOf<E extends z.ZodType>(element: E, bounds: Bounds = {}) {
  return z
    .custom<readonly unknown[]>(Array.isArray, { error: 'is no array', abort: true })
    .transform((list, context): z.output<E>[] => {
      const problem = lengthProblem(list.length, bounds);
      if (problem !== undefined) {
        context.addIssue({ code: 'custom', message: problem });
        return z.NEVER;
      }
      const read: z.output<E>[] = [];
      for (const [index, value] of list.entries()) {
        const parsed = element.safeParse(value);
        if (!parsed.success) {
          for (const issue of parsed.error.issues) context.addIssue({ ...issue, path: [index, ...issue.path] });
          return z.NEVER;
        }
        read.push(parsed.data);
      }
      return read;
    });
}

function lengthProblem(length: number, { min = 0, max = Infinity }: Bounds): string | undefined {
  if (length < min) return `has ${length} elements, fewer than ${min}`;
  return length > max ? `has ${length} elements, more than ${max}` : undefined;
}

import { createHash } from 'node:crypto';
import { EventSourceError, type SourceEvent } from './event-source.ts';

/** The last message that was read of a source. What stands there tells later whether it is the same source still. */
export interface ReadMark {
  readonly position: number;
  /** Of its body. */
  readonly digest: string;
}

export function markAt({ position, body }: SourceEvent): ReadMark {
  return { position, digest: createHash('sha256').update(body).digest('base64url').slice(0, 22) };
}

/**
 * Hands a whole source's messages on, and makes sure that the one at the mark is among them, unless the source begins after it: what
 * is old is forgotten. A stream that was deleted and declared again begins anew, and so the rest of it is not what is left to read.
 * @throws EventSourceError where it is another source
 */
export async function* sameSource(
  events: AsyncIterable<SourceEvent>,
  mark: ReadMark | undefined,
  name: string,
): AsyncGenerator<SourceEvent> {
  let first: number | undefined;
  let isSame = false;
  for await (const event of events) {
    first ??= event.position;
    if (event.position === mark?.position) {
      if (markAt(event).digest !== mark.digest) throw another(name, mark);
      isSame = true;
    }
    yield event;
  }
  const isForgotten = mark !== undefined && first !== undefined && first > mark.position;
  if (mark && !isSame && !isForgotten) throw another(name, mark);
}

function another(name: string, { position }: ReadMark): EventSourceError {
  return new EventSourceError(
    `the ${name} is another one than was read up to position ${position}: start another rebuild from it`,
  );
}

/** One `basic.ack` or `basic.nack` to send. `multiple`: it stands for every unsettled tag up to this one. */
export interface Instruction {
  readonly tag: number;
  readonly multiple: boolean;
}

/** To be sent in this order: acknowledgements first. */
export interface ReturnInstructions {
  readonly acknowledge: readonly Instruction[];
  readonly requeue: readonly Instruction[];
}

/**
 * Which deliveries of one channel are unsettled, and how to settle them with few frames although batches end in any order.
 * What is settled at the head goes out as one `multiple` acknowledgement; what is settled behind an unsettled delivery is held
 * until the head reaches it, or `flush` or, twice, `flushOverdue` is called. Tags that are unknown, or settled before, are ignored,
 * since RabbitMQ closes the channel over them. Pure: it sends nothing itself.
 */
export class SettlementLedger {
  /** In the order of delivery (a Map keeps the order of insertion). The broker knows of what is not here any more. */
  readonly #states = new Map<number, 'unsettled' | 'held' | 'overdue'>();
  #held = 0;

  /** Neither settled nor given back. */
  get unsettled(): number {
    return this.#states.size - this.#held;
  }

  /** Settled, the acknowledgement not yet sent. */
  get held(): number {
    return this.#held;
  }

  /** Tags must grow. */
  delivered(tag: number): void {
    this.#states.set(tag, 'unsettled');
  }

  settle(tags: readonly number[]): readonly Instruction[] {
    for (const tag of tags) {
      if (this.#states.get(tag) !== 'unsettled') continue;
      this.#states.set(tag, 'held');
      this.#held += 1;
    }
    return this.#takeHead((tag) => this.#states.get(tag) !== 'unsettled');
  }

  /** Acknowledges what is held. */
  flush(): readonly Instruction[] {
    return this.#takeEach(this.#heldTags());
  }

  /** Acknowledges what was held already when this was called last. */
  flushOverdue(): readonly Instruction[] {
    const held = this.#heldTags();
    const instructions = this.#takeEach(held.filter((tag) => this.#states.get(tag) === 'overdue'));
    for (const tag of held) if (this.#states.has(tag)) this.#states.set(tag, 'overdue');
    return instructions;
  }

  requeue(tags: readonly number[]): ReturnInstructions {
    const acknowledge = this.flush();
    const returned = new Set(tags);
    const head = this.#takeHead((tag) => returned.has(tag));
    return { acknowledge, requeue: [...head, ...this.#takeEach([...returned])] };
  }

  #heldTags(): number[] {
    if (this.#held === 0) return [];
    return [...this.#states].filter(([, state]) => state !== 'unsettled').map(([tag]) => tag);
  }

  /** One frame for the longest run at the head that belongs. Whatever came before it the broker knows already. */
  #takeHead(belongs: (tag: number) => boolean): Instruction[] {
    const head: number[] = [];
    for (const tag of this.#states.keys()) {
      if (!belongs(tag)) break;
      head.push(tag);
    }
    for (const tag of head) this.#remove(tag);
    const last = head.at(-1);
    return last === undefined ? [] : [{ tag: last, multiple: head.length > 1 }];
  }

  #takeEach(tags: readonly number[]): Instruction[] {
    return tags.filter((tag) => this.#remove(tag)).map((tag) => ({ tag, multiple: false }));
  }

  #remove(tag: number): boolean {
    const state = this.#states.get(tag);
    if (state === undefined) return false;
    if (state !== 'unsettled') this.#held -= 1;
    return this.#states.delete(tag);
  }
}

/** One step of an actor that the test stops it at. */
export interface HeldStep {
  /** Resolves when the actor has come there. */
  readonly arrived: Promise<void>;
  /** Lets it go on; also where it has not come there yet. */
  readonly release: () => void;
}

/** An actor's steps: the ones it has come to, and the ones it is held at. */
export interface HeldSteps<Step extends string> {
  readonly passed: readonly Step[];
  /** To be handed to the actor. */
  readonly reached: (step: Step) => Promise<void>;
  /** Holds it the next time that it comes there; once. */
  hold(step: Step): HeldStep;
  releaseAll(): void;
  /** It goes no further: where it is held now, or at the next step that it comes to, it is thrown this. */
  abandon(error: Error): void;
}

export function heldSteps<Step extends string>(): HeldSteps<Step> {
  const passed: Step[] = [];
  const held: { readonly step: Step; readonly arrived: () => void; readonly released: Promise<void> }[] = [];
  const releases: PromiseWithResolvers<void>[] = [];
  let abandoned: Error | undefined;
  return {
    passed,
    async reached(step) {
      passed.push(step);
      if (abandoned) throw abandoned;
      const at = held.findIndex((one) => one.step === step);
      const [here] = at < 0 ? [] : held.splice(at, 1);
      here?.arrived();
      await here?.released;
    },
    hold(step) {
      const arrived = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      held.push({ step, arrived: arrived.resolve, released: released.promise });
      // Where nobody has come there.
      released.promise.catch(() => undefined);
      releases.push(released);
      return { arrived: arrived.promise, release: released.resolve };
    },
    releaseAll() {
      for (const { resolve } of releases) resolve();
    },
    abandon(error) {
      abandoned = error;
      for (const { reject } of releases) reject(error);
    },
  };
}

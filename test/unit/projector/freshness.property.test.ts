import assert from 'node:assert/strict';
import { mock } from 'node:test';
import fc from 'fast-check';
import type { LiveDelivery } from '../../../src/broker/port.ts';
import { createLogger } from '../../../src/observability/logging.ts';
import { createMetrics } from '../../../src/observability/metrics.ts';
import { IndexUnavailableError } from '../../../src/order-index/port.ts';
import { Heartbeat } from '../../../src/projector/heartbeat.ts';
import { MemoryControl } from '../../support/memory-control.ts';

const LOSS_NOTICED_MS = 120_000;
/** When RabbitMQ gives up a connection whose process does not answer. */
const SILENCE_MS = 30_000;
const PREFETCH = 4;
const PROJECTORS = 3;

interface Message {
  readonly kind: 'event' | 'heartbeat';
  readonly publishedAt: number;
  /** Its place in the queue, which it keeps when it is returned. */
  readonly place: number;
}

interface Peer {
  readonly name: string;
  readonly heartbeat: Heartbeat;
  /** What a stopped process (SIGSTOP) asks is answered when it goes on. */
  stalled: PromiseWithResolvers<void> | undefined;
  stalledAt: number;
  isDead: boolean;
  isTaking: boolean;
  /** Sent by the broker and not read yet, and read and not settled. */
  socket: Message[];
  inHand: Map<number, Message>;
}

/** A queue, its projectors and the clock, in memory: what several `Heartbeat`s promise is compared with what is settled. */
class World {
  readonly #control = new MemoryControl();
  readonly #isShared: boolean;
  readonly peers: Peer[] = [];
  readonly unsettled = new Set<Message>();
  #queue: Message[] = [];
  #places = 0;
  #position = 0;

  constructor(isShared: boolean) {
    this.#isShared = isShared;
  }

  async start(name: string): Promise<void> {
    const heartbeat: Heartbeat = new Heartbeat({
      broker: {
        publishHeartbeat: (at) => {
          this.publish('heartbeat', at.getTime());
          return Promise.resolve();
        },
      },
      index: {
        refresh: () => Promise.resolve(),
        readControl: async (id) => {
          await peer.stalled?.promise;
          if (peer.isDead) throw new IndexUnavailableError('dead');
          return this.#control.readControl(id);
        },
        writeControl: (...args) => this.#control.writeControl(...args),
      },
      metrics: createMetrics(),
      log: createLogger('silent'),
      intervalMs: 1_000,
      instance: name,
      lossNoticedMs: this.#isShared ? LOSS_NOTICED_MS : 0,
    });
    const peer: Peer = {
      ...{ name, heartbeat, stalled: undefined, stalledAt: 0, isDead: false, isTaking: false },
      ...{ socket: [], inHand: new Map<number, Message>() },
    };
    await heartbeat.announce();
    heartbeat.start();
    peer.isTaking = true;
    this.peers.push(peer);
  }

  publish(kind: Message['kind'], publishedAt = Date.now()): void {
    const message = { kind, publishedAt, place: (this.#places += 1) };
    this.#queue.push(message);
    if (kind === 'event') this.unsettled.add(message);
  }

  /** The broker sends, to the one consumer that is active or to whichever. */
  send(peer: Peer): boolean {
    const active = this.peers.find(({ isTaking }) => isTaking);
    if (!peer.isTaking || (!this.#isShared && peer !== active)) return false;
    if (peer.socket.length + peer.inHand.size >= PREFETCH) return false;
    return peer.socket.push(...this.#queue.splice(0, 1)) > 0;
  }

  receive(peer: Peer): void {
    if (peer.stalled) return;
    for (const message of peer.socket.splice(0)) {
      const position = (this.#position += 1);
      peer.heartbeat.delivered(deliveryOf(message, position));
      if (message.kind === 'event') peer.inHand.set(position, message);
    }
  }

  settle(peer: Peer, nth: number): void {
    const entries = [...peer.inHand];
    const entry = entries[nth % Math.max(1, entries.length)];
    if (peer.stalled || !entry) return;
    peer.inHand.delete(entry[0]);
    this.unsettled.delete(entry[1]);
    peer.heartbeat.settled(deliveryOf(entry[1], entry[0]));
  }

  stopTaking(peer: Peer): void {
    if (peer.stalled || !peer.isTaking) return;
    peer.isTaking = false;
    this.#return(peer.socket.splice(0));
    peer.heartbeat.stoppedTaking();
  }

  requeue(peer: Peer): void {
    if (peer.stalled) return;
    this.stopTaking(peer);
    this.#returnHand(peer);
    peer.heartbeat.returned('at our word');
  }

  takeAgain(peer: Peer): void {
    if (!peer.stalled) peer.isTaking = true;
  }

  loseConnection(peer: Peer): void {
    if (peer.stalled) return;
    this.#voidConnection(peer);
    peer.heartbeat.returned('to be noticed');
    peer.isTaking = true;
  }

  kill(peer: Peer): void {
    if (peer.stalled) return;
    this.#remove(peer);
    this.#voidConnection(peer);
  }

  async leave(peer: Peer): Promise<void> {
    if (peer.stalled) return;
    this.stopTaking(peer);
    await peer.heartbeat.stop(peer.inHand.size > 0);
    this.#remove(peer);
    this.#voidConnection(peer);
  }

  stall(peer: Peer): void {
    if (peer.stalled) return;
    peer.stalled = Promise.withResolvers();
    peer.stalledAt = Date.now();
  }

  async goOn(peer: Peer): Promise<void> {
    if (!peer.stalled) return;
    const wasLost = this.#isGivenUp(peer);
    peer.stalled.resolve();
    peer.stalled = undefined;
    await settledDown();
    if (wasLost) this.loseConnection(peer);
  }

  /** Whoever is not stopped reads its socket, though a beat may come first. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1_000) {
      mock.timers.tick(Math.min(left, 1_000));
      for (const peer of this.peers) if (this.#isGivenUp(peer)) this.#voidConnection(peer);
      await settledDown();
      for (const peer of this.peers) this.receive(peer);
    }
  }

  /** Contract §3: all that was published up to asOf is in the answer. */
  assertTrue(): void {
    const { asOf = new Date(0).toISOString() } = (this.#control.records.get('freshness')?.value ?? {}) as {
      asOf?: string;
    };
    const promised = Math.max(Date.parse(asOf), ...this.peers.map(({ heartbeat }) => heartbeat.asOf() ?? 0));
    const missing = [...this.unsettled].find(({ publishedAt }) => publishedAt < promised);
    assert.equal(missing, undefined, `promised up to ${promised}, and this is missing: ${JSON.stringify(missing)}`);
  }

  newest(): number {
    return Math.max(0, ...this.peers.map(({ heartbeat }) => heartbeat.asOf() ?? 0));
  }

  async end(): Promise<void> {
    for (const peer of this.peers) {
      peer.stalled?.resolve();
      peer.isDead = true;
      await peer.heartbeat.stop(false);
    }
  }

  #isGivenUp({ stalled, stalledAt }: Peer): boolean {
    return stalled !== undefined && Date.now() - stalledAt > SILENCE_MS;
  }

  #remove(peer: Peer): void {
    peer.isDead = true;
    void peer.heartbeat.stop(false);
    this.peers.splice(this.peers.indexOf(peer), 1);
  }

  #voidConnection(peer: Peer): void {
    peer.isTaking = false;
    this.#return(peer.socket.splice(0));
    this.#returnHand(peer);
  }

  #returnHand({ inHand }: Peer): void {
    this.#return([...inHand.values()]);
    inHand.clear();
  }

  #return(messages: readonly Message[]): void {
    this.#queue = [...messages, ...this.#queue].sort((a, b) => a.place - b.place);
  }
}

function deliveryOf({ kind, publishedAt }: Message, position: number): LiveDelivery {
  if (kind === 'heartbeat') return { kind, position, redeliveries: 0, publishedAt };
  return { kind, position, redeliveries: 0, body: new Uint8Array() };
}

async function settledDown(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

type Act = (world: World, peer: Peer, amount: number) => unknown;

const COMMON = {
  publish: (world) => world.publish('event'),
  send: (world, peer, amount) => {
    for (let n = 0; n <= amount % 3; n++) world.send(peer);
  },
  receive: (world, peer) => world.receive(peer),
  settle: (world, peer, amount) => world.settle(peer, amount),
  pass: (world, _, amount) => world.pass(1 + amount * 150),
} satisfies Record<string, Act>;
const RARE = {
  'stop taking': (world, peer) => world.stopTaking(peer),
  'give back': (world, peer) => world.requeue(peer),
  'take again': (world, peer) => world.takeAgain(peer),
  'lose the connection': (world, peer) => world.loseConnection(peer),
  kill: (world, peer) => world.kill(peer),
  leave: (world, peer) => world.leave(peer),
  stall: (world, peer) => world.stall(peer),
  'go on': (world, peer) => world.goOn(peer),
  'pass long': (world, _, amount) => world.pass(amount * 15_000),
} satisfies Record<string, Act>;
const ACTS: Readonly<Record<string, Act>> = { ...COMMON, ...RARE };

async function perform(world: World, [action, at, amount]: readonly [string, number, number]): Promise<void> {
  const name = `p${at}`;
  const peer = world.peers.find((one) => one.name === name);
  if (peer) await ACTS[action]?.(world, peer, amount);
  else await world.start(name);
}

describe('what several projectors promise of freshness', function () {
  this.timeout(120_000);
  beforeEach(() => mock.timers.enable({ apis: ['Date', 'setInterval'], now: 1_000_000_000 }));
  afterEach(() => mock.timers.reset());

  const steps = fc.array(
    fc.tuple(
      fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom('send', 'receive', 'settle') },
        { weight: 2, arbitrary: fc.constantFrom(...Object.keys(COMMON)) },
        { weight: 1, arbitrary: fc.constantFrom(...Object.keys(RARE)) },
      ),
      fc.nat(PROJECTORS - 1),
      fc.nat(12),
    ),
    { minLength: 30, maxLength: 120, size: 'max' },
  );

  describe('when a heartbeat has overtaken an event', () => {
    /** The first projector is sent the event, and the second one the heartbeat that was published after it. */
    async function overtaken(): Promise<{ world: World; first: Peer; second: Peer }> {
      const world = new World(true);
      for (let n = 0; n < PROJECTORS; n++) await world.start(`p${n}`);
      await world.pass(10_000);
      for (const peer of world.peers) {
        while (world.send(peer)) world.receive(peer);
      }
      world.publish('event');
      await world.pass(1_000);
      const [first, second] = world.peers;
      assert.ok(first && second);
      world.send(first);
      world.send(second);
      world.receive(second);
      return { world, first, second };
    }

    const ways: readonly (readonly [string, (world: World, first: Peer) => unknown])[] = [
      ['is held', (world, first) => world.receive(first)],
      ['goes back unseen, since the first one stops taking', (world, first) => world.stopTaking(first)],
      ['goes back unseen, since the first one leaves', (world, first) => world.leave(first)],
      [
        'is given back',
        async (world, first) => {
          world.receive(first);
          await world.pass(3_000);
          world.requeue(first);
        },
      ],
      [
        'waits in the socket of a process that was stopped for a while',
        async (world, first) => {
          world.stall(first);
          await world.pass(5_000);
          await world.goOn(first);
        },
      ],
    ];
    for (const [name, happens] of ways) {
      it(`promises nothing of it while the event ${name}`, async () => {
        const { world, first } = await overtaken();
        await happens(world, first);
        for (let n = 0; n < 20; n++) {
          await world.pass(500);
          world.assertTrue();
        }
        await world.end();
      });
    }
  });

  for (const [name, isShared] of [
    ['where one is active at a time', false],
    ['where they share the queue', true],
  ] as const) {
    it(`is true whatever stops, stalls, dies and comes back, ${name}`, async () => {
      const property = fc.asyncProperty(steps, async (taken) => {
        const world = new World(isShared);
        for (let n = 0; n < PROJECTORS; n++) await world.start(`p${n}`);
        for (const step of taken) {
          await perform(world, step);
          world.assertTrue();
        }
        await world.end();
      });
      await fc.assert(property, { numRuns: 100 });
    });

    it(`goes on once all is well again, ${name}`, async () => {
      const world = new World(isShared);
      for (let n = 0; n < PROJECTORS; n++) await world.start(`p${n}`);
      world.publish('event');
      const [first, second] = world.peers;
      assert.ok(first && second);
      world.send(first);
      world.receive(first);
      world.stall(second);
      world.kill(first);
      await world.pass(200_000);
      const restoredAt = Date.now();
      await world.goOn(second);
      for (let n = 0; n < 300; n++) {
        for (const peer of [...world.peers, ...world.peers, ...world.peers]) {
          for (let left = PREFETCH; left > 0; left--) world.send(peer);
          world.receive(peer);
          for (let left = PREFETCH; left > 0; left--) world.settle(peer, 0);
        }
        await world.pass(1_000);
        world.assertTrue();
      }
      assert.ok(world.newest() > restoredAt);
      await world.end();
    });
  }
});

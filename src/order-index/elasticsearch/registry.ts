import type { RegistryChange } from '../generations-port.ts';
import type { Registry, WriteTarget } from '../port.ts';
import { intended } from '../registry-change.ts';
import type { IndexNames } from './names.ts';

/** Indices and their aliases, as `GET _alias` answers them. */
export type AliasTable = Readonly<Record<string, { readonly aliases: Readonly<Record<string, unknown>> }>>;

/** What the aliases say (design §2, "The registry is the aliases"). */
export type RegistryReading =
  | { readonly kind: 'registry'; readonly registry: Registry; readonly aliases: RegistryAliases }
  /** Neither read alias nor marker: nothing was set up yet, or all of it is gone. */
  | { readonly kind: 'absent' }
  /** Something that this service never does; `problem` names the remedy. */
  | { readonly kind: 'misconfigured'; readonly problem: string };

/** What a change of the registry has to know besides: it moves the marker. */
export interface RegistryAliases {
  readonly markerIndex: string;
}

export function readRegistry(names: IndexNames, table: AliasTable): RegistryReading {
  if (table[names.alias]) return misconfigured(takenByIndex(names.alias));
  const placed = Object.entries(table).flatMap(([index, { aliases }]) =>
    Object.keys(aliases).map((alias) => ({ index, alias })),
  );
  const readers = placed.filter(({ alias }) => alias === names.alias).map(({ index }) => index);
  const markers = placed.flatMap(({ index, alias }) => {
    const epoch = names.parseMarker(alias);
    return epoch === undefined ? [] : [{ index, epoch }];
  });
  if (readers.length === 0 && markers.length === 0) return { kind: 'absent' };
  const [live] = readers;
  const [marker] = markers;
  const problem = problemOf(names, readers, markers);
  if (problem !== undefined || live === undefined || marker === undefined) return misconfigured(problem ?? '');
  const writers = placed.flatMap(({ index, alias }) => {
    const parsed = names.parseWriteAlias(alias);
    return parsed?.epoch === marker.epoch ? [{ index, alias, generation: parsed.generation }] : [];
  });
  return fromAliases(names, live, marker, writers);
}

interface Marker {
  readonly index: string;
  readonly epoch: number;
}
type Writer = WriteTarget & { readonly index: string };

function problemOf(names: IndexNames, readers: readonly string[], markers: readonly Marker[]): string | undefined {
  const [live] = readers;
  const only = markers.length === 1 ? markers[0] : undefined;
  if (live === undefined) return `the alias "${names.alias}" is on no index: ${whereToPut(names, only)}`;
  if (readers.length > 1) {
    const remedy = whereToTakeOff(names, readers, only);
    return `the alias "${names.alias}" is on ${readers.toSorted().join(' and ')}: ${remedy}`;
  }
  if (names.generationNumber(live) === undefined) {
    return `the alias "${names.alias}" is on "${live}", which is no generation of this service: take it off there, or choose another PREFIX`;
  }
  if (markers.length === 1) return undefined;
  const found = markers.map(({ epoch }) => names.marker(epoch)).join(' and ') || 'none';
  return `there must be exactly one alias "${names.marker(0).slice(0, -1)}N", and there is ${found}: leave the one whose number the write aliases (…-wN) carry`;
}

/** The marker moves with the read alias in one call: where the one is lost, the other still tells. */
function whereToPut(names: IndexNames, marker: Marker | undefined): string {
  const isTold = marker !== undefined && names.generationNumber(marker.index) !== undefined;
  const place = isTold ? `${marker.index}, which has ${names.marker(marker.epoch)}` : 'the generation that was live';
  return `put it back on ${place} (POST /_aliases, add)`;
}

function whereToTakeOff(names: IndexNames, readers: readonly string[], marker: Marker | undefined): string {
  if (!marker || !readers.includes(marker.index)) return 'take it off all but one (POST /_aliases, remove)';
  const others = readers.filter((index) => index !== marker.index).toSorted();
  const why = `${marker.index} has ${names.marker(marker.epoch)}`;
  return `take it off ${others.join(' and ')} (POST /_aliases, remove), since ${why}`;
}

function fromAliases(
  names: IndexNames,
  live: string,
  marker: Marker,
  writers: readonly { readonly index: string; readonly alias: string; readonly generation: string }[],
): RegistryReading {
  const misplaced = writers.find(({ index, generation }) => index !== generation);
  if (misplaced)
    return misconfigured(
      `the alias "${misplaced.alias}" is on "${misplaced.index}": take it off there (POST /_aliases, remove)`,
    );
  const targets: Writer[] = writers
    .map(({ index, alias }) => ({ index, generation: index, address: alias }))
    .sort(
      (a, b) => Number(a.generation === live) - Number(b.generation === live) || (a.generation < b.generation ? -1 : 1),
    );
  const last = targets.at(-1);
  if (last?.generation !== live) {
    const missing = names.writeAlias(live, marker.epoch);
    return misconfigured(
      `the live generation has lost its write alias "${missing}": put it on "${live}" (POST /_aliases, add)`,
    );
  }
  const plain = targets.map(({ generation, address }) => ({ generation, address }));
  return {
    kind: 'registry',
    registry: { epoch: marker.epoch, live: { generation: live, address: last.address }, targets: plain },
    aliases: { markerIndex: marker.index },
  };
}

export function takenByIndex(alias: string): string {
  return `"${alias}" is an index, and must be an alias: rename or delete that index, or choose another PREFIX`;
}

function misconfigured(problem: string): RegistryReading {
  return { kind: 'misconfigured', problem };
}

export type AliasAction =
  | { readonly add: { readonly index: string; readonly alias: string } }
  | { readonly remove: { readonly index: string; readonly alias: string; readonly must_exist: true } };

/** The one `updateAliases` of a change: it fails as a whole unless the registry is still the one that was read. */
export function actionsOf(
  names: IndexNames,
  registry: Registry,
  { markerIndex }: RegistryAliases,
  change: RegistryChange,
): AliasAction[] {
  const { live, targets } = intended(registry, change);
  const epoch = registry.epoch + 1;
  const removeAlias = (index: string, alias: string): AliasAction => ({ remove: { index, alias, must_exist: true } });
  const addAlias = (index: string, alias: string): AliasAction => ({ add: { index, alias } });
  return [
    removeAlias(markerIndex, names.marker(registry.epoch)),
    ...registry.targets.map(({ generation, address }) => removeAlias(generation, address)),
    ...(live === registry.live.generation
      ? []
      : [removeAlias(registry.live.generation, names.alias), addAlias(live, names.alias)]),
    ...targets.map((generation) => addAlias(generation, names.writeAlias(generation, epoch))),
    addAlias(live, names.marker(epoch)),
  ];
}

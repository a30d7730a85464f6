import { readdirSync, readFileSync } from 'node:fs';

/** Of all processes of a group together. */
export interface Usage {
  /** Seconds of user and system time. */
  readonly cpu: number;
  /** Bytes: what each of them had at most, added up. */
  readonly peakRss: number;
}

/** Jiffies a second, as Linux reports them to user space everywhere. */
const CLOCK_TICKS = 100;

/** What a process group (its leader's pid) has used so far; undefined once it is gone. */
export function usageOfGroup(leader: number): Usage | undefined {
  const members = readdirSync('/proc').flatMap((name) => {
    const stat = /^\d+$/.test(name) ? statOf(name) : undefined;
    return stat?.group === leader ? [{ cpu: stat.cpu, peakRss: peakRssOf(name) }] : [];
  });
  if (members.length === 0) return undefined;
  return {
    cpu: members.reduce((sum, { cpu }) => sum + cpu, 0),
    peakRss: members.reduce((sum, { peakRss }) => sum + peakRss, 0),
  };
}

/** Seconds of user and system time that one process has used so far; 0 once it is gone. */
export function cpuOf(pid: number): number {
  return statOf(String(pid))?.cpu ?? 0;
}

function statOf(pid: string): { readonly group: number; readonly cpu: number } | undefined {
  const text = read(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // The name in parentheses may hold anything; proc(5) counts the state behind it as field 3.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  return { group: field(5), cpu: (field(14) + field(15) + field(16) + field(17)) / CLOCK_TICKS };
}

/** Bytes; 0 once it is gone. */
export function peakRssOf(pid: string | number): number {
  const kibibytes = /VmHWM:\s+(\d+)/.exec(read(`/proc/${pid}/status`) ?? '')?.[1];
  return Number(kibibytes ?? 0) * 1_024;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // It has ended meanwhile.
  }
}

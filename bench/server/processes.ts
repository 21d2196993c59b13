/**
 * What servers take, by Linux's `/proc`: of the processes that were started and of all that these started. CPU is known
 * to 10 ms, so what is compared takes many times that.
 */
import { readdirSync, readFileSync } from "node:fs";

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** User and system time of all its threads in milliseconds. */
  readonly cpu: number;
}

const tick = 10;

export function cpuOfServers(pids: readonly number[]): number {
  return family(pids).reduce((sum, { cpu }) => sum + cpu, 0);
}

/** The greatest resident memory of one of the processes, in MiB. */
export function residentOf(pids: readonly number[]): number {
  const sizes = family(pids).map(({ pid }) => {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1_024;
  });
  return Math.max(...sizes);
}

function family(pids: readonly number[]): Process[] {
  const all = readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? read(Number(name)) : []));
  const found = new Set(pids);
  for (let size = 0; size !== found.size; ) {
    size = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  const lost = pids.find((pid) => all.every((each) => each.pid !== pid));
  if (lost !== undefined) throw new Error(`process ${lost} is gone, and with it what it took`);
  return all.filter(({ pid }) => found.has(pid));
}

/** Nothing of a process that ended in between. */
function read(pid: number): Process[] {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return [];
  }
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return [{ pid, parent: Number(fields[1]), cpu: (Number(fields[11]) + Number(fields[12])) * tick }];
}

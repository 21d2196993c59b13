/** Reads over kept connections by a program of our own, which tells the first answer on each from the others. */
import { run } from "../../test/interop/support/process.ts";
import type { Sample } from "../measure.ts";
import { child } from "../programs.ts";
import type { Competitor } from "./competitor.ts";
import { cpuOfServers } from "./processes.ts";
import { asLoad } from "./processors.ts";
import type { Reads } from "./wrk.ts";

/** Of one request, in milliseconds; its CPU is all that the servers had meanwhile. */
export interface KeptSample extends Sample {
  /** Of all reads but the first on each connection, 99 in 100. */
  readonly p99: number;
  /** Of the first reads, with the wait for the connection. */
  readonly first: number;
}

/** Throws if a single read did not get its answer. */
export async function keptReads(
  competitor: Competitor,
  { path, connections, seconds }: Pick<Reads, "path" | "connections" | "seconds">,
): Promise<KeptSample> {
  const [program = "", ...args] = [
    ...asLoad,
    process.execPath,
    child("kept-connections.js"),
    new URL(competitor.url).port,
    path,
    String(connections),
    String(seconds),
  ];
  const before = cpuOfServers(competitor.pids);
  const { code, stdout, stderr } = await run(program, args, { env: { PATH: process.env.PATH ?? "" } });
  if (code !== 0) throw new Error(`${competitor.name}: reads ended with ${code}: ${stderr}`);
  const result = JSON.parse(stdout) as { answers: number; seconds: number; first: number; p99: number };
  const cpu = (cpuOfServers(competitor.pids) - before) / result.answers;
  return { wall: (result.seconds * 1_000) / result.answers, cpu, p99: result.p99, first: result.first };
}

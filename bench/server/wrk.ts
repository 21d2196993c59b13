/** Reads by `wrk`, one thread, connections kept alive; what they took of the server's CPU. */
import { join } from "node:path";
import { run } from "../../test/interop/support/process.ts";
import type { Sample } from "../measure.ts";
import type { Competitor } from "./competitor.ts";
import { cpuOfServers } from "./processes.ts";
import { asLoad } from "./processors.ts";

export interface Reads {
  readonly path: string;
  readonly connections: number;
  readonly seconds: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A file of paths to ask for in turn, instead of the one. */
  readonly paths?: string;
  /** Bytes of an answer that takes long to send: what was sent of the last ones then counts in parts. */
  readonly answer?: number;
}

/** Of one request. */
export interface ReadSample extends Sample {
  /** Of the whole load, in milliseconds. */
  readonly p99: number;
}

/** Throws if a single request did not get its answer. */
export async function readsOf(competitor: Competitor, reads: Reads): Promise<ReadSample> {
  const headers = Object.entries(reads.headers ?? {}).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const [program = "", ...args] = [
    ...asLoad,
    "wrk",
    "--threads=1",
    `--connections=${reads.connections}`,
    `--duration=${reads.seconds}s`,
    "--timeout=30s",
    `--script=${join(import.meta.dirname, "wrk.lua")}`,
    ...headers,
    `${competitor.url}${reads.path}`,
    ...(reads.paths === undefined ? [] : ["--", reads.paths]),
  ];
  const before = cpuOfServers(competitor.pids);
  const { code, stdout, stderr } = await run(program, args, { env: { PATH: process.env.PATH ?? "" } });
  const cpu = cpuOfServers(competitor.pids) - before;
  if (code !== 0) throw new Error(`wrk ended with ${code}: ${stderr}`);
  const line = stdout.split("\n").findLast((each) => each.startsWith("{")) ?? "{}";
  const { requests, bytes, seconds, p99, failed } = JSON.parse(line) as Record<string, number>;
  if (requests === undefined || bytes === undefined || seconds === undefined || p99 === undefined)
    throw new Error(`wrk said nothing: ${stdout}`);
  if (failed !== 0 || (requests === 0 && reads.answer === undefined))
    throw new Error(`${competitor.name}: ${failed} of ${requests} reads of ${reads.path} failed`);
  const answers = reads.answer === undefined ? requests : bytes / reads.answer;
  return { wall: (seconds * 1_000) / answers, cpu: cpu / answers, p99 };
}

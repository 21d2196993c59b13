/**
 * The programs that are compared, each started the same way: nothing of the environment but the path and a home of its
 * own. So no variable adds a bundle of authorities, which costs Node some 25 ms at its first TLS connection.
 */
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Result, run } from "../test/interop/support/process.ts";
import { findProgram } from "../test/interop/support/requirements.ts";
import { type Place, tag } from "./place.ts";

const root = resolve(import.meta.dirname, "..");
const executable = join(root, "client/dist/bin/vidimus-client.js");

/** Throws if the stock client or the built executable is missing. */
export function checkPrograms(): void {
  if (findProgram("notary") === undefined)
    throw new Error("`notary` is missing, and there is nothing to compare with: apt-get install notary");
  if (!existsSync(executable)) throw new Error("the client is not built: npm run build:client");
}

/** The stock client's look-up of the first tag. A trust directory that is not there yet means cold. */
export async function notaryLookup(place: Place, repository: string, trustDirectory: string): Promise<void> {
  const flags = ["-s", place.url, "--tlscacert", place.ca, "-d", trustDirectory];
  await good("notary", [...flags, "lookup", repository, tag], place);
}

/** The built executable with its cache in the given folder. `node`: flags for Node itself. */
export async function vidimusClient(
  place: Place,
  args: readonly string[],
  cache: string,
  node: readonly string[] = [],
): Promise<Result> {
  const [command = "", ...rest] = args;
  const flags = ["--policy", place.policy, "--cache", cache];
  return await good(process.execPath, [...node, executable, command, ...flags, ...rest], place);
}

export async function bareNode(place: Place, args: readonly string[]): Promise<Result> {
  return await good(process.execPath, args, place);
}

export function child(name: string): string {
  return join(import.meta.dirname, "children", name);
}

async function good(program: string, args: readonly string[], place: Place): Promise<Result> {
  const home = join(place.fresh(), "..", "home");
  mkdirSync(home, { recursive: true });
  const result = await run(program, args, {
    env: { PATH: process.env.PATH ?? "", HOME: home },
    cwd: home,
    seconds: 300,
  });
  if (result.code === 0) return result;
  throw new Error(`${program} ${args.join(" ")} ended with ${result.code}: ${result.stdout}${result.stderr}`);
}

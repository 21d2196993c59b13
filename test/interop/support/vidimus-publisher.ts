/** A person who publishes with the commands of Vidimus: a home of one's own with keys, policy and staged edits in it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { testingOnlyCost } from "../../../src/publisher/custody/key-file.ts";
import { KeyFolder } from "../../../src/publisher/custody/key-folder.ts";
import { makePrivateKey } from "../../../src/publisher/custody/private-key.ts";
import { passphrases } from "./notary.ts";
import { type Result, run } from "./process.ts";
import type { TrustServerAddress } from "./trust-server.ts";

const program = resolve(import.meta.dirname, "../../../bin/vidimus.js");

const main = resolve(import.meta.dirname, "../../../src/main.ts");

const passphrase = "interop-passphrase";

/** What Node loads first. */
const clockBehind = (milliseconds: number) =>
  `data:text/javascript,{const${encodeURIComponent(" ")}now=Date.now;Date.now=()=>now()-${milliseconds}}`;

export interface Publisher {
  /** Runs a command that must end well, and asks nobody. @throws with its output when it does not. */
  do(...args: readonly string[]): Promise<string>;
  /** Runs a command; any exit code is an answer. */
  try(...args: readonly string[]): Promise<Result>;
  /** Puts a key of that name, which opens quickly, into the folder of keys; its ID. */
  key(name: string, algorithm?: "ecdsa" | "ed25519"): Promise<string>;
  /** Writes a file and gives its path. */
  file(name: string, content: string): string;
}

/** @param behind milliseconds by which the publisher's clock is behind all others */
export function vidimusPublisher(server: TrustServerAddress, directory: string, behind = 0): Publisher {
  mkdirSync(directory, { recursive: true });
  const file = (name: string, content: string) => {
    const path = join(directory, name);
    writeFileSync(path, content);
    return path;
  };
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: directory,
    VIDIMUS_SERVER: server.url,
    VIDIMUS_POLICY: join(directory, "trust.yaml"),
    VIDIMUS_PASSPHRASE_FILE: file("passphrase", `${passphrase}\n`),
    ...passphrases,
  };
  // The launcher lets no option of Node through.
  const started = behind === 0 ? [program] : ["--import", clockBehind(behind), main];
  const attempt = (...args: readonly string[]) =>
    run(process.execPath, [...started, ...args], { env, cwd: directory });
  const well = async (...args: readonly string[]) => {
    const result = await attempt(...args);
    if (result.code === 0) return result.stdout;
    throw new Error(`vidimus ${args.join(" ")} ended with ${result.code}: ${result.stdout}${result.stderr}`);
  };
  return {
    file,
    try: attempt,
    do: well,
    key: async (name, algorithm = "ecdsa") => {
      const folder = new KeyFolder(join(directory, ".vidimus", "keys"), testingOnlyCost);
      const key = { key: makePrivateKey(algorithm), name, role: undefined, repository: undefined };
      return (await folder.add(key, Buffer.from(passphrase))).id;
    },
  };
}

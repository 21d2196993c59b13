/**
 * The stock `docker` command line as a person uses it: a configuration directory of one's own with keys,
 * cache and the trust server's authority; the engine and registry are shared by everybody.
 */

import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DockerPlace } from "./docker-engine.ts";
import { type NotaryOptions, notaryCommand, passphrases } from "./notary.ts";
import { type Result, run } from "./process.ts";
import type { TrustServerAddress } from "./trust-server.ts";

export interface DockerOptions {
  readonly input?: string;
  /** Added to, or replacing, the person's environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface DockerPerson {
  /** A directory of this person's own, for files. */
  readonly directory: string;
  /** Runs a command; any exit code is an answer. */
  try(args: readonly string[], options?: DockerOptions): Promise<Result>;
  /** Runs a command that must succeed. @throws with its output when it does not. */
  do(args: readonly string[], options?: DockerOptions): Promise<Result>;
  /** Runs `notary` on the keys and the cache of this docker person. Must succeed. */
  notary(args: readonly string[], options?: NotaryOptions): Promise<Result>;
  /** Writes a file and gives its path. */
  file(name: string, content: string, mode?: number): string;
  /** The authority with which the trust server is checked from now on; undefined for the system's only. */
  trustAuthority(ca: string | undefined): void;
}

/** Appended to `push`, `pull`, `create` and `build` to verify and to sign. */
export const trusted = "--disable-content-trust=false";

/** `userName` is what `docker trust sign` names a first signer after; `""` for no credentials at all. */
export function dockerPerson(
  place: DockerPlace,
  server: TrustServerAddress,
  directory: string,
  userName: string,
): DockerPerson {
  const configuration = join(directory, "docker");
  mkdirSync(configuration, { recursive: true });
  const auth = Buffer.from(`${userName}:interop`).toString("base64");
  const auths = userName === "" ? {} : { [place.registry]: { auth } };
  writeFileSync(join(configuration, "config.json"), JSON.stringify({ auths }));
  const authorities = join(configuration, "tls", new URL(server.url).host);
  mkdirSync(authorities, { recursive: true });

  const env = {
    PATH: process.env.PATH ?? "",
    HOME: directory,
    DOCKER_HOST: place.host,
    DOCKER_CONFIG: configuration,
    DOCKER_BUILDKIT: "0",
    DOCKER_CONTENT_TRUST_SERVER: server.url,
    DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE: passphrases.NOTARY_ROOT_PASSPHRASE,
    DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE: passphrases.NOTARY_TARGETS_PASSPHRASE,
  };
  const attempt = (args: readonly string[], { input, env: more }: DockerOptions = {}) =>
    run(place.program, args, {
      env: { ...env, ...more },
      cwd: directory,
      ...(input === undefined ? {} : { input }),
    });
  const must = (program: string, args: readonly string[], result: Result) => {
    if (result.code === 0) return result;
    const output = `${result.stdout}${result.stderr}`;
    throw new Error(`${program} ${args.join(" ")} ended with ${result.code}: ${output}`);
  };
  const trustAuthority = (ca: string | undefined) => {
    rmSync(join(authorities, "ca.crt"), { force: true });
    if (ca !== undefined) copyFileSync(ca, join(authorities, "ca.crt"));
  };
  trustAuthority(server.ca);
  return {
    directory,
    try: attempt,
    do: async (args, more) => must("docker", args, await attempt(args, more)),
    notary: async (args, more = {}) => {
      const single = {
        NOTARY_SNAPSHOT_PASSPHRASE: passphrases.NOTARY_TARGETS_PASSPHRASE,
        NOTARY_DELEGATION_PASSPHRASE: passphrases.NOTARY_TARGETS_PASSPHRASE,
      };
      const place = { directory, trustDirectory: join(configuration, "trust") };
      const result = await notaryCommand(server, place, args, { ...more, env: { ...single, ...more.env } });
      return must("notary", args, result);
    },
    file: (name, content, mode = 0o644) => {
      const path = join(directory, name);
      writeFileSync(path, content, { mode });
      return path;
    },
    trustAuthority,
  };
}

/** Makes an image from one file with this content, and tags it. Nothing is pulled. */
export async function importImage(person: DockerPerson, reference: string, content: string): Promise<void> {
  const archive = join(person.directory, "image.tar");
  const file = person.file("content", content);
  const env = { PATH: process.env.PATH ?? "" };
  const made = await run("tar", ["-cf", archive, "-C", person.directory, "--", "content"], { env });
  if (made.code !== 0) throw new Error(`tar ${file}: ${made.stderr}`);
  await person.do(["import", "-c", 'CMD ["/content"]', archive, reference]);
}

/** The digest that a push or a pull names at its end, `sha256:…`. @throws when there is none. */
export function digestOf(result: Result): string {
  const found = /digest: (sha256:[0-9a-f]{64})/i.exec(result.stdout);
  if (!found?.[1]) throw new Error(`no digest in: ${result.stdout}${result.stderr}`);
  return found[1];
}

const refusals: readonly (readonly [RegExp, string])[] = [
  [/No valid trust data for \S+/, "tag not signed"],
  [/No trust data for \S+/, "tag signed in a role that does not count"],
  [/does not have trust data for/, "no trust data"],
  [/[Nn]o signatures or cannot access/, "no trust data"],
  [/[Nn]o signatures for/, "no signatures"],
  [/x509: certificate signed by unknown authority/, "certificate not trusted"],
  [/you are not authorized to perform this operation/, "not authorized"],
  [/error contacting notary server/, "server not usable"],
  [/valid https URL required for trust server/, "not an https URL"],
  [/invalid role targets/, "no credentials"],
  [/no valid signing keys for delegation roles/, "no signing key"],
  [/could not rotate trust to a new trusted root|potential malicious behavior/, "root not trusted"],
];

/** The kind of refusal, from the client's words; `none` for success. @throws on words it does not know. */
export function dockerRefusal(result: Result): string {
  if (result.code === 0) return "none";
  const text = result.stdout + result.stderr;
  const found = refusals.find(([pattern]) => pattern.test(text));
  if (!found) throw new Error(`unknown refusal: ${text}`);
  return found[1];
}

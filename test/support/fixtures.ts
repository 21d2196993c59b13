/** The real collections under test/vectors/notary, as the original server served them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { notary } from "../../src/core/format/notary.ts";
import type { Targets } from "../../src/core/model.ts";
import { TrustedSet } from "../../src/core/trusted-set.ts";
import type { Verified } from "../../src/core/verify.ts";

const directory = join(import.meta.dirname, "../vectors/notary");

interface Manifest {
  readonly verify_at: string;
  readonly collections: readonly Collection[];
  readonly invalid: readonly { readonly file: string; readonly role: string; readonly why: string }[];
}

export interface Collection {
  readonly dir: string;
  readonly gun: string;
  /** Role → target name → what it must be. */
  readonly targets: Readonly<
    Record<string, Readonly<Record<string, { readonly length: number; readonly sha256: string }>>>
  >;
  readonly files: readonly {
    readonly file: string;
    readonly role: string;
    readonly version: number;
    readonly sha256: string;
    readonly verdict: string;
  }[];
}

export const manifest = JSON.parse(readFixture("manifest.json").toString("utf8")) as Manifest;

/** The instant at which the collections are current. */
export const verifyAt = Date.parse(manifest.verify_at);

export function readFixture(path: string): Buffer {
  return readFileSync(join(directory, path));
}

export function collection(dir: string): Collection {
  const found = manifest.collections.find((each) => each.dir === dir);
  if (found === undefined) throw new TypeError(`no collection ${dir}`);
  return found;
}

export function currentFile(dir: string, role: string): Buffer {
  return readFixture(`${dir}/metadata/${role}.json`);
}

/** Every version of a role ever served, in order. */
export function historyOf(dir: string, role: string): Buffer[] {
  const form = new RegExp(`^(\\d+)\\.${role}\\.json$`);
  return readdirSync(join(directory, dir, "history"), { recursive: true, encoding: "utf8" })
    .flatMap((name) => form.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
    .map((version) => readFixture(`${dir}/history/${version}.${role}.json`));
}

/** A client that has walked the collection's roots. */
export function clientWithRoots(dir: string, at = verifyAt): TrustedSet {
  const client = new TrustedSet({ format: notary, repository: collection(dir).gun });
  for (const bytes of historyOf(dir, "root")) client.addRoot(bytes, at);
  client.checkRootExpiry(at);
  return client;
}

/** A client that has taken in everything, in the order clients ask for it: delegations depth first. */
export function fullClient(dir: string, at = verifyAt): TrustedSet {
  const client = clientWithRoots(dir, at);
  client.addTimestamp(currentFile(dir, "timestamp"), at);
  const snapshot = client.addSnapshot(currentFile(dir, "snapshot"), at);
  const visit = (targets: Verified<Targets>) => {
    for (const { role } of targets.signed.delegations) {
      if (snapshot.signed.meta.has(role)) visit(client.addTargets(role, currentFile(dir, role), at));
    }
  };
  visit(client.addTargets("targets", currentFile(dir, "targets"), at));
  return client;
}

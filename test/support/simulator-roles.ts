/** What the simulated repository and the ways to break it share: roles, files of one moment, online metadata. */
import { notary } from "../../src/core/format/notary.ts";
import { facts } from "../../src/publisher/files.ts";
import { bareKey, generatePrivateKey, type PublisherKey } from "./bare/keys.ts";

/** One role as it will be in the next generation. */
export interface RoleState {
  keys: PublisherKey[];
  threshold: number;
  /** Who signs instead of `keys`. */
  signers: readonly PublisherKey[] | undefined;
  /** 0 before the first publication. */
  version: number;
  /** Milliseconds since 1970 UTC, whole seconds. */
  expires: number;
}

/** Files of one moment by role. */
export type Generation = ReadonlyMap<string, Buffer>;

/** The simulated repository as whoever breaks it sees it. */
export interface Simulated {
  readonly now: number;
  readonly root: RoleState;
  readonly snapshot: RoleState;
  readonly timestamp: RoleState;
  readonly served: Map<string, Buffer>;
  readonly generations: readonly Generation[];
  targetsOf(role: string): RoleState;
}

export function encodeSnapshot(files: Generation, expires: number, version: number): Buffer {
  const listed = [...files].filter(([role]) => role !== "snapshot" && role !== "timestamp");
  return notary.encodeSnapshot({
    version,
    expires,
    meta: new Map(listed.map(([role, bytes]) => [role, facts(bytes)])),
  });
}

export function encodeTimestamp(files: Generation, expires: number, version: number): Buffer {
  return notary.encodeTimestamp({ version, expires, snapshot: facts(files.get("snapshot") as Buffer) });
}

export function newKey(kind: "ecdsa" | "ed25519" = "ecdsa"): PublisherKey {
  return bareKey(generatePrivateKey(kind));
}

/** A repository as another server has left it: signed to the end by online keys that are not this server's. */
import type { KeyObject } from "node:crypto";
import { sha256Hex } from "../../src/core/bytes.ts";
import { notary } from "../../src/core/format/notary.ts";
import { facts } from "../../src/publisher/files.ts";
import type { NewMetadata, Store } from "../../src/store/contract/store.ts";
import { bareKey, generatePrivateKey, type PublisherKey } from "./bare/keys.ts";
import { sealWith } from "./bare/seal.ts";
import { told } from "./publications.ts";
import { day, Owner } from "./publisher.ts";

/** A key of an online role, with its private half. */
export interface ForeignKey extends PublisherKey {
  readonly pkcs8: Buffer;
}

export function foreignKey(kind: "ecdsa" | "ed25519" = "ecdsa"): ForeignKey {
  const privateKey: KeyObject = generatePrivateKey(kind);
  return { ...bareKey(privateKey), pkcs8: privateKey.export({ format: "der", type: "pkcs8" }) };
}

export interface ForeignOptions {
  readonly at: number;
  readonly timestamp?: ForeignKey;
  /** The old server's, or the owner's own. */
  readonly snapshot?: ForeignKey;
  /** Of the timestamp that was made last. */
  readonly expires?: number;
  readonly version?: number;
}

export interface ForeignRepository {
  readonly owner: Owner;
  readonly timestamp: ForeignKey;
  readonly snapshot: ForeignKey;
}

/** Puts it into a store as taking it over does. */
export async function foreignRepository(
  store: Store,
  repository: string,
  options: ForeignOptions,
): Promise<ForeignRepository> {
  const { at, timestamp = foreignKey(), snapshot = foreignKey(), version = 7 } = options;
  const owner = await Owner.make(repository, { at, timestamp: timestamp.listed, snapshot });
  owner.snapshot.version = version;
  owner.addTarget("app");
  const files = new Map(owner.first());
  const listed = facts(files.get("snapshot") as Buffer);
  const expires = options.expires ?? at + 14 * day;
  const message = notary.encodeTimestamp({ version, expires, snapshot: listed });
  files.set("timestamp", sealWith(notary, message, [timestamp]));
  const stored = (role: string, bytes: Buffer): NewMetadata => {
    const { signed } = notary.parse(role, bytes);
    return { role, version: signed.version, sha256: sha256Hex(bytes), bytes, expires: signed.expires };
  };
  await store.commit({
    repository,
    format: "notary",
    expectedRevision: (await store.state(repository)).revision,
    at,
    kind: "import",
    imported: { origin: "https://old.example", history: [], keys: [] },
    principal: "tester",
    metadata: [...files].map(([role, bytes]) => stored(role, bytes)),
    activateKeys: [],
    renewAt: undefined,
    audit: told(repository, { at, kind: "repository.imported" }),
  });
  return { owner, timestamp, snapshot };
}

/**
 * What an old server has stored, put into the data directory of a new one without the keys: the state that taking over leaves
 * behind, for tests about what comes after it.
 */
import { createPrivateKey } from "node:crypto";
import { join } from "node:path";
import { sha256Hex } from "../../../src/core/bytes.ts";
import { notary } from "../../../src/core/format/notary.ts";
import type { Metadata, Root } from "../../../src/core/model.ts";
import { factsOf } from "../../../src/core/publication.ts";
import { rootRole } from "../../../src/core/verify.ts";
import { type OldDatabase, rowsOf } from "../../../src/moving/databases/source.ts";
import { privateKeys, tufFiles } from "../../../src/moving/databases/tables.ts";
import { openKeys, readLockedKeys } from "../../../src/moving/old-keys.ts";
import { recordOf } from "../../../src/service/trail/record.ts";
import type { NewMetadata } from "../../../src/store/contract/store.ts";
import { openSqlite } from "../../../src/store/sqlite.ts";
import { bareKey } from "../../support/bare/keys.ts";
import { sealWith } from "../../support/bare/seal.ts";

/** Every file by repository and role, versions ascending. */
export type OldFiles = ReadonlyMap<string, ReadonlyMap<string, readonly Metadata[]>>;

export async function filesOf(database: OldDatabase): Promise<OldFiles> {
  const found = new Map<string, Map<string, Metadata[]>>();
  for await (const row of rowsOf(database, tufFiles)) {
    const [repository, role] = [String(row.get("gun")), String(row.get("role"))];
    const roles = found.get(repository) ?? new Map<string, Metadata[]>();
    const file = notary.parse(role, Buffer.from(row.get("data") ?? ""));
    const all = [...(roles.get(role) ?? []), file].sort((a, b) => a.signed.version - b.signed.version);
    found.set(repository, roles.set(role, all));
  }
  return found;
}

/** The same with timestamps that have ended, which only whoever has the old signer's keys can make. */
export async function outOfDate(files: OldFiles, signer: OldDatabase, passphrase: string): Promise<OldFiles> {
  const passphrases = { of: () => [Buffer.from(passphrase)], close: () => {} };
  const { keys } = await openKeys(await readLockedKeys(rowsOf(signer, privateKeys)), passphrases);
  const aged = [...files].map(([repository, roles]) => {
    const last = (role: string) => roles.get(role)?.at(-1) as Metadata;
    const root = last("root").signed as Root;
    const key = keys.find(({ keyId }) => rootRole(root, "timestamp").keys.has(keyId));
    if (key === undefined) throw new Error(`the signer has no key for ${repository}`);
    const hand = bareKey(createPrivateKey({ key: key.pkcs8, format: "der", type: "pkcs8" }));
    const content = {
      version: last("timestamp").signed.version + 1,
      expires: Date.now() - 86_400_000,
      snapshot: factsOf(last("snapshot")),
    };
    const file = notary.parse("timestamp", sealWith(notary, notary.encodeTimestamp(content), [hand]));
    return [
      repository,
      new Map([...roles, ["timestamp", [...(roles.get("timestamp") ?? []), file]]]),
    ] as const;
  });
  return new Map(aged);
}

const importer = { name: "interop", method: "operator", address: "127.0.0.1" } as const;

/** @param directory of `startVidimus`, which must not run yet */
export async function putInto(directory: string, files: OldFiles): Promise<void> {
  const store = await openSqlite({ directory: join(directory, "data") });
  try {
    for (const [repository, roles] of files) {
      const at = Date.now();
      const all = [...roles.values()];
      await store.commit({
        repository,
        format: "notary",
        expectedRevision: 0,
        at,
        kind: "import",
        principal: importer.name,
        metadata: all.flatMap((versions) => versions.slice(-1)).map(stored),
        activateKeys: [],
        renewAt: undefined,
        imported: {
          origin: "interop",
          history: all.flatMap((versions) => versions.slice(0, -1)).map(stored),
          keys: [],
        },
        audit: recordOf({ at, principal: importer, kind: "repository.imported", repository }),
      });
    }
  } finally {
    await store.close();
  }
}

function stored({ role, bytes, signed }: Metadata): NewMetadata {
  return { role, version: signed.version, sha256: sha256Hex(bytes), bytes, expires: signed.expires };
}

/**
 * Many repositories, put into a store through its contract while no server runs on it. Each has the files of one that
 * was published, with signatures that are noise: a read verifies none. Nothing can be published to them.
 */
import { randomBytes } from "node:crypto";
import { sha256Hex } from "../../src/core/bytes.ts";
import type { NewMetadata } from "../../src/store/contract/store.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { repositoryPath } from "../../test/support/bare/exchange.ts";
import type { Collection } from "./collection.ts";
import type { Sender } from "./sender.ts";

const roles = ["root", "targets", "snapshot", "timestamp"] as const;
const year = 365 * 86_400_000;
/** As many as the store puts into one transaction. */
const together = 64;

/** Flags of a server whose cache holds so little that thousands of repositories asked in turn are never in it. */
export const starving: readonly string[] = ["--set", "limits.cacheBytes=1MiB"];

/** Makes the store, and returns the paths of all timestamps. */
export async function seed(
  sender: Sender,
  model: Collection,
  directory: string,
  count: number,
): Promise<readonly string[]> {
  const files = await Promise.all(
    roles.map(async (role) => {
      const { status, bytes } = await sender.get(model.file(`${role}.json`));
      if (status !== 200) throw new Error(`no ${role} to copy: ${status}`);
      const text = bytes.toString("utf8");
      const { version } = (JSON.parse(text) as { signed: { version: number } }).signed;
      return { role, version, text };
    }),
  );
  const names = Array.from({ length: count }, (_, index) => `bench.example.test/crowd/repository-${index}`);
  const at = Date.now();
  const store = await openSqlite({ directory });
  try {
    for (let from = 0; from < count; from += together) {
      const commits = names.slice(from, from + together).map((repository) =>
        store.commit({
          repository,
          format: "notary",
          expectedRevision: 0,
          at,
          kind: "publish",
          principal: "bench",
          metadata: files.map(({ role, version, text }) => noisy(role, version, text, at + year)),
          activateKeys: [],
          renewAt: at + year,
          audit: {
            at,
            kind: "repository.published",
            actor: { name: "bench", method: "none", address: "" },
            repository,
            detail: "{}",
          },
        }),
      );
      await Promise.all(commits);
    }
  } finally {
    await store.close();
  }
  return names.map((name) => repositoryPath(name, "timestamp.json"));
}

function noisy(role: string, version: number, text: string, expires: number): NewMetadata {
  const sig = randomBytes(64).toString("base64");
  const bytes = Buffer.from(text.replaceAll(/"sig":"[^"]*"/g, `"sig":"${sig}"`));
  return { role, version, sha256: sha256Hex(bytes), bytes, expires };
}

/**
 * A writer is killed at random moments. 20 times by default; VIDIMUS_KILLS=60 for the long run.
 *
 * Checked after each: what was acknowledged is there, and every publication is there whole or not at all.
 */
import { createHash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { openSqlite } from "../../../src/store/sqlite.ts";
import { startChild } from "../../support/child.ts";
import { temporaryDirectory } from "../../support/directory.ts";

const kills = Number(process.env.VIDIMUS_KILLS ?? 20);
const repositories = ["a", "b", "c"];

function acknowledged(output: string): Map<string, number> {
  const last = new Map(repositories.map((name) => [name, 0]));
  for (const line of output.slice(0, output.lastIndexOf("\n") + 1).split("\n")) {
    const [, name, version] = /^([abc]) ([0-9]+)$/.exec(line) ?? [];
    if (name !== undefined) last.set(name, Number(version));
  }
  return last;
}

/** The revision of each repository, after its files and its feed were found to agree. */
async function verify(directory: string): Promise<Map<string, number>> {
  const reader = await openSqlite({ directory });
  const revisions = new Map<string, number>();
  for (const repository of repositories) {
    const { revision, current } = await reader.state(repository);
    revisions.set(repository, revision);
    for (const role of ["targets", "timestamp"]) {
      expect(current.get(role)?.version ?? 0).toBe(revision);
      for (let version = Math.max(1, revision - 5); version <= revision; version += 1) {
        const stored = await reader.byVersion(repository, role, version);
        const digest = createHash("sha256")
          .update(stored?.bytes ?? "")
          .digest("hex");
        expect(stored?.sha256).toBe(digest);
      }
      expect(await reader.byVersion(repository, role, revision + 1)).toBeUndefined();
    }
    const feed = await reader.changes({ repository, direction: "backwards", limit: 5 });
    expect(feed.at(-1)?.version ?? 0).toBe(revision);
  }
  await reader.close();
  return revisions;
}

describe("kill -9", () => {
  it(
    `of a writer, ${kills} times, loses nothing that was acknowledged and tears nothing`,
    async () => {
      const directory = temporaryDirectory();
      let total = 0;
      for (let kill = 0; kill < kills; kill += 1) {
        const child = startChild("writer.ts", [directory]);
        await child.line(" ");
        await wait(Math.random() * 60);
        await child.kill();
        const promised = acknowledged(child.output());
        const found = await verify(directory);
        for (const [name, version] of promised) {
          expect(found.get(name)).toBeGreaterThanOrEqual(version);
          total += version === 0 ? 0 : 1;
        }
      }
      expect(total).toBeGreaterThan(kills);
    },
    10_000 + kills * 3_000,
  );
});

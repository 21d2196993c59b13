/** A store that lost what it had is noticed at the next start, and nothing is published on it (threat W13). */
import { copyFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../support/directory.ts";
import { type LastingServer, lastingServer } from "../../support/lasting-server.ts";
import type { Owner } from "../../support/publisher.ts";
import { codeOf } from "../../support/refusal.ts";

const repository = "example.org/marked";

let data: string;
let server: LastingServer | undefined;
beforeEach(() => {
  data = temporaryDirectory();
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

const store = () => join(data, "vidimus.sqlite");
const mark = () => join(data, "high-water-mark");

async function start(settings: Readonly<Record<string, string>> = {}): Promise<LastingServer> {
  server = await lastingServer(data, settings);
  return server;
}

async function stop(): Promise<void> {
  await server?.stop();
  server = undefined;
}

/** Two publications, a backup between them; the server is stopped at the end, and the backup is in its place. */
async function restored(settings: Readonly<Record<string, string>> = {}): Promise<Owner> {
  const running = await start(settings);
  const owner = await running.owner(repository);
  await running.publish(repository, owner.first());
  await stop();
  copyFileSync(store(), join(data, "copy"));
  await (await start(settings)).publish(repository, owner.next("targets"));
  await stop();
  rmSync(`${store()}-wal`, { force: true });
  rmSync(`${store()}-shm`, { force: true });
  copyFileSync(join(data, "copy"), store());
  return owner;
}

const level = (line: string): number => JSON.parse(line).level;
const loud = ({ log }: LastingServer, text: string, least: number) =>
  log.some((line) => line.includes(text) && level(line) >= least);

describe("a store that was restored from an older backup", () => {
  test("W13: refuses to publish, rotate and delete, and says what to do", async () => {
    const owner = await restored();
    const running = await start();
    const published = await running.publish(repository, owner.next("targets"));
    expect([published.status, published.code]).toEqual([503, "STORE_BEHIND"]);
    expect(published.error?.detail).toContain("vidimus recover accept");
    const removed = await running.remove(repository);
    expect([removed.status, removed.code]).toEqual([503, "STORE_BEHIND"]);
    const rotated = await running.request(`/v2/${repository}/_trust/tuf/timestamp.key`, { method: "POST" });
    expect([rotated.status, rotated.code]).toEqual([503, "STORE_BEHIND"]);
  });

  test("W13: is not ready, and says why there and in the log", async () => {
    await restored();
    const running = await start();
    const ready = await running.request("/readyz");
    expect(ready.status).toBe(503);
    expect(JSON.parse(ready.body.toString())).toHaveProperty(["High-water mark"]);
    expect((await running.request("/livez")).status).toBe(200);
    expect(loud(running, "vidimus recover accept", 50)).toBe(true);
    expect(running.log.find((line) => line.includes("recover accept"))).toContain(repository);
  });

  test("has one line in the log for each refusal, with code and repository and without a stack", async () => {
    const owner = await restored();
    const running = await start();
    const before = running.log.length;
    for (let i = 0; i < 3; i++) {
      expect((await running.publish(repository, owner.next("targets"))).code).toBe("STORE_BEHIND");
    }
    const lines = running.log.slice(before).map((line) => JSON.parse(line));
    expect(lines).toMatchObject(
      Array.from({ length: 3 }, () => ({ level: 40, code: "STORE_BEHIND", status: 503, repository })),
    );
    expect(Math.max(...running.log.slice(before).map(({ length }) => length))).toBeLessThan(500);
    expect(running.log.slice(before).join("")).not.toContain("stack");
  });

  test("is in the metrics, and probes that are told so write nothing", async () => {
    const sound = await start();
    expect(await behindOf(sound)).toBe("0");
    await stop();
    await restored();
    const running = await start();
    const before = running.log.length;
    for (let i = 0; i < 3; i++) expect((await running.request("/readyz")).status).toBe(503);
    expect(await behindOf(running)).toBe("1");
    expect(running.log.slice(before)).toEqual([]);
  });

  test("still answers reads, and renews nothing that has expired", async () => {
    await restored();
    const running = await start();
    expect((await running.file(repository, "timestamp.json")).status).toBe(200);
    expect((await running.file(repository, "timestamp.key")).status).toBe(200);
    await stop();
    expect(await versionsIn(store())).toEqual([1]);
  });

  test("does not forget it by being started twice", async () => {
    const owner = await restored();
    await start();
    await stop();
    expect((await (await start()).publish(repository, owner.next("targets"))).code).toBe("STORE_BEHIND");
  });

  test("W13: is noticed although the newest positions in the mark are damaged", async () => {
    const owner = await restored();
    const lines = readFileSync(mark(), "utf8").split("\n");
    const newest = lines.findLastIndex((line) => line.includes('"position"'));
    expect(lines.filter((line) => line.includes('"position"')).length).toBeGreaterThan(1);
    lines[newest] = (lines[newest] ?? "").replace('"position"', '"posi?ion"');
    writeFileSync(mark(), lines.join("\n"));
    expect((await (await start()).publish(repository, owner.next("targets"))).code).toBe("STORE_BEHIND");
  });

  test("is noticed by a reader too, which changes nothing", async () => {
    await restored();
    const before = readFileSync(mark());
    const reader = await start({ "server.readOnly": "true" });
    expect((await reader.request("/readyz")).status).toBe(503);
    await stop();
    expect(readFileSync(mark())).toEqual(before);
  });
});

async function behindOf(running: LastingServer): Promise<string | undefined> {
  return /^vidimus_store_behind (.+)$/m.exec((await running.request("/metrics")).body.toString())?.[1];
}

async function versionsIn(path: string): Promise<unknown[]> {
  const database = new Database(path, { readonly: true });
  try {
    return database
      .prepare("SELECT version FROM metadata WHERE role = 'timestamp' ORDER BY version")
      .pluck()
      .all();
  } finally {
    database.close();
  }
}

test("commits that a store lost from its end are noticed", async () => {
  const running = await start();
  const owner = await running.owner(repository);
  await running.publish(repository, owner.first());
  await running.publish(repository, owner.next("targets"));
  await stop();
  const database = new Database(store());
  database.pragma("foreign_keys = OFF");
  database.exec(
    "DELETE FROM change WHERE id = 2; UPDATE repository SET revision = 1; UPDATE current_metadata SET metadata = (SELECT min(id) FROM metadata AS m WHERE m.role = current_metadata.role); DELETE FROM metadata WHERE revision = 2; DELETE FROM publication WHERE revision = 2",
  );
  database.close();
  expect((await (await start()).publish(repository, owner.next("targets"))).code).toBe("STORE_BEHIND");
});

test("another store under the same mark is noticed, however far it has got", async () => {
  const running = await start();
  const owner = await running.owner(repository);
  await running.publish(repository, owner.first());
  await stop();
  const kept = readFileSync(mark());
  for (const name of [
    "vidimus.sqlite",
    "vidimus.sqlite-wal",
    "vidimus.sqlite-shm",
    "kek",
    "high-water-mark",
  ]) {
    rmSync(join(data, name), { force: true });
  }
  const other = await start();
  const second = await other.owner(repository);
  await other.publish(repository, second.first());
  await other.publish(repository, second.next("targets"));
  await stop();
  writeFileSync(mark(), kept);
  expect((await (await start()).publish(repository, second.next("targets"))).code).toBe("STORE_BEHIND");
});

test("a store that is gone beside its mark is no first start: no secret is made for it", async () => {
  await restored();
  for (const name of ["vidimus.sqlite", "kek"]) rmSync(join(data, name), { force: true });
  const running = await start();
  expect((await running.request("/readyz")).status).toBe(503);
  expect(existsSync(join(data, "kek"))).toBe(false);
});

describe("a sound store", () => {
  test("publishes on after a restart, and the mark follows within a second", async () => {
    const running = await start();
    const owner = await running.owner(repository);
    await running.publish(repository, owner.first());
    const written = await until(() => statSync(mark()).size > 200, 1_000);
    expect(written).toBe(true);
    await stop();
    expect((await (await start()).publish(repository, owner.next("targets"))).status).toBe(200);
    expect((await server?.request("/readyz"))?.status).toBe(200);
  });

  test("that is ahead of its mark, as after kill -9, starts as ever", async () => {
    const running = await start();
    const owner = await running.owner(repository);
    await running.publish(repository, owner.first());
    await stop();
    const early = readFileSync(mark());
    await (await start()).publish(repository, owner.next("targets"));
    await stop();
    writeFileSync(mark(), early);
    expect((await (await start()).publish(repository, owner.next("targets"))).status).toBe(200);
  });

  test("that is ahead of its mark has that mended at its start, without a publish", async () => {
    const running = await start();
    const [owner, other] = [await running.owner(repository), await running.owner("example.org/removed")];
    await running.publish(repository, owner.first());
    await running.publish("example.org/removed", other.first());
    await stop();
    const early = readFileSync(mark());
    copyFileSync(store(), join(data, "copy"));
    const second = await start();
    await second.publish(repository, owner.next("targets"));
    await second.remove("example.org/removed");
    await stop();
    writeFileSync(mark(), early);
    await start();
    await stop();
    rmSync(`${store()}-wal`, { force: true });
    rmSync(`${store()}-shm`, { force: true });
    copyFileSync(join(data, "copy"), store());
    const behind = await start();
    const told = behind.log.map((line) => JSON.parse(line)).find(({ among }) => among !== undefined);
    expect(told?.among.sort()).toEqual(["example.org/marked", "example.org/removed"]);
  });

  test("whose last process was killed before it marked its last commit marks that, whoever publishes next", async () => {
    const running = await start();
    const owner = await running.owner(repository);
    await running.publish(repository, owner.first());
    await stop();
    const early = readFileSync(mark());
    await (await start()).publish(repository, owner.next("targets"));
    await stop();
    writeFileSync(mark(), early);
    const next = await start();
    await next.publish("example.org/other", (await next.owner("example.org/other")).first());
    await stop();
    const lines = readFileSync(mark(), "utf8").split("\n");
    expect(
      lines.some((line) => line.includes(`"${repository}",2,1,true,`) && line.includes('"targets":[2,')),
    ).toBe(true);
  });

  test.each(["not a mark", "not\na mark\n", "\u0000".repeat(300)])(
    "with a mark in which nothing can be read (%j) says so loudly, and makes it anew",
    async (text) => {
      const owner = await restored();
      writeFileSync(mark(), text);
      const running = await start();
      expect(loud(running, "THE HIGH-WATER MARK IS DAMAGED", 40)).toBe(true);
      expect((await running.publish(repository, owner.next("targets"))).status).toBe(200);
      await stop();
      expect(loud(await start(), "HIGH-WATER MARK", 40)).toBe(false);
    },
  );

  test("without its mark says so loudly, makes it anew, and is watched from then on", async () => {
    const owner = await restored();
    rmSync(mark());
    const running = await start();
    expect(loud(running, "NO HIGH-WATER MARK", 40)).toBe(true);
    owner.targets.version = 1;
    expect((await running.publish(repository, owner.next("targets"))).status).toBe(200);
    await stop();
    copyFileSync(join(data, "copy"), store());
    rmSync(`${store()}-wal`, { force: true });
    expect((await (await start()).request("/readyz")).status).toBe(503);
  });

  test("that is empty begins its mark in silence", async () => {
    const running = await start();
    expect(loud(running, "MARK", 40)).toBe(false);
    expect(existsSync(mark())).toBe(true);
  });

  test("may have its mark on another volume, and does not start without that", async () => {
    const elsewhere = join(temporaryDirectory(), "mark");
    const owner = await restored({ "store.highWaterMark": elsewhere });
    expect(existsSync(mark())).toBe(false);
    const running = await start({ "store.highWaterMark": elsewhere });
    expect((await running.publish(repository, owner.next("targets"))).code).toBe("STORE_BEHIND");
    await stop();
    expect(await codeOf(start({ "store.highWaterMark": join(data, "absent", "mark") }))).toBe(
      "STORE_UNWRITABLE",
    );
  });
});

async function until(holds: () => boolean, limit: number): Promise<boolean> {
  for (const end = performance.now() + limit; performance.now() < end; ) {
    if (holds()) return true;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return false;
}

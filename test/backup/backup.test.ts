import { createHash } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { beforeEach, describe, expect, it } from "vitest";
import { BackupError } from "../../src/backup/errors.ts";
import { type RestoreOptions, restoreBackup } from "../../src/backup/restore.ts";
import type { StoreAccess } from "../../src/backup/store-access.ts";
import { verifyBackup } from "../../src/backup/verify.ts";
import { proposalDigest } from "../../src/core/rejection.ts";
import { migrationDirectory, readMigrations } from "../../src/store/migrate.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { dataDirectory, make, wholeFile } from "../support/backups.ts";
import { startChild } from "../support/child.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { newProposal, proposalChange, room, signature } from "../support/proposals.ts";
import { everything, publishNext } from "../support/publications.ts";
import { realStore } from "../support/real-store.ts";
import { codeOf } from "../support/refusal.ts";
import { type AgePair, agePair, backupCode, streamOf } from "../support/sealed-bytes.ts";

let directory: string;
let place: string;
let file: string;
let pair: AgePair;

beforeEach(async () => {
  pair = await agePair();
  directory = await dataDirectory();
  place = temporaryDirectory();
  file = join(temporaryDirectory(), "backup.age");
});

const opening = () => ({ identities: [pair.identity] });
const verify = (content = wholeFile(file)) =>
  verifyBackup({ content, opening: opening(), place, store: realStore });
const restore = (into: string, changes: Partial<RestoreOptions> = {}) =>
  restoreBackup({ content: wholeFile(file), opening: opening(), into, store: realStore, ...changes });

/** Files that SQLite makes beside a store for whoever reads it, and leaves where nobody else has it open. */
const besideStore = /-(?:wal|shm)$/;

/** Every file with the digest of its content, by path; folders end in a slash. */
function contentOf(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    entries
      .filter(({ name }) => !besideStore.test(name))
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return entry.isDirectory() ? [`${path}/`, ""] : [path, digestOf(readFileSync(path))];
      }),
  );
}

function digestOf(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

async function stateOf(folder: string) {
  const store = await openSqlite({ directory: folder });
  const found = [await everything(store, "a"), await everything(store, "b"), await store.keyring()];
  const keys = await store.onlineKeys("a", ["key-timestamp"]);
  const proposal = await store.proposals.get("a", "p1");
  await store.close();
  return [...found, keys, proposal];
}

/** A proposal with a true digest. */
function proposed(id: string) {
  const proposal = newProposal(id, { base: new Map() });
  return { ...proposal, digest: proposalDigest(proposal.files) };
}

describe("a backup", () => {
  it("restores to the same store, proposals included, which a server opens", async () => {
    const store = await openSqlite({ directory });
    const signed = [{ role: "targets", ...signature("k1") }];
    await store.proposals.open(proposed("p1"), room());
    await store.proposals.change(proposalChange("p1", { signatures: signed }));
    await store.close();
    const made = await make({ directory, to: file, pair });
    const into = join(place, "restored");
    expect(await restore(into)).toEqual(made);
    expect(await stateOf(into)).toEqual(await stateOf(directory));
    expect((await stateOf(into)).at(-1)).toMatchObject({ id: "p1", revision: 2 });
  });

  it("says what is in it, and is found whole", async () => {
    const made = await make({ directory, to: file, pair });
    expect(await verify()).toEqual(made);
    expect(made).toMatchObject({
      made: "2030-01-01T00:00:00.000Z",
      secretIncluded: false,
      store: {
        schema: readMigrations(migrationDirectory("sqlite")).at(-1)?.name,
        counts: { repositories: 2, metadata: 4, publications: 2, changes: 2, onlineKeys: 1 },
      },
    });
    expect(made.parts.map(({ name }) => name)).toEqual(["configuration.json", "vidimus.sqlite"]);
  });

  it("has the key-encryption key only when told so", async () => {
    writeFileSync(join(directory, "kek"), "the key\n", { mode: 0o600 });
    await make({ directory, to: file, pair });
    await restore(join(place, "without"));
    expect(readdirSync(join(place, "without"))).not.toContain("kek");
    expect((await make({ directory, to: file, pair, secret: Buffer.from("the key\n") })).secretIncluded).toBe(
      true,
    );
    await restore(join(place, "with"));
    expect(readFileSync(join(place, "with", "kek"), "utf8")).toBe("the key\n");
    expect(statSync(join(place, "with", "kek")).mode & 0o777).toBe(0o600);
  });

  it("has the server's own CA, and gives each file its mode", async () => {
    mkdirSync(join(directory, "tls"));
    for (const name of ["ca.crt", "ca.key", "server.pem"]) writeFileSync(join(directory, "tls", name), name);
    await make({ directory, to: file, pair });
    const into = join(place, "restored");
    const umask = process.umask(0);
    await restore(into).finally(() => process.umask(umask));
    const modes = ["", "tls", "tls/ca.crt", "tls/ca.key", "tls/server.pem", "vidimus.sqlite", "restored"].map(
      (name) => (statSync(join(into, name)).mode & 0o777).toString(8),
    );
    expect(modes).toEqual(["700", "700", "644", "600", "600", "600", "700"]);
    expect(readFileSync(join(into, "tls", "ca.key"), "utf8")).toBe("ca.key");
  });

  it("keeps the settings to be read", async () => {
    await make({ directory, to: file, pair });
    const into = join(place, "restored");
    await restore(into);
    const settings = JSON.parse(readFileSync(join(into, "restored", "configuration.json"), "utf8"));
    expect(settings).toEqual([{ key: "server.port", value: 4443 }]);
  });

  it("is taken beside a server that goes on writing, of one instant", async () => {
    const store = await openSqlite({ directory });
    let ended = false;
    const writing = (async () => {
      for (;;) {
        await publishNext(store, "a", ["root", "timestamp"]);
        if (ended) return;
      }
    })();
    const made = await make({ directory, to: file, pair });
    ended = true;
    await writing;
    await store.close();
    const { metadata, publications, changes } = made.store.counts;
    expect([metadata, changes]).toEqual([2 * publications, publications]);
    expect(publications).toBeGreaterThan(1);
    await verify();
  });

  it("takes the place of an older one only when it is whole", async () => {
    writeFileSync(file, "the older one");
    const write = async () => {
      throw new BackupError("BACKUP_UNWRITABLE", "no room");
    };
    expect(await backupCode(make({ directory, to: file, pair, write }))).toBe("BACKUP_UNWRITABLE");
    expect(readFileSync(file, "utf8")).toBe("the older one");
    writeFileSync(`${file}.partial`, "of a backup that was killed");
    await make({ directory, to: file, pair });
    expect(readdirSync(join(file, ".."))).toEqual(["backup.age"]);
    await verify();
  });

  it("is for its owner alone", async () => {
    const umask = process.umask(0);
    await make({ directory, to: file, pair }).finally(() => process.umask(umask));
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
});

describe("making a backup leaves nothing in the data directory", () => {
  it("when it is done", async () => {
    const before = contentOf(directory);
    await make({ directory, to: file, pair });
    expect(contentOf(directory)).toEqual(before);
  });

  it.each([
    ["it cannot be written", "BACKUP_UNWRITABLE", () => ({ to: join(place, "missing", "backup.age") })],
    ["the recipient is none", "BACKUP_KEY_UNUSABLE", () => ({ sealing: { recipients: ["age1"] } })],
    ["the copy has no place", "BACKUP_UNWRITABLE", () => ({ place: join(place, "missing") })],
  ])("when %s", async (_name, code, changes) => {
    const before = contentOf(directory);
    expect(await backupCode(make({ directory, to: file, pair, ...changes() }))).toBe(code);
    expect(contentOf(directory)).toEqual(before);
    expect([existsSync(file), existsSync(`${file}.partial`)]).toEqual([false, false]);
  });

  it("when the store is damaged, and says so", async () => {
    damage(join(directory, "vidimus.sqlite"));
    const before = contentOf(directory);
    expect(await codeOf(make({ directory, to: file, pair }))).toBe("STORE_CORRUPT");
    expect(contentOf(directory)).toEqual(before);
    expect(existsSync(file)).toBe(false);
  });

  it.each([
    ["a file", "root 1 ", "a root 1, b root 1 no longer have their digests"],
    ["a proposal", "signed targets", "a proposal p1 no longer has its digest"],
  ])("when a bit of %s flipped, and names it", async (_name, text, sentence) => {
    const store = await openSqlite({ directory });
    await store.proposals.open(proposed("p1"), room());
    await store.close();
    await make({ directory, to: file, pair });
    const whole = readFileSync(file);
    flip(join(directory, "vidimus.sqlite"), text);
    const before = contentOf(directory);
    const refusal = await make({ directory, to: file, pair }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: "STORE_CORRUPT", message: expect.stringContaining(sentence) });
    expect(contentOf(directory)).toEqual(before);
    expect(readFileSync(file).equals(whole)).toBe(true);
  });

  it("when more files are damaged than a sentence takes, and no name in it moves a terminal", async () => {
    const store = await openSqlite({ directory });
    const name = "\u001b[31mred";
    for (let i = 0; i < 7; i++) await publishNext(store, name, ["targets"]);
    await store.close();
    flip(join(directory, "vidimus.sqlite"), "targets ");
    const refusal = await make({ directory, to: file, pair }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ message: expect.stringContaining("targets 5 and 2 more no longer") });
    expect(refusal).toMatchObject({ message: expect.not.stringContaining("\u001b") });
  });

  it("when there is no store at all", async () => {
    expect(await backupCode(make({ directory: place, to: file, pair }))).toBe("BACKUP_UNREADABLE");
    expect(readdirSync(place)).toEqual([]);
  });

  it("of one that was killed, as soon as the next one is made, and nothing of one that is at work", async () => {
    const child = startChild("backup-holder.ts", [directory]);
    await child.line("copied");
    const [living] = readdirSync(directory).filter((name) => name.startsWith("vidimus-backup-"));
    await make({ directory, to: file, pair });
    expect(readdirSync(directory)).toContain(living);
    await child.kill();
    await make({ directory, to: file, pair });
    expect(readdirSync(directory)).not.toContain(living);
  });
});

describe("restoring is refused", () => {
  const into = () => join(place, "data");
  beforeEach(async () => {
    await make({ directory, to: file, pair });
    mkdirSync(into());
  });

  it.each(["kek", "vidimus.sqlite", "anything"])(
    "into a directory with %s in it, which stays",
    async (name) => {
      writeFileSync(join(into(), name), "mine");
      expect(await backupCode(restore(into()))).toBe("NOT_EMPTY");
      expect(contentOf(place)).toEqual({
        [`${into()}/`]: "",
        [join(into(), name)]: digestOf("mine"),
      });
    },
  );

  it("while a server runs there", async () => {
    const server = await openSqlite({ directory: into() });
    expect(await codeOf(restore(into()))).toBe("STORE_LOCKED");
    await server.close();
  });

  it("into something that is no directory", async () => {
    rmSync(into(), { recursive: true });
    writeFileSync(into(), "mine");
    expect(await backupCode(restore(into()))).toBe("BACKUP_UNWRITABLE");
    expect(readFileSync(into(), "utf8")).toBe("mine");
  });

  it.each([
    ["beside", false],
    ["inside", true],
  ])("when the backup is cut off, and nothing is left: %s", async (_name, testingOnlyInside) => {
    const whole = readFileSync(file);
    for (const length of [0, 100, 300, 30_000, whole.length - 1]) {
      const content = streamOf(whole.subarray(0, length));
      expect(await backupCode(restore(into(), { content, testingOnlyInside }))).toBe("BACKUP_DAMAGED");
      expect(readdirSync(into()).filter((name) => name !== "lock.db")).toEqual([]);
      expect(readdirSync(place)).toEqual(["data"]);
    }
  });

  it("to whoever has another identity, and nothing is left", async () => {
    const { identity } = await agePair();
    expect(await backupCode(restore(into(), { opening: { identities: [identity] } }))).toBe(
      "BACKUP_NOT_OPENED",
    );
    expect(contentOf(place)).toEqual({ [`${into()}/`]: "" });
  });
});

describe("restoring", () => {
  it("removes what an earlier one left that was killed", async () => {
    const left = join(place, "vidimus-backup-abcdef");
    mkdirSync(left, { mode: 0o700 });
    mkdirSync(join(left, "content"));
    writeFileSync(join(left, "content", "kek"), "the key\n");
    await restore(join(place, "data"));
    expect(readdirSync(place)).toEqual(["data"]);
  });

  beforeEach(async () => {
    await make({ directory, to: file, pair, secret: Buffer.from("the key\n") });
  });

  it.each([
    ["is not there", () => {}],
    ["is empty", (into: string) => mkdirSync(into)],
    [
      "has what an earlier server left",
      (into: string) => {
        mkdirSync(into);
        writeFileSync(join(into, "lock.db"), "");
      },
    ],
  ])("into a directory that %s", async (_name, prepare) => {
    const into = join(place, "data");
    prepare(into);
    await restore(into);
    expect(
      readdirSync(into)
        .filter((name) => name !== "lock.db")
        .sort(),
    ).toEqual(["kek", "restored", "vidimus.sqlite"]);
    expect(readdirSync(place)).toEqual(["data"]);
    expect(await stateOf(into)).toEqual(await stateOf(directory));
  });

  it("into a directory that cannot be exchanged ends the same, the store in place first", async () => {
    const into = join(place, "deep", "data");
    const seen: string[][] = [];
    const store: StoreAccess = {
      ...realStore,
      inspect: (path) => {
        seen.push(readdirSync(into).sort());
        return realStore.inspect(path);
      },
    };
    await restore(into, { testingOnlyInside: true, store });
    expect(seen.flat().filter((name) => !name.startsWith("vidimus-backup-"))).toEqual([
      "lock.db",
      "server.pid",
    ]);
    expect(readdirSync(into).sort()).toEqual(["kek", "lock.db", "restored", "vidimus.sqlite"]);
    expect(await stateOf(into)).toEqual(await stateOf(directory));
  });

  it("keeps every server out of a directory that is being filled", async () => {
    const into = join(place, "data");
    const codes: Promise<string>[] = [];
    const store: StoreAccess = {
      ...realStore,
      inspect: (path) => {
        codes.push(codeOf(openSqlite({ directory: into })));
        return realStore.inspect(path);
      },
    };
    await restore(into, { testingOnlyInside: true, store });
    expect(await Promise.all(codes)).toEqual(["STORE_LOCKED"]);
  });

  it("inside never replaces what appeared meanwhile, and takes back what it had placed", async () => {
    const into = join(place, "deep", "data");
    const store: StoreAccess = {
      ...realStore,
      inspect: (path) => {
        writeFileSync(join(into, "kek"), "mine");
        return realStore.inspect(path);
      },
    };
    expect(await backupCode(restore(into, { store, testingOnlyInside: true }))).toBe("BACKUP_UNWRITABLE");
    expect(readdirSync(into)).toEqual(["kek"]);
    expect(readFileSync(join(into, "kek"), "utf8")).toBe("mine");
  });

  it("inside removes the directories that it made for nothing", async () => {
    const content = streamOf(readFileSync(file).subarray(0, 30_000));
    const into = join(place, "deep", "er", "data");
    expect(await backupCode(restore(into, { content, testingOnlyInside: true }))).toBe("BACKUP_DAMAGED");
    expect(readdirSync(place)).toEqual([]);
  });

  it("never replaces what appeared meanwhile", async () => {
    const into = join(place, "data");
    const store: StoreAccess = {
      ...realStore,
      inspect: (path) => {
        mkdirSync(into);
        writeFileSync(join(into, "kek"), "mine");
        return realStore.inspect(path);
      },
    };
    expect(await backupCode(restore(into, { store }))).toBe("BACKUP_UNWRITABLE");
    expect(readdirSync(into)).toEqual(["kek"]);
    expect(readdirSync(place)).toEqual(["data"]);
  });
});

describe("a well-sealed backup is refused", () => {
  /** Made by somebody whose store is not what it should be, and who does not look. */
  const lying = (spoil: (path: string) => void): StoreAccess => ({
    ...realStore,
    async copy(from, target) {
      await realStore.copy(from, target);
      spoil(target);
    },
    inspect: () => realStore.inspect(join(directory, "vidimus.sqlite")),
    hash: async () => ({ count: 0, first: [] }),
  });

  it("when its store is damaged", async () => {
    await make({ directory, to: file, pair, store: lying(damage) });
    expect(await backupCode(verify())).toBe("BACKUP_DAMAGED");
    expect(await backupCode(restore(join(place, "data")))).toBe("BACKUP_DAMAGED");
    expect(readdirSync(place)).toEqual([]);
  });

  it("when a bit of a stored file flipped, and the file is named", async () => {
    await make({ directory, to: file, pair, store: lying((path) => flip(path, "timestamp 1 ")) });
    const refusals = await Promise.allSettled([verify(), restore(join(place, "data"))]);
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ status: "rejected", reason: { code: "BACKUP_DAMAGED" } });
      const { message } = (refusal as PromiseRejectedResult).reason;
      expect(message).toContain("a timestamp 1, b timestamp 1 no longer have their digests");
    }
    expect(readdirSync(place)).toEqual([]);
  });

  it("when its store is no store of Vidimus", async () => {
    const foreign = (path: string) => {
      rmSync(path);
      const database = new Database(path);
      database.exec("CREATE TABLE a (b)");
      database.close();
    };
    await make({ directory, to: file, pair, store: lying(foreign) });
    expect(await backupCode(verify())).toBe("BACKUP_DAMAGED");
  });

  it("when its store has a newer schema", async () => {
    const migrate = (path: string) => {
      const database = new Database(path);
      database.prepare("INSERT INTO migration (name, sha256) VALUES ('0002_later', 'x')").run();
      database.pragma("wal_checkpoint(TRUNCATE)");
      database.close();
    };
    await make({ directory, to: file, pair, store: lying(migrate) });
    expect(await backupCode(verify())).toBe("BACKUP_NEWER");
    expect(readdirSync(place)).toEqual([]);
  });

  it("when its store holds less than the manifest says", async () => {
    const lose = (path: string) => {
      const database = new Database(path);
      database.exec("DELETE FROM change");
      database.pragma("wal_checkpoint(TRUNCATE)");
      database.close();
    };
    await make({ directory, to: file, pair, store: lying(lose) });
    expect(await backupCode(verify())).toBe("BACKUP_DAMAGED");
  });
});

/** Overwrites a page in the middle of the file. */
function damage(path: string): void {
  chmodSync(path, 0o600);
  const handle = openSync(path, "r+");
  writeSync(handle, Buffer.alloc(4_096, 255), 0, 4_096, 4_096 * 3);
  closeSync(handle);
}

/** Flips a bit in every place where the file has the text. */
function flip(path: string, text: string): void {
  const bytes = readFileSync(path);
  let found = 0;
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + text.length), found++) {
    bytes[at + text.length - 2] = (bytes[at + text.length - 2] ?? 0) ^ 1;
  }
  expect(found).toBeGreaterThan(0);
  writeFileSync(path, bytes);
}

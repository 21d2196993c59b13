import { createHash } from "node:crypto";
import { packTar } from "modern-tar";
import { describe, expect, it } from "vitest";
import { gather, pack, pieces, unpack } from "../../src/backup/archive.ts";
import type { PartName } from "../../src/backup/manifest.ts";
import { backupCode, collect, streamOf } from "../support/sealed-bytes.ts";

type Contents = Readonly<Record<string, Uint8Array>>;
const contents = {
  kek: Buffer.from("secret\n"),
  "vidimus.sqlite": Buffer.alloc(3_000_000, 7),
} satisfies Contents;

function rows(of: Contents = contents) {
  return Object.entries(of).map(([name, bytes]) => ({
    name: name as PartName,
    bytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  }));
}

function manifestOf(changes: Readonly<Record<string, unknown>> = {}): Buffer {
  const counts = { repositories: 0, metadata: 0, publications: 0, changes: 0, onlineKeys: 0 };
  const manifest = {
    format: "vidimus-backup",
    version: 1,
    made: "2030-01-01T00:00:00.000Z",
    by: "0.1.0",
    store: { schema: "0001_store", counts },
    secretIncluded: true,
    parts: rows(),
    ...changes,
  };
  return Buffer.from(JSON.stringify(manifest));
}

interface Entry {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly type?: "file" | "symlink" | "directory";
  readonly pax?: Record<string, string>;
}

/** A tar file, whatever is in it. */
function tar(...entries: readonly Entry[]): Promise<Buffer> {
  const all = entries.map(({ name, bytes, type = "file", pax }) => ({
    header: {
      name,
      type,
      size: type === "file" ? bytes.length : 0,
      ...(type === "symlink" ? { linkname: "/etc/passwd" } : {}),
      ...(pax === undefined ? {} : { pax }),
    },
    ...(type === "file" ? { body: bytes } : {}),
  }));
  return packTar(all).then((bytes) => Buffer.from(bytes));
}

const manifest = (changes?: Readonly<Record<string, unknown>>): Entry => ({
  name: "manifest.json",
  bytes: manifestOf(changes),
});
const entries = (of: Contents = contents): Entry[] =>
  Object.entries(of).map(([name, bytes]) => ({ name, bytes }));

async function read(bytes: Uint8Array, piece?: number) {
  const found = new Map<string, Buffer>();
  await unpack(streamOf(bytes, piece), {
    async part(name, content) {
      found.set(name, await collect(content));
    },
  });
  return found;
}

const refused = async (...given: readonly Entry[]) => backupCode(read(await tar(...given)));

describe("an archive", () => {
  it.each([1, 511, 512, 65_536])("comes out as it went in, in pieces of %i bytes", async (piece) => {
    const small = { kek: contents.kek, "vidimus.sqlite": Buffer.alloc(5_000, 7) };
    const parts = rows(small).map((part) => ({ part, content: () => pieces(small[part.name as "kek"]) }));
    const packed = await collect(pack(manifestOf({ parts: rows(small) }), parts, new Date(0)));
    expect(await read(packed, piece)).toEqual(new Map(Object.entries(small)));
  });

  it("is no archive when a part has changed since it was hashed", async () => {
    for (const bytes of [Buffer.from("secreT\n"), Buffer.from("secret"), Buffer.from("secret\n\n")]) {
      const parts = rows().map((part) => ({
        part,
        content: () => pieces(part.name === "kek" ? bytes : contents["vidimus.sqlite"]),
      }));
      expect(await backupCode(collect(pack(manifestOf(), parts, new Date(0))))).toBe("BACKUP_DAMAGED");
    }
  });

  it("passes on what a part's reading fails with, and ends", async () => {
    const source = Object.assign(new Error("gone"), { code: "EIO" });
    const parts = rows().map((part) => ({
      part,
      async *content() {
        yield Buffer.alloc(1);
        throw source;
      },
    }));
    await expect(collect(pack(manifestOf(), parts, new Date(0)))).rejects.toBe(source);
  });

  it("lets go of its parts when nobody reads on", async () => {
    const source = streamOf(contents["vidimus.sqlite"]);
    const parts = rows().map((part) => ({
      part,
      content: () => (part.name === "kek" ? pieces(contents.kek) : source),
    }));
    for await (const _piece of pack(manifestOf(), parts, new Date(0))) break;
    await expect.poll(() => source.released || source.given === 0).toBe(true);
  });
});

describe("an archive is refused", () => {
  it("without a manifest at its beginning", async () => {
    expect(await refused(...entries(), manifest())).toBe("NOT_A_BACKUP");
    expect(await backupCode(read(Buffer.alloc(1_024)))).toBe("NOT_A_BACKUP");
    expect(await backupCode(read(Buffer.from("not a tar file".repeat(100))))).toBe("BACKUP_DAMAGED");
  });

  it("of a newer format, whatever else is new about it", async () => {
    expect(await refused(manifest({ version: 2, parts: "elsewhere" }), ...entries())).toBe("BACKUP_NEWER");
  });

  it("of somebody else", async () => {
    expect(await refused(manifest({ format: "others" }), ...entries())).toBe("NOT_A_BACKUP");
    expect(await refused({ name: "manifest.json", bytes: Buffer.from("[") })).toBe("NOT_A_BACKUP");
    expect(await refused({ name: "manifest.json", bytes: Buffer.from("null") })).toBe("NOT_A_BACKUP");
  });

  it.each([
    ["an unknown member", { more: 1 }],
    ["a version that is none", { version: 0 }],
    ["no store", { parts: rows({ kek: contents.kek }) }],
    ["the store not last", { parts: rows().reverse() }],
    ["a part twice", { parts: [...rows({ kek: contents.kek }), ...rows()] }],
    ["another name", { parts: [{ ...rows()[0], name: "../kek" }, ...rows().slice(1)] }],
    ["a part that is too long", { parts: [{ ...rows()[0], bytes: 5_000 }, ...rows().slice(1)] }],
    ["a secret that it denies", { secretIncluded: false }],
    ["a length that is none", { parts: [{ ...rows()[0], bytes: -1 }, ...rows().slice(1)] }],
  ])("with a manifest that has %s", async (_name, changes) => {
    expect(await refused(manifest(changes), ...entries())).toBe("BACKUP_DAMAGED");
  });

  it("with a manifest that is too long", async () => {
    expect(await refused(manifest({ by: "x".repeat(70_000) }), ...entries())).toBe("BACKUP_DAMAGED");
  });

  it("with a part that is missing, of another name, in another order, or one too many", async () => {
    const [kek, store] = entries();
    if (kek === undefined || store === undefined) throw new TypeError("no entries");
    expect(await refused(manifest(), kek)).toBe("BACKUP_DAMAGED");
    expect(await refused(manifest(), store, kek)).toBe("BACKUP_DAMAGED");
    expect(await refused(manifest(), { ...kek, name: "../kek" }, store)).toBe("BACKUP_DAMAGED");
    expect(await refused(manifest(), kek, store, { name: "more", bytes: Buffer.alloc(1) })).toBe(
      "BACKUP_DAMAGED",
    );
  });

  it("with a part that is no file", async () => {
    const [, store] = entries();
    if (store === undefined) throw new TypeError("no store");
    for (const type of ["symlink", "directory"] as const) {
      const empty = { name: "kek", bytes: Buffer.alloc(0), type };
      const parts = rows({ ...contents, kek: Buffer.alloc(0) });
      expect(await refused(manifest({ parts }), empty, store)).toBe("BACKUP_DAMAGED");
    }
  });

  it("with a part of another length or content", async () => {
    for (const bytes of [Buffer.from("secreT\n"), Buffer.from("secret"), Buffer.from("secret\n\n")]) {
      expect(await refused(manifest(), ...entries({ ...contents, kek: bytes }))).toBe("BACKUP_DAMAGED");
    }
  });

  it("cut off anywhere", async () => {
    const whole = await tar(manifest(), ...entries());
    const places = [100, 512, 700, 1_024, 1_536, 1_600, 2_048, 2_600, 1_000_000, whole.length - 1_100];
    for (const length of places) {
      expect([length, await backupCode(read(whole.subarray(0, length)))]).toEqual([length, "BACKUP_DAMAGED"]);
    }
  });

  it("with a member of the parser's own that would fill the memory", async () => {
    const [, store] = entries();
    const long = { name: "kek", bytes: contents.kek, pax: { comment: "x".repeat(20_000_000) } };
    const whole = await tar(manifest(), long, store as Entry);
    const source = streamOf(whole, 65_536);
    const work = unpack(source, { part: async (_name, content) => void (await gather(content, 10_000_000)) });
    expect(await backupCode(work)).toBe("BACKUP_DAMAGED");
    expect(source.given).toBeLessThan(10_000_000);
  });

  it("with endless bytes after its end", async () => {
    const whole = Buffer.concat([await tar(manifest(), ...entries()), Buffer.alloc(40_000_000, 1)]);
    const source = streamOf(whole, 65_536);
    const work = unpack(source, { part: async (_name, content) => void (await gather(content, 10_000_000)) });
    expect(await backupCode(work)).toBe("BACKUP_DAMAGED");
    expect(source.given).toBeLessThan(20_000_000);
    await expect.poll(() => source.released).toBe(true);
  });
});

import { createHash, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CompactEncrypt } from "jose";
import { afterAll, describe, expect, it } from "vitest";
import { notaryKeyId } from "../../src/core/keys.ts";
import type { Row } from "../../src/moving/databases/dump.ts";
import { OldKeyError } from "../../src/moving/databases/errors.ts";
import type { PrivateKeyColumn } from "../../src/moving/databases/tables.ts";
import { type LockedKey, openKeys, readLockedKeys } from "../../src/moving/old-keys.ts";
import { type OldPassphrases, oldPassphrases } from "../../src/moving/old-passphrases.ts";

const right = "correct horse battery";
const passphrases: OldPassphrases = { of: () => [Buffer.from(right)], close: () => {} };

interface Changes {
  readonly alg?: string;
  readonly enc?: string;
  readonly p2c?: number;
  readonly passphrase?: string;
  readonly plain?: Uint8Array;
}

async function sealed(plain: Uint8Array, changes: Changes = {}): Promise<string> {
  const { alg = "PBES2-HS256+A128KW", enc = "A256GCM", p2c = 8_192, passphrase = right } = changes;
  return await new CompactEncrypt(changes.plain ?? plain)
    .setProtectedHeader({ alg, enc })
    .setKeyManagementParameters({ p2c })
    .encrypt(Buffer.from(passphrase));
}

async function ecdsaRow(changes: Changes = {}, curve = "P-256"): Promise<LockedKey> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: curve });
  const spki = publicKey.export({ format: "der", type: "spki" });
  return await row("ecdsa", spki, privateKey.export({ format: "der", type: "sec1" }), changes);
}

function ed25519Bytes(privateKey: KeyObject): { half: Buffer; plain: Buffer } {
  const { d = "", x = "" } = privateKey.export({ format: "jwk" }) as { d?: string; x?: string };
  const half = Buffer.from(x, "base64url");
  return { half, plain: Buffer.concat([half, Buffer.from(d, "base64url"), half]) };
}

async function ed25519Row(changes: Changes = {}): Promise<LockedKey> {
  const { half, plain } = ed25519Bytes(generateKeyPairSync("ed25519").privateKey);
  return await row("ed25519", half, plain, changes);
}

async function row(
  algorithm: string,
  publicKey: Buffer,
  plain: Uint8Array,
  changes: Changes,
): Promise<LockedKey> {
  return {
    keyId: notaryKeyId(algorithm, publicKey.toString("base64")),
    repository: "registry.test/a",
    role: "timestamp",
    algorithm,
    alias: "timestamp_1",
    publicKey,
    sealed: await sealed(plain, changes),
  };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof OldKeyError) return error.code;
    throw error;
  }
  return "none";
}

const damagedBy = async (keys: readonly LockedKey[]) => [
  ...(await openKeys(keys, passphrases)).damaged.keys(),
];

describe("keys of an old signer", () => {
  it.each([
    ["ecdsa", ecdsaRow],
    ["ed25519", ed25519Row],
  ] as const)("open if they are %s", async (keytype, make) => {
    const locked = await make();
    const { keys, damaged } = await openKeys([locked], passphrases);
    expect(damaged.size).toBe(0);
    expect(keys).toHaveLength(1);
    expect(keys[0]).toMatchObject({ keyId: locked.keyId, keytype });
    expect(keys[0]?.publicKey).toBe(locked.publicKey.toString("base64"));
  });

  it("do not open with another passphrase", async () => {
    const all = [await ecdsaRow(), await ed25519Row(), await ecdsaRow(), await ecdsaRow()];
    const wrong: OldPassphrases = { of: () => [Buffer.from("wrong")], close: () => {} };
    expect(await codeOf(openKeys(all, wrong))).toBe("OLD_PASSPHRASE_WRONG");
    expect(await codeOf(openKeys(all.slice(0, 1), wrong))).toBe("OLD_PASSPHRASE_WRONG");
  });

  it("do not open with another passphrase, and nobody tries a hundred thousand of them", async () => {
    const one = await ecdsaRow({ p2c: 1 });
    let asked = 0;
    const wrong: OldPassphrases = {
      of: () => {
        asked++;
        return [Buffer.from("wrong")];
      },
      close: () => {},
    };
    expect(
      await codeOf(
        openKeys(
          Array.from({ length: 100_000 }, () => ({ ...one })),
          wrong,
        ),
      ),
    ).toBe("OLD_PASSPHRASE_WRONG");
    expect(asked).toBe(200);
  });

  it.each(["first", "last"])(
    "of which the %s open are a matter of two passphrases, not of a wrong one",
    async (which) => {
      const old = await ecdsaRow({ p2c: 1, passphrase: "of another time" });
      const some = Array.from({ length: 300 }, (_, i) => ({ ...old, keyId: `${i}` }));
      const good = await ecdsaRow({ p2c: 1 });
      const goods = Array<LockedKey>(3).fill(good);
      const opened = await openKeys(
        which === "first" ? [...goods, ...some] : [...some, ...goods],
        passphrases,
      );
      expect([opened.keys.length, opened.damaged.size]).toEqual([3, 300]);
      expect(opened.damaged.get("0")?.message).toContain("--old-passphrase may be repeated");
    },
  );

  it("open with whichever passphrase of their alias is theirs", async () => {
    const [old, good] = [await ecdsaRow({ passphrase: "of another time" }), await ecdsaRow()];
    const both: OldPassphrases = {
      of: () => [Buffer.from("of another time"), Buffer.from(right)],
      close: () => {},
    };
    const { keys, damaged } = await openKeys([good, old], both);
    expect([keys.map(({ keyId }) => keyId), damaged.size]).toEqual([[good.keyId, old.keyId], 0]);
  });

  it("of one alias open, and another alias has the wrong passphrase: nothing stays open", async () => {
    const [good, bad] = [await ecdsaRow(), { ...(await ecdsaRow({ passphrase: "another" })), alias: "b" }];
    expect(await codeOf(openKeys([good, bad], passphrases))).toBe("OLD_PASSPHRASE_WRONG");
  });

  it("that do not open beside others that do are damaged", async () => {
    const [good, bad] = [await ecdsaRow(), await ecdsaRow({ passphrase: "another passphrase" })];
    const opened = await openKeys([bad, good], passphrases);
    expect(opened.keys.map(({ keyId }) => keyId)).toEqual([good.keyId]);
    expect([...opened.damaged]).toEqual([[bad.keyId, expect.objectContaining({ code: "OLD_KEY_DAMAGED" })]]);
  });

  it.each([
    ["another algorithm", { alg: "PBES2-HS512+A256KW" }],
    ["another encryption", { enc: "A128GCM" }],
    ["too many iterations", { p2c: 10_001 }],
  ])("sealed with %s are not opened", async (_, changes) => {
    const [good, bad] = [await ecdsaRow(), await ecdsaRow(changes)];
    expect(await damagedBy([good, bad])).toEqual([bad.keyId]);
  });

  it("are checked against their public half and their ID", async () => {
    const good = await ecdsaRow();
    const other = await ecdsaRow();
    const p384 = await ecdsaRow({}, "P-384");
    const { plain } = ed25519Bytes(generateKeyPairSync("ed25519").privateKey);
    const mixed = Buffer.concat([plain.subarray(0, 64), Buffer.alloc(32)]);
    const ed25519 = await ed25519Row({ plain: mixed });
    const short = await ed25519Row({ plain: plain.subarray(0, 95) });
    const foreign = { ...(await ed25519Row()), sealed: await sealed(plain) };
    const rows: readonly LockedKey[] = [
      { ...other, keyId: "0".repeat(64) },
      { ...other, publicKey: good.publicKey },
      { ...(await ecdsaRow()), sealed: other.sealed },
      { ...(await ecdsaRow()), algorithm: "rsa" },
      await ecdsaRow({ plain: Buffer.from("no key") }),
      p384,
      ed25519,
      short,
      foreign,
    ];
    for (const bad of rows) expect(await damagedBy([good, bad])).toEqual([bad.keyId]);
  });

  it("are read from rows, without those that were deleted", async () => {
    const one = await ecdsaRow();
    const values = (deleted: string | null): Row<PrivateKeyColumn> =>
      new Map<PrivateKeyColumn, Buffer | null>([
        ["key_id", Buffer.from(one.keyId)],
        ["algorithm", Buffer.from("ecdsa")],
        ["passphrase_alias", Buffer.from("timestamp_1")],
        ["public", one.publicKey],
        ["private", Buffer.from(one.sealed)],
        ["gun", Buffer.from(one.repository)],
        ["role", Buffer.from("timestamp")],
        ["deleted_at", deleted === null ? null : Buffer.from(deleted)],
      ]);
    async function* rows() {
      yield values("2026-01-01 00:00:00");
      yield values(null);
    }
    expect(await readLockedKeys(rows())).toEqual([one]);
  });
});

describe("passphrases of an old signer", () => {
  const folder = mkdtempSync(join(tmpdir(), "vidimus-old-"));
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const of = (named: readonly string[], env: Record<string, string>, alias: string) =>
    oldPassphrases(named, env)
      .of(alias)
      .map((each) => Buffer.from(each).toString())
      .join(" or ");
  const refusal = (named: readonly string[], alias = "a") => {
    try {
      return of(named, {}, alias);
    } catch (error) {
      return (error as OldKeyError).code;
    }
  };

  it("come from the signer's own variables", () => {
    expect(of([], { NOTARY_SIGNER_TIMESTAMP_1: " spaces stay " }, "timestamp_1")).toBe(" spaces stay ");
  });

  it("come from files, variables and descriptors, by alias or for all", () => {
    const one = file("one", "first\n");
    const two = file("two", "second\r\n");
    expect(of([`a=file:${one}`, `file:${two}`], { NOTARY_SIGNER_A: "no" }, "a")).toBe("first");
    expect(of([`a=file:${one}`, `file:${two}`], {}, "b")).toBe("second");
    expect(of(["env:MINE"], { MINE: "third" }, "b")).toBe("third");
    expect(of([`a=file:${one}`, `a=file:${two}`], {}, "a")).toBe("first or second");
    expect(of([`file:${one}`, `a=file:${two}`], {}, "a")).toBe("second");
    expect(of([`fd:${openSync(one, "r")}`], {}, "b")).toBe("first");
  });

  it("are missed by the name of the variable", () => {
    expect(refusal([], "timestamp_1")).toBe("OLD_PASSPHRASE_MISSING");
  });

  it.each([
    "file:/nowhere/at/all",
    "fd:nine",
    "env:NOT_SET",
    `file:${file("empty", "")}`,
    `file:${file("long", "x".repeat(5_000))}`,
  ])("are not taken from %s", (source) => {
    expect(refusal([source])).toBe("OLD_PASSPHRASE_UNREADABLE");
  });

  it("are never given as such, and then never repeated", () => {
    const secret = `hunter-${createHash("sha256").update("x").digest("hex")}`;
    try {
      oldPassphrases([secret], {});
      expect.unreachable();
    } catch (error) {
      expect((error as OldKeyError).code).toBe("OLD_PASSPHRASE_UNREADABLE");
      expect((error as OldKeyError).message).not.toContain(secret);
    }
  });
});

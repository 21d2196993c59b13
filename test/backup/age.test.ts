import { randomBytes } from "node:crypto";
import { Encrypter } from "age-encryption";
import { beforeAll, describe, expect, it } from "vitest";
import { type Opening, seal, unseal } from "../../src/backup/age.ts";
import { type AgePair, agePair, backupCode, collect, streamOf } from "../support/sealed-bytes.ts";

/** Three pieces of the age format and a little. */
const plain = randomBytes(3 * 65_536 + 17);
let pair: AgePair;
let sealed: Buffer;
let headLength: number;

beforeAll(async () => {
  pair = await agePair();
  sealed = await collect(await seal(streamOf(plain, 10_000), { recipients: [pair.recipient] }));
  headLength = sealed.indexOf("\n", sealed.indexOf("\n--- ") + 1) + 1;
});

/** Sealed by a passphrase that is turned into a key at little cost. */
async function cheaply(passphrase: string): Promise<Buffer> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(10);
  return Buffer.from(await encrypter.encrypt(plain));
}

const opening = (): Opening => ({ identities: [pair.identity] });
const open = async (bytes: Uint8Array, by = opening()) => collect(await unseal(streamOf(bytes), by));

describe("a sealed stream", () => {
  it("opens to the same bytes, for each of its recipients", async () => {
    const other = await agePair();
    const both = await seal(streamOf(plain), { recipients: [pair.recipient, other.recipient] });
    const bytes = await collect(both);
    for (const { identity } of [pair, other]) {
      expect((await open(bytes, { identities: [identity] })).equals(plain)).toBe(true);
    }
  });

  it("opens with its passphrase and with no other", async () => {
    const bytes = await cheaply("one passphrase");
    expect((await open(bytes, { passphrase: "one passphrase" })).equals(plain)).toBe(true);
    expect(await backupCode(open(bytes, { passphrase: "one passphrasE" }))).toBe("BACKUP_NOT_OPENED");
  });

  it("does not open for anybody else", async () => {
    const { identity } = await agePair();
    expect(await backupCode(open(sealed, { identities: [identity] }))).toBe("BACKUP_NOT_OPENED");
    expect(await backupCode(open(sealed, { passphrase: "one passphrase" }))).toBe("BACKUP_NOT_OPENED");
  });

  it("is sealed by a passphrase at the full cost", { timeout: 120_000 }, async () => {
    const bytes = await collect(await seal(streamOf(plain), { passphrase: "one passphrase" }));
    expect(bytes.toString("latin1")).toMatch(/^age-encryption\.org\/v1\n-> scrypt \S+ 18\n/);
  });

  it("may be empty", async () => {
    const bytes = await collect(await seal(streamOf(Buffer.alloc(0)), { recipients: [pair.recipient] }));
    expect(await open(bytes)).toHaveLength(0);
  });

  it("is refused cut off anywhere", async () => {
    const lengths = [1, 10, 22, headLength - 1, headLength, headLength + 16, headLength + 17];
    const pieces = [1, 2, 3].flatMap((n) => [-1, 0, 1].map((by) => headLength + 16 + n * 65_552 + by));
    for (const length of [...lengths, ...pieces, sealed.length - 1]) {
      expect([length, await backupCode(open(sealed.subarray(0, length)))]).toEqual([
        length,
        "BACKUP_DAMAGED",
      ]);
    }
  });

  it("is refused with any one bit changed: of its body as damaged", async () => {
    for (let place = headLength; place < sealed.length; place += 4_999) {
      const bytes = Buffer.from(sealed);
      bytes[place] = (bytes[place] ?? 0) ^ (1 << (place % 8));
      expect([place, await backupCode(open(bytes))]).toEqual([place, "BACKUP_DAMAGED"]);
    }
  });

  it("is refused with any one bit of its head changed", async () => {
    for (let place = 0; place < headLength; place += 1) {
      const bytes = Buffer.from(sealed);
      bytes[place] = (bytes[place] ?? 0) ^ (1 << (place % 7));
      expect(["NOT_A_BACKUP", "BACKUP_NOT_OPENED", "BACKUP_DAMAGED"]).toContain(
        await backupCode(open(bytes)),
      );
    }
  });

  it("is refused with bytes after its end, and with pieces in another order", async () => {
    const [first, second] = [headLength + 16, headLength + 16 + 65_552];
    const swapped = Buffer.concat([
      sealed.subarray(0, first),
      sealed.subarray(second, second + 65_552),
      sealed.subarray(first, second),
      sealed.subarray(second + 65_552),
    ]);
    expect(await backupCode(open(swapped))).toBe("BACKUP_DAMAGED");
    expect(await backupCode(open(Buffer.concat([sealed, Buffer.alloc(1)])))).toBe("BACKUP_DAMAGED");
  });
});

describe("something else", () => {
  it.each([
    ["nothing", Buffer.alloc(0), "BACKUP_DAMAGED"],
    ["text", Buffer.from("hello"), "NOT_A_BACKUP"],
    ["random bytes", randomBytes(100_000), "NOT_A_BACKUP"],
    ["an armoured age file", Buffer.from("-----BEGIN AGE ENCRYPTED FILE-----\n"), "NOT_A_BACKUP"],
    ["a later version of age", Buffer.from("age-encryption.org/v2\n-> X25519 a\n\n--- a\n"), "NOT_A_BACKUP"],
    ["a head and no more", Buffer.from("age-encryption.org/v1\n-> X25519 a\n"), "BACKUP_DAMAGED"],
  ])("%s is refused", async (_name, bytes, code) => {
    expect(await backupCode(open(bytes))).toBe(code);
  });

  it("with a head that never ends is read no further than its bound, and let go", async () => {
    const endless = streamOf(
      Buffer.concat([Buffer.from("age-encryption.org/v1\n-> "), Buffer.alloc(10_000_000, 97)]),
    );
    expect(await backupCode(unseal(endless, opening()))).toBe("NOT_A_BACKUP");
    expect(endless.given).toBeLessThan(70_000);
    expect(endless.released).toBe(true);
  });

  it("that asks for a gigabyte and more to try a passphrase is refused at once", async () => {
    const bytes = await cheaply("one passphrase");
    const costly = Buffer.from(bytes.toString("latin1").replace(/^(-> scrypt \S+) 10$/m, "$1 21"), "latin1");
    expect(costly.equals(bytes)).toBe(false);
    expect(await backupCode(open(costly, { passphrase: "one passphrase" }))).toBe("BACKUP_DAMAGED");
  });
});

describe("keys that are none", () => {
  it("are refused before anything is read", async () => {
    const source = streamOf(plain);
    for (const recipient of [
      "",
      "age1",
      "age1xyz",
      pair.recipient.slice(0, -1),
      "ssh-ed25519 AAAA",
      pair.identity,
    ]) {
      expect(await backupCode(seal(source, { recipients: [pair.recipient, recipient] }))).toBe(
        "BACKUP_KEY_UNUSABLE",
      );
    }
    expect(await backupCode(unseal(source, { identities: [pair.recipient] }))).toBe("BACKUP_KEY_UNUSABLE");
    expect(source.given).toBe(0);
  });

  it("are not repeated in the refusal", async () => {
    const refusal = await unseal(streamOf(sealed), { identities: ["AGE-SECRET-KEY-1CANARY"] }).catch(
      (error) => error,
    );
    expect(refusal).toMatchObject({ code: "BACKUP_KEY_UNUSABLE" });
    expect(refusal.message).not.toContain("CANARY");
  });
});

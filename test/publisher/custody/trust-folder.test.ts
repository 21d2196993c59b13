/** The stock clients' folder: real files of theirs, and what is told where one is not what it should be. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { testingOnlyIterations } from "../../../src/publisher/custody/pbes2.ts";
import { makePrivateKey } from "../../../src/publisher/custody/private-key.ts";
import { TrustFolder } from "../../../src/publisher/custody/trust-folder.ts";
import { Answers, keyCodeOf, listedKey, verifies } from "../../contract/custody.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { manifest } from "../../support/fixtures.ts";
import { folderAt } from "../../support/folder.ts";

const vectors = resolve(import.meta.dirname, "../../vectors/notary");
const collections = manifest.collections
  .map(({ dir }) => dir)
  .filter((dir) => readdirSync(join(vectors, dir)).includes("private"));
const passphrases = new Map([
  ["root", "fixture-root-pass"],
  ["targets", "fixture-targets-pass"],
  ["snapshot", "fixture-snapshot-pass"],
]);
const message = Buffer.from("message");

/** A trust directory with one file. */
function folderOf(content: string, name: string): TrustFolder {
  const path = temporaryDirectory();
  mkdirSync(join(path, "private"));
  writeFileSync(join(path, "private", name), content);
  return new TrustFolder(path, testingOnlyIterations);
}

describe.each(collections)("the real keys of %s", (dir) => {
  it("are listed with their roles, and open as the keys that their names say", async () => {
    const folder = new TrustFolder(join(vectors, dir));
    const found = await folder.list();
    expect(found.length).toBe(readdirSync(join(vectors, dir, "private")).length);
    expect(await folder.faults()).toEqual([]);
    for (const { id, role = "", repository, listed, locked } of found) {
      expect([listed, locked]).toEqual([undefined, true]);
      expect(repository).toBe(
        role === "targets" || role === "snapshot" ? `example.org/h1/${dir}` : undefined,
      );
      const opened = await folder.open(id, new Answers(passphrases.get(role) ?? "fixture-delegation-pass"));
      expect(opened.info.listed.id).toBe(id);
      expect(verifies(opened.info.listed, message, await opened.sign(message))).toBe(true);
      opened.close();
    }
  });
});

it("there are real keys to be read", () => {
  expect(collections.length).toBeGreaterThan(5);
});

describe("what is added", () => {
  it("is a file like theirs, in folders that only their owner may read", async () => {
    const path = join(temporaryDirectory(), "trust");
    const key = makePrivateKey("ecdsa");
    const folder = new TrustFolder(path, testingOnlyIterations);
    const info = await folder.add(
      { key, name: "", role: "targets", repository: "registry.test:5000/app" },
      Buffer.from("secret-one"),
    );
    expect(info.place).toBe(join(path, "private", `${listedKey(key).id}.key`));
    expect([statSync(join(path, "private")).mode & 0o777, statSync(info.place).mode & 0o777]).toEqual([
      0o700, 0o600,
    ]);
    const head = readFileSync(info.place, "utf8").split("\n").slice(0, 4);
    expect(head).toEqual([
      "-----BEGIN ENCRYPTED PRIVATE KEY-----",
      "gun: registry.test:5000/app",
      "role: targets",
      "",
    ]);
    expect(await folder.list()).toMatchObject([{ role: "targets", repository: "registry.test:5000/app" }]);
  });

  it.each(["root", "targets/releases"])("has no repository with the role %s, as theirs", async (role) => {
    const folder = new TrustFolder(temporaryDirectory(), testingOnlyIterations);
    const info = await folder.add(
      { key: makePrivateKey("ecdsa"), name: "", role, repository: "registry.test/app" },
      Buffer.from("x"),
    );
    expect(info.repository).toBeUndefined();
  });

  it("needs a role", async () => {
    const folder = new TrustFolder(temporaryDirectory());
    const added = folder.add(
      { key: makePrivateKey("ecdsa"), name: "", role: undefined, repository: undefined },
      Buffer.from("x"),
    );
    expect(await keyCodeOf(added)).toBe("KEY_UNSUPPORTED");
  });

  it("is opened by OpenSSL, the platform's", async () => {
    const key = makePrivateKey("ecdsa");
    const folder = new TrustFolder(temporaryDirectory());
    const { place } = await folder.add(
      { key, name: "", role: "root", repository: undefined },
      Buffer.from("secret-one"),
    );
    const pem = readFileSync(place, "utf8").replace("role: root\n\n", "");
    expect(createPrivateKey({ key: pem, passphrase: "secret-one" }).equals(key)).toBe(true);
  });
});

describe("a file that is not what it should be", () => {
  const key = makePrivateKey("ecdsa");
  const { id } = listedKey(key);
  const clear = String(key.export({ format: "pem", type: "pkcs8" }));
  const encrypted = (changes: object = {}) =>
    String(
      key.export({ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase: "right", ...changes }),
    );

  it("is refused once it opens as another key than its name says", async () => {
    const other = "4".repeat(64);
    const folder = folderOf(encrypted(), `${other}.key`);
    expect(await folder.list()).toHaveLength(1);
    expect(await keyCodeOf(folder.open(other, new Answers("right")), "right")).toBe("KEY_FILE_DAMAGED");
  });

  it("is refused as another key at once where it is in the clear", async () => {
    const folder = folderOf(clear, `${"4".repeat(64)}.key`);
    expect(await folder.list()).toEqual([]);
    expect((await folder.faults()).map(({ code }) => code)).toEqual(["KEY_FILE_DAMAGED"]);
  });

  it("is a wrong passphrase where the encrypted bytes are damaged: the format tells no more", async () => {
    const body = Buffer.from(encrypted().split("\n").slice(1, -2).join(""), "base64");
    body[body.length - 20] = (body.at(-20) ?? 0) ^ 1;
    const pem = `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${body.toString("base64")}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
    const folder = folderOf(pem, `${id}.key`);
    expect(await keyCodeOf(folder.open(id, new Answers("right")))).toBe("PASSPHRASE_WRONG");
  });

  it.each([
    ["nothing", "", "KEY_FILE_DAMAGED"],
    ["no PEM", "nonsense", "KEY_FILE_DAMAGED"],
    ["a key that is cut off", clear.replace(/\n.{30}[^\n]*\n-----END/, "\n-----END"), "KEY_FILE_DAMAGED"],
    [
      "garbage in the form of a key",
      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
      "KEY_FILE_DAMAGED",
    ],
    [
      "garbage in the form of a locked key",
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
      "KEY_FILE_DAMAGED",
    ],
    ["two keys", clear + clear, "KEY_FILE_DAMAGED"],
    ["a public key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "KEY_FILE_DAMAGED"],
    [
      "a key of OpenSSH",
      "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
      "KEY_UNSUPPORTED",
    ],
    [
      "an old form that is not known",
      "-----BEGIN ED25519 PRIVATE KEY-----\nAAAA\n-----END ED25519 PRIVATE KEY-----\n",
      "KEY_UNSUPPORTED",
    ],
    [
      "a key of a kind that signs nothing",
      String(generateKeyPairSync("x25519").privateKey.export({ format: "pem", type: "pkcs8" })),
      "KEY_UNSUPPORTED",
    ],
    [
      "a curve that nobody accepts",
      String(
        generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey.export({
          format: "pem",
          type: "pkcs8",
        }),
      ),
      "KEY_UNSUPPORTED",
    ],
  ])("%s is a fault, and hides no other", async (_, content, code) => {
    const folder = folderOf(content, `${id}.key`);
    writeFileSync(join(folder.folder, `${"5".repeat(64)}.key`), encrypted());
    expect((await folder.list()).map((each) => each.id)).toEqual(["5".repeat(64)]);
    expect((await folder.faults()).map((each) => each.code)).toEqual([code]);
    expect(await keyCodeOf(folder.open(id, new Answers("right")))).toBe(code);
  });

  it("says of a key of OpenSSH what to do", async () => {
    const pem = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
    const [fault] = await folderOf(pem, `${id}.key`).faults();
    expect(fault?.message).toContain("ssh-add");
    expect(fault?.message).toContain("ssh-keygen -p -m PKCS8");
  });

  it("is a fault where its name is no key ID", async () => {
    const folder = folderOf(clear, "root.key");
    expect((await folder.faults()).map(({ code }) => code)).toEqual(["KEY_UNSUPPORTED"]);
  });

  it("is refused before it makes the machine work for an hour", async () => {
    const body = Buffer.from(encrypted().split("\n").slice(1, -2).join(""), "base64");
    // 2048 iterations, as a number of two bytes; one of the same length cannot be too many, so it becomes one of four.
    const at = body.indexOf(Buffer.from("02020800", "hex"));
    expect(at).toBeGreaterThan(0);
    const longer = Buffer.concat([
      body.subarray(0, at),
      Buffer.from("02047fffffff", "hex"),
      body.subarray(at + 4),
    ]);
    for (const length of lengthsAround(longer, at)) longer[length] = (longer[length] ?? 0) + 2;
    const pem = `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${longer.toString("base64")}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
    expect(await keyCodeOf(folderOf(pem, `${id}.key`).open(id, new Answers("right")))).toBe(
      "KEY_UNSUPPORTED",
    );
  });
});

/** Where the lengths of the sequences stand that hold what is at `at`. */
function lengthsAround(der: Buffer, at: number): readonly number[] {
  const found: number[] = [];
  for (let i = 0; i < at; ) {
    const [tag, first = 0] = [der[i], der[i + 1]];
    const long = first > 0x80 ? first - 0x80 : 0;
    const length = long === 0 ? first : der.readUIntBE(i + 2, long);
    const content = i + 2 + long;
    if (tag === 0x30 && content + length > at) {
      found.push(content - 1);
      i = content;
    } else i = content + length;
  }
  return found;
}

describe("the forms before PKCS#8", () => {
  const cases: readonly (readonly [string, KeyObject, "sec1" | "pkcs1"])[] = [
    ["EC", makePrivateKey("ecdsa"), "sec1"],
    ["RSA", generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey, "pkcs1"],
  ];

  it.each(cases)("of %s, encrypted, opens with its passphrase alone", async (_, key, type) => {
    const { id } = listedKey(key);
    const pem = String(
      key.export({ format: "pem", type, cipher: "aes-256-cbc", passphrase: "right" } as never),
    );
    const folder = folderOf(pem.replace("KEY-----\n", "KEY-----\nrole: root\n"), `${id}.key`);
    expect(await folder.list()).toMatchObject([{ id, role: "root", locked: true, listed: undefined }]);
    expect(await keyCodeOf(folder.open(id, new Answers("wrong")))).toBe("PASSPHRASE_WRONG");
    expect((await folder.open(id, new Answers("wrong", "right"))).info.listed).toEqual(listedKey(key));
  });

  it.each(cases)("of %s, in the clear, is listed with its public key", async (_, key, type) => {
    const { id } = listedKey(key);
    const folder = folderOf(String(key.export({ format: "pem", type } as never)), `${id}.key`);
    expect(await folder.list()).toMatchObject([{ id, locked: false, listed: listedKey(key) }]);
  });
});

describe.each(["aes-256-cbc", "aes-192-cbc", "aes-128-cbc", "des-ede3-cbc"])("PKCS#8 under %s", (cipher) => {
  it("is read as OpenSSL, the platform's, writes it", async () => {
    const key = makePrivateKey("ecdsa");
    const { id } = listedKey(key);
    const pem = String(key.export({ format: "pem", type: "pkcs8", cipher, passphrase: "right" }));
    (await folderOf(pem, `${id}.key`).open(id, new Answers("right"))).close();
  });
});

it("a new passphrase opens the key, the old one does no more, and role and repository stay", async () => {
  const folder = new TrustFolder(temporaryDirectory(), testingOnlyIterations);
  const { id } = await folder.add(
    { key: makePrivateKey("ed25519"), name: "", role: "targets", repository: "registry.test/app" },
    Buffer.from("old-one"),
  );
  await folder.reseal(id, new Answers("old-one"), async () => Buffer.from("new-one"));
  expect(await keyCodeOf(folder.open(id, new Answers("old-one")))).toBe("PASSPHRASE_WRONG");
  (await folder.open(id, new Answers("new-one"))).close();
  expect(await folder.list()).toMatchObject([{ role: "targets", repository: "registry.test/app" }]);
  expect(Object.keys(folderAt(folder.folder).contents())).toEqual([`${id}.key`]);
});

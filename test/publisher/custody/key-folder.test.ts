/** Our own folder of keys: how it lies on the disk, what damage is, and what is refused. */
import { chmodSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { sha256Hex } from "../../../src/core/bytes.ts";
import { canonicalBytes } from "../../../src/core/canonical.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import { testingOnlyCost } from "../../../src/publisher/custody/key-file.ts";
import { KeyFolder } from "../../../src/publisher/custody/key-folder.ts";
import { makePrivateKey } from "../../../src/publisher/custody/private-key.ts";
import { Answers, keyCodeOf, listedKey, verifies } from "../../contract/custody.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { folderAt } from "../../support/folder.ts";

const secret = "only-for-a-test";
const key = makePrivateKey("ecdsa");
const { id } = listedKey(key);
const named = { key, name: "release", role: "targets", repository: "registry.test/app" };

let text: string;
beforeAll(async () => {
  const path = temporaryDirectory();
  await new KeyFolder(path, testingOnlyCost).add(named, Buffer.from(secret));
  text = folderAt(path).read(`${id}.json`);
});

/** A folder with one file, `content`, by the name of the key. */
function folderOf(content: string | Buffer, name = `${id}.json`): KeyFolder {
  const path = temporaryDirectory();
  writeFileSync(join(path, name), content);
  return new KeyFolder(path, testingOnlyCost);
}

/** The file with something else in it, and a sum that is right again. */
function altered(change: (file: Record<string, unknown>) => void): string {
  const file = JSON.parse(text) as Record<string, unknown>;
  change(file);
  delete file.sum;
  return JSON.stringify({ ...file, sum: sha256Hex(canonicalBytes(file as JsonObject)) });
}

describe("what is added", () => {
  it("lies in a folder and a file that only their owner may read", async () => {
    const path = join(temporaryDirectory(), "above", "keys");
    const info = await new KeyFolder(path, testingOnlyCost).add(named, Buffer.from(secret));
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(statSync(info.place).mode & 0o777).toBe(0o600);
    expect(Object.keys(folderAt(path).contents())).toEqual([`${id}.json`]);
  });

  it("is told with name, role and repository, and without the private part", async () => {
    const [info] = await folderOf(text).list();
    expect(info).toMatchObject({ id, name: "release", role: "targets", repository: "registry.test/app" });
    const seed = key.export({ format: "jwk" }).d as string;
    expect(text).not.toContain(seed);
    expect(
      Buffer.from((JSON.parse(text) as { sealed: string }).sealed, "base64").toString("latin1"),
    ).not.toContain(Buffer.from(seed, "base64url").toString("latin1"));
  });

  it("costs 128 MiB to guess at, unless a test says otherwise", async () => {
    const path = temporaryDirectory();
    await new KeyFolder(path).add(named, Buffer.from(secret));
    const { scrypt } = JSON.parse(folderAt(path).read(`${id}.json`)) as { scrypt: object };
    expect(scrypt).toMatchObject({ logN: 17, r: 8, p: 1 });
  });

  it("is never overwritten", async () => {
    const folder = folderOf(text);
    expect(await keyCodeOf(folder.add(named, Buffer.from("another-one")), "another-one")).toBe("KEY_EXISTS");
    expect(folderAt(folder.folder).read(`${id}.json`)).toBe(text);
  });

  it.each([
    ["a space in it", "two words"],
    ["a key ID", "deadbeef"],
    ["a control character in it", "a\u001b[31m"],
  ])("has no name with %s", async (_, name) => {
    const path = temporaryDirectory();
    const work = new KeyFolder(path, testingOnlyCost).add({ ...named, name }, Buffer.from(secret));
    expect(await keyCodeOf(work)).toBe("KEY_UNSUPPORTED");
    expect(folderAt(path).contents()).toEqual({});
  });

  it("leaves nothing behind where nothing can be written", async () => {
    const above = temporaryDirectory();
    writeFileSync(join(above, "keys"), "a file");
    const work = new KeyFolder(join(above, "keys", "deeper"), testingOnlyCost).add(
      named,
      Buffer.from(secret),
    );
    expect(await keyCodeOf(work, secret)).toBe("KEY_FILE_UNWRITABLE");
    expect(folderAt(above).contents()).toEqual({ keys: "a file" });
  });
});

describe("a damaged file", () => {
  const cut = () => text.slice(0, -20);
  it.each([
    ["that is cut off", cut],
    ["that is empty", () => ""],
    ["that is no JSON", () => "nonsense"],
    [
      "with one bit of the box turned",
      () => text.replace(/"sealed": "(.)/, (_, c) => `"sealed": "${c === "A" ? "B" : "A"}`),
    ],
    ["with another salt", () => text.replace(/"salt": "(.)/, (_, c) => `"salt": "${c === "A" ? "B" : "A"}`)],
    ["with another name and the old sum", () => text.replace("release", "unleash")],
    ["of a later format", () => altered((file) => Object.assign(file, { format: "vidimus-key/2" }))],
    ["with another ID", () => altered((file) => Object.assign(file, { id: "1".repeat(64) }))],
    ["with a key of another type", () => altered((file) => Object.assign(file, { keytype: "rsa" }))],
    ["that weakens scrypt", () => altered((file) => Object.assign(file.scrypt as object, { logN: 1 }))],
    [
      "that asks scrypt for all memory",
      () => altered((file) => Object.assign(file.scrypt as object, { logN: 30 })),
    ],
    [
      "that asks for many rounds",
      () => altered((file) => Object.assign(file.scrypt as object, { p: 1_000 })),
    ],
    ["with a member twice", () => text.replace('"id"', '"format": "vidimus-key/1", "id"')],
  ])("%s is told as that before anybody is asked, and is not listed", async (_, make) => {
    const folder = folderOf(make());
    const answers = new Answers(secret);
    expect(await keyCodeOf(folder.open(id, answers))).toBe("KEY_FILE_DAMAGED");
    expect(answers.asked).toEqual([]);
    expect(await folder.list()).toEqual([]);
    expect((await folder.faults()).map(({ code }) => code)).toEqual(["KEY_FILE_DAMAGED"]);
  });

  it("hides no other key", async () => {
    const folder = folderOf(text);
    writeFileSync(join(folder.folder, `${"2".repeat(64)}.json`), "nonsense");
    expect((await folder.list()).map((each) => each.id)).toEqual([id]);
  });

  it("whose sum was made right again does not open, and gives no other key", async () => {
    const other = makePrivateKey("ecdsa");
    const path = temporaryDirectory();
    await new KeyFolder(path, testingOnlyCost).add({ ...named, key: other }, Buffer.from(secret));
    const theirs = JSON.parse(folderAt(path).read(`${listedKey(other).id}.json`)) as Record<string, unknown>;
    const folder = folderOf(
      altered((file) => Object.assign(file, { scrypt: theirs.scrypt, sealed: theirs.sealed })),
    );
    expect(await keyCodeOf(folder.open(id, new Answers(secret)), secret)).toBe("KEY_FILE_DAMAGED");
  });

  it("under another key's name is a fault", async () => {
    const other = "3".repeat(64);
    expect(await keyCodeOf(folderOf(text, `${other}.json`).open(other, new Answers(secret)))).toBe(
      "KEY_FILE_DAMAGED",
    );
  });

  it("that is far too large is not read", async () => {
    expect(await keyCodeOf(folderOf(Buffer.alloc(100_000, 32)).open(id, new Answers(secret)))).toBe(
      "KEY_FILE_UNREADABLE",
    );
  });

  it("that is a folder is not read", async () => {
    const path = temporaryDirectory();
    mkdirSync(join(path, `${id}.json`));
    expect(await keyCodeOf(new KeyFolder(path).open(id, new Answers(secret)))).toBe("KEY_FILE_UNREADABLE");
  });
});

describe("what is changed", () => {
  it("a name needs no passphrase, and the key opens as before", async () => {
    const folder = folderOf(text);
    expect((await folder.rename(id, "other")).name).toBe("other");
    const [info] = await folder.list();
    expect(info).toMatchObject({ id, name: "other", role: "targets" });
    const opened = await folder.open(id, new Answers(secret));
    expect(verifies(opened.info.listed, Buffer.from("x"), await opened.sign(Buffer.from("x")))).toBe(true);
  });

  it("a new passphrase opens it, and the old one does no more", async () => {
    const folder = folderOf(text);
    const fresh = Buffer.from("another-passphrase");
    await folder.reseal(id, new Answers(secret), async () => fresh);
    expect(fresh.every((byte) => byte === 0)).toBe(true);
    expect(await keyCodeOf(folder.open(id, new Answers(secret)))).toBe("PASSPHRASE_WRONG");
    (await folder.open(id, new Answers("another-passphrase"))).close();
    expect(await folder.list()).toMatchObject([{ name: "release", role: "targets" }]);
  });

  it("a new passphrase is not asked for before the old one is right", async () => {
    const folder = folderOf(text);
    let asked = 0;
    const work = folder.reseal(id, new Answers("wrong-one"), async () => {
      asked++;
      return Buffer.from("x");
    });
    expect(await keyCodeOf(work)).toBe("PASSPHRASE_WRONG");
    expect(asked).toBe(0);
    expect(folderAt(folder.folder).read(`${id}.json`)).toBe(text);
  });

  it("other files of the folder are left alone, and are no keys", async () => {
    const folder = folderOf(text);
    for (const name of ["notes.txt", "config.json", `.${id}.json`])
      writeFileSync(join(folder.folder, name), "{}");
    expect(await folder.list()).toHaveLength(1);
    expect(await folder.faults()).toEqual([]);
  });
});

it("a folder that is none cannot be read", async () => {
  const path = join(temporaryDirectory(), "file");
  writeFileSync(path, "");
  chmodSync(path, 0o600);
  expect(await keyCodeOf(new KeyFolder(path).list())).toBe("KEY_FILE_UNREADABLE");
});

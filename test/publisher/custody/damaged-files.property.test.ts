/** Key files with anything done to them: they open as the key that they name, or are refused by a code of ours. */
import { createPublicKey } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { Custody } from "../../../src/publisher/custody/custody.ts";
import { KeyError } from "../../../src/publisher/custody/errors.ts";
import { testingOnlyCost } from "../../../src/publisher/custody/key-file.ts";
import { KeyFolder } from "../../../src/publisher/custody/key-folder.ts";
import { testingOnlyIterations } from "../../../src/publisher/custody/pbes2.ts";
import { makePrivateKey } from "../../../src/publisher/custody/private-key.ts";
import { TrustFolder } from "../../../src/publisher/custody/trust-folder.ts";
import { Answers, listedKey } from "../../contract/custody.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { folderAt } from "../../support/folder.ts";
import { propertyTimeout, runs } from "../../support/properties.ts";

const key = makePrivateKey("ecdsa");
const listed = listedKey(key);
const secret = "only-for-a-test";

const codes = ["KEY_FILE_DAMAGED", "KEY_UNSUPPORTED", "PASSPHRASE_WRONG"];

/** Asks once, so that no derivation is repeated. */
async function opens(custody: Custody): Promise<void> {
  try {
    const opened = await custody.open(listed.id, new Answers(secret));
    expect(opened.info.listed).toEqual(listed);
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    expect(codes).toContain(error.code);
  }
  const found = await custody.list();
  expect(found.length + ((await custody.faults?.()) ?? []).length).toBe(1);
}

/** Some bytes of a text replaced, cut or doubled. */
const damage = fc.record({
  at: fc.nat(100_000),
  length: fc.nat(8),
  by: fc.uint8Array({ maxLength: 8 }),
});

function damaged(
  content: Buffer,
  { at, length, by }: { at: number; length: number; by: Uint8Array },
): Buffer {
  const from = at % content.length;
  return Buffer.concat([content.subarray(0, from), by, content.subarray(from + length)]);
}

let [ours, pem]: readonly [Buffer, Buffer] = [Buffer.alloc(0), Buffer.alloc(0)];
beforeAll(async () => {
  const path = temporaryDirectory();
  const one = { key, name: "release", role: "targets", repository: undefined };
  await new KeyFolder(path, testingOnlyCost).add(one, Buffer.from(secret));
  await new TrustFolder(path, testingOnlyIterations).add(one, Buffer.from(secret));
  const folder = folderAt(path);
  ours = Buffer.from(folder.read(`${listed.id}.json`));
  pem = Buffer.from(folder.read(`private/${listed.id}.key`));
});

function stockFolder(content: string | Buffer): TrustFolder {
  const path = temporaryDirectory();
  mkdirSync(join(path, "private"));
  writeFileSync(join(path, "private", `${listed.id}.key`), content);
  return new TrustFolder(path);
}

function locked(der: Uint8Array): string {
  const body = Buffer.from(der).toString("base64");
  return `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${body}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
}

describe("whatever happens to a file", () => {
  it(
    "of ours, it is the same key or none",
    async () => {
      const property = fc.asyncProperty(damage, async (change) => {
        const path = temporaryDirectory();
        writeFileSync(join(path, `${listed.id}.json`), damaged(ours, change));
        await opens(new KeyFolder(path));
      });
      await fc.assert(property, runs(60));
    },
    propertyTimeout,
  );

  it(
    "of the stock clients, it is the same key or none",
    async () => {
      await fc.assert(
        fc.asyncProperty(damage, async (change) => opens(stockFolder(damaged(pem, change)))),
        runs(200),
      );
    },
    propertyTimeout,
  );

  it(
    "of the stock clients inside its structure, it is the same key or none",
    async () => {
      const der = () => Buffer.from(pem.toString().replace(/-----.*-----|^.*:.*$|\n/gm, ""), "base64");
      await fc.assert(
        fc.asyncProperty(damage, async (change) => opens(stockFolder(locked(damaged(der(), change))))),
        runs(300),
      );
    },
    propertyTimeout,
  );
});

it.each([
  ["nested without end", Buffer.alloc(40_000, Buffer.from("3080", "hex")), "KEY_FILE_DAMAGED"],
  ["of a length beyond all files", Buffer.from("3084ffffffff", "hex"), "KEY_FILE_DAMAGED"],
  ["that is a public key", createPublicKey(key).export({ format: "der", type: "spki" }), "KEY_UNSUPPORTED"],
])("a structure %s is refused before anybody is asked", async (_, der, wanted) => {
  const folder = stockFolder(locked(der));
  expect((await folder.faults()).map(({ code }) => code)).toEqual([wanted]);
});

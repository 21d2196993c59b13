/** `fsck` opens the sealed keys as a start does, also after a `rekey` that was cut off, and changes nothing on the way. */
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config.ts";
import type { Damage } from "../../src/service/fsck/damage.ts";
import { createKeyFile } from "../../src/signer/secret.ts";
import { fsck } from "../../src/wire/fsck.ts";
import { startChild } from "../support/child.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { codeOf } from "../support/refusal.ts";
import { placeCopy, type StoredCopy, storedStore } from "../support/stored.ts";

const steps = ["made", "resealed", "replaced", "adopted"] as const;

let copy: StoredCopy;
let directory: string;
beforeAll(async () => {
  copy = await storedStore();
});
beforeEach(() => {
  directory = placeCopy(copy, () => {});
  writeFileSync(kek(), `vidimus-kek-v1:${Buffer.from(copy.secret).toString("base64")}\n`, { mode: 0o600 });
});

const kek = () => join(directory, "kek");

async function verify(settings: Readonly<Record<string, string>> = {}) {
  const all = { data: directory, ...settings };
  const flags = Object.entries(all).map(([key, text]) => ({ flag: "--set", key, text }));
  const { config } = loadConfig({ flags, env: {}, readFile: () => "" });
  const damages: Damage[] = [];
  const examined = await fsck(config, { openKeys: true }, (damage) => damages.push(damage));
  return { keys: examined.keys, damages };
}

/** Names and contents of the key files. */
const keyFiles = () =>
  readdirSync(directory)
    .filter((name) => name.startsWith("kek"))
    .map((name) => [name, readFileSync(join(directory, name), "utf8")]);

describe("after a rekey that was killed", () => {
  it.each(steps)("at %s, every key opens and no key file is touched", { timeout: 60_000 }, async (step) => {
    expect(await startChild("rekeyer.ts", [directory, step, ""]).ended).toBe(null);
    const before = keyFiles();
    expect(before.map(([name]) => name)).toEqual(step === "adopted" ? ["kek"] : ["kek", "kek.new"]);
    expect(await verify()).toEqual({ keys: 6, damages: [] });
    expect(keyFiles()).toEqual(before);
  });

  it.each(steps)("at %s, with a new source: one of both opens them", { timeout: 60_000 }, async (step) => {
    const other = join(temporaryDirectory(), "new");
    createKeyFile(other);
    expect(await startChild("rekeyer.ts", [directory, step, `file:${other}`]).ended).toBe(null);
    const [byOld, byNew] = [await verify(), await verify({ "signer.secret": `file:${other}` })];
    const exchanged = step === "replaced" || step === "adopted";
    const [good, bad] = exchanged ? [byNew, byOld] : [byOld, byNew];
    expect(good).toEqual({ keys: 6, damages: [] });
    expect(bad.damages.map(({ code }) => code)).toEqual(["KEYRING_UNOPENED"]);
    expect(bad.damages[0]?.sentence).toContain("signer.secret");
    expect(bad.damages[0]?.sentence).toContain("rekey");
  });

  it("and whose key files are both lost, the secret is asked for", { timeout: 60_000 }, async () => {
    await startChild("rekeyer.ts", [directory, "replaced", ""]).ended;
    const moved = { "signer.secret": `file:${join(temporaryDirectory(), "kek")}` };
    expect(await codeOf(verify(moved))).toBe("BAD_SECRET");
  });
});

it("a successor that opens nothing is never taken for the secret", async () => {
  createKeyFile(`${kek()}.new`);
  expect(await verify()).toEqual({ keys: 6, damages: [] });
  copyFileSync(`${kek()}.new`, join(directory, "other"));
  const { damages } = await verify({ "signer.secret": `file:${join(directory, "other")}` });
  expect(damages.map(({ code }) => code)).toEqual(["KEYRING_UNOPENED"]);
});

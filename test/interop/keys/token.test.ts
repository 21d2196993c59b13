/** SoftHSM by the real pkcs11js: the contract of custody, and what a stand-in might do differently. */
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, inject, it } from "vitest";
import { sha256Hex } from "../../../src/core/bytes.ts";
import type { Custody } from "../../../src/publisher/custody/custody.ts";
import { readTokenUri } from "../../../src/publisher/custody/pkcs11/uri.ts";
import { type Pkcs11Options, pkcs11 } from "../../../src/publisher/custody/pkcs11.ts";
import { Answers, custodyContract, keyCodeOf, verifies } from "../../contract/custody.ts";
import { type SoftTokens, softTokens } from "../support/soft-token.ts";

const driver = inject("tokenDriver");
const message = Buffer.from('{"_type":"Targets","version":1}');
const pin = "a pin of 16 byte";

const custodies: Custody[] = [];
afterEach(async () => {
  for (const custody of custodies.splice(0)) await custody.close();
});

function place(): SoftTokens & { readonly directory: string } {
  const directory = mkdtempSync(join(inject("scratch"), "token-"));
  return { ...softTokens(directory), directory };
}

function custodyOf(tokens: SoftTokens, uri = "pkcs11:", more: Partial<Pkcs11Options> = {}): Custody {
  const custody = pkcs11({
    selection: { ...readTokenUri(uri), module: tokens.module },
    driver: driver ?? "",
    environment: tokens.environment,
    ...more,
  });
  custodies.push(custody);
  return custody;
}

/** The digest of every key. A token's own object changes with each wrong PIN. */
function stored(directory: string): Readonly<Record<string, string>> {
  const files = readdirSync(join(directory, "tokens"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".object") && entry.name !== "token.object")
    .map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(files.sort().map((file) => [file, sha256Hex(readFileSync(file))]));
}

describe.skipIf(driver === null)("with a real token", () => {
  custodyContract("a token of SoftHSM", {
    algorithms: ["ecdsa", "ed25519", "rsa"],
    listsLocked: true,
    secret: pin,
    async place(keys) {
      const tokens = place();
      await tokens.init("the token", pin);
      for (const [at, key] of keys.entries())
        await tokens.import("the token", pin, key, `key ${at}`, `0${at}`);
      return {
        open: async () => custodyOf(tokens, "pkcs11:token=the%20token"),
        stored: async () => stored(tokens.directory),
      };
    },
    nowhere: undefined,
  });

  it.each([
    ["EC:prime256v1", "ecdsa", 64],
    ["EC:secp384r1", "ecdsa", 96],
    ["EC:edwards25519", "eddsa", 64],
    ["RSA:3072", "rsapss", 384],
  ])("keys that pkcs11-tool makes sign: %s", async (type, method, length) => {
    const tokens = place();
    await tokens.init("one", pin);
    await tokens.generate("one", pin, type, "release key", "a1");
    const custody = custodyOf(tokens, "pkcs11:object=release%20key;id=%a1");
    const [info] = await custody.list();
    expect(info).toMatchObject({ name: "release key", place: "token one", locked: true });
    const key = await custody.open("release key", new Answers(pin));
    const made = await key.sign(message);
    expect([made.method, made.bytes.length]).toEqual([method, length]);
    expect(verifies(key.info.listed, message, made)).toBe(true);
  });

  it("several tokens are told apart by their labels, and each has its PIN", async () => {
    const tokens = place();
    await tokens.init("one", pin);
    await tokens.init("two", "another pin");
    await tokens.generate("one", pin, "EC:prime256v1", "key", "01");
    await tokens.generate("two", "another pin", "EC:prime256v1", "key", "01");
    const all = custodyOf(tokens);
    expect((await all.list()).map(({ place }) => place).sort()).toEqual(["token one", "token two"]);
    expect(await keyCodeOf(all.open("key", new Answers(pin)))).toBe("KEY_AMBIGUOUS");
    const two = await custodyOf(tokens, "pkcs11:token=two").open("key", new Answers("another pin"));
    expect(verifies(two.info.listed, message, await two.sign(message))).toBe(true);
    expect(await keyCodeOf(custodyOf(tokens, "pkcs11:token=three").list())).toBe("TOKEN_UNREADABLE");
  });

  it("a key that wants the PIN each time is given it each time", async () => {
    const tokens = place();
    await tokens.init("one", pin);
    await tokens.generate("one", pin, "EC:prime256v1", "key", "01", ["--always-auth"]);
    const answers = new Answers(pin, pin, "wrong-pin", pin);
    const key = await custodyOf(tokens).open("key", answers);
    expect(verifies(key.info.listed, message, await key.sign(message))).toBe(true);
    expect(verifies(key.info.listed, message, await key.sign(message))).toBe(true);
    expect(answers.asked).toHaveLength(4);
  });

  it("a module that is none, and one that cannot read its configuration, is unreadable", async () => {
    const tokens = place();
    const none = pkcs11({ selection: { module: "/usr/lib/os-release" }, driver: driver ?? "" });
    expect(await keyCodeOf(none.list())).toBe("TOKEN_UNREADABLE");
    const environment = { ...tokens.environment, SOFTHSM2_CONF: join(tokens.directory, "gone") };
    expect(await keyCodeOf(custodyOf(tokens, "pkcs11:", { environment }).list())).toBe("TOKEN_UNREADABLE");
  });
});

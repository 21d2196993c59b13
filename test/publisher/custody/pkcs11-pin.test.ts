/** The PIN of a token: how often one is asked for and tried, and what is said when it is not right. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Custody } from "../../../src/publisher/custody/custody.ts";
import { type Pkcs11Options, pkcs11 } from "../../../src/publisher/custody/pkcs11.ts";
import { Answers, keyCodeOf, listedKey, verifies } from "../../contract/custody.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import {
  callsOf,
  type FakeModule,
  type FakeToken,
  fakeDriver,
  pair,
  writeModule,
} from "../../support/fake-token.ts";
import { keyRefusalOf } from "../../support/key-refusal.ts";

const message = Buffer.from('{"_type":"Targets","version":1}');
const pin = "2468";

let first: KeyObject;
let second: KeyObject;
beforeAll(() => {
  first = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  second = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
});

let folder: string;
let custodies: Custody[];
beforeEach(() => {
  folder = temporaryDirectory();
  custodies = [];
});
afterEach(async () => {
  for (const custody of custodies) await custody.close();
});

function custodyOf(
  token: Partial<FakeToken> = {},
  options: Partial<Pkcs11Options> = {},
  on: FakeModule["on"] = {},
) {
  const objects = [...pair(first, "first", "01"), ...pair(second, "second", "02")];
  const module = writeModule(folder, {
    tokens: [{ slot: 1, label: "one", pin, objects, ...token }],
    messages: [message.toString("base64")],
    on,
  });
  const custody = pkcs11({ selection: { module }, driver: fakeDriver, ...options });
  custodies.push(custody);
  return custody;
}

const idOf = (key: KeyObject) => listedKey(key).id;
const calls = (name: string) => callsOf(join(folder, "module.json")).filter((each) => each === name).length;

describe("a PIN", () => {
  it("unlocks the token: the next key opens unasked, until the last is closed", async () => {
    const custody = custodyOf();
    const answers = new Answers(pin, pin);
    const one = await custody.open(idOf(first), answers);
    expect((await custody.list()).map(({ locked }) => locked)).toEqual([false, false]);
    const two = await custody.open(idOf(second), answers);
    expect(answers.asked).toHaveLength(1);
    one.close();
    one.close();
    expect(verifies(listedKey(second), message, await two.sign(message))).toBe(true);
    two.close();
    expect((await custody.list()).map(({ locked }) => locked)).toEqual([true, true]);
    await custody.open(idOf(first), answers);
    expect(answers.asked).toHaveLength(2);
  });

  it("is asked for once by two who open at the same moment", async () => {
    const custody = custodyOf();
    const answers = new Answers(pin);
    const both = await Promise.all([first, second].map((key) => custody.open(idOf(key), answers)));
    expect(answers.asked).toHaveLength(1);
    for (const each of both) expect(verifies(each.info.listed, message, await each.sign(message))).toBe(true);
  });

  it("that was wrong is never tried again, by whichever key, however often it is given", async () => {
    const custody = custodyOf({ tries: 10 });
    for (const key of [first, second, first]) {
      expect(await keyCodeOf(custody.open(idOf(key), new Answers("1111", "1111")), "1111")).toBe(
        "PASSPHRASE_WRONG",
      );
    }
    expect(calls("C_Login")).toBe(1);
    const opened = await custody.open(idOf(first), new Answers(pin));
    expect(verifies(opened.info.listed, message, await opened.sign(message))).toBe(true);
  });

  it("is asked for three times at most", async () => {
    const answers = new Answers("1", "2", "3", pin);
    expect(await keyCodeOf(custodyOf({ tries: 10 }).open(idOf(first), answers))).toBe("PASSPHRASE_WRONG");
    expect(answers.asked.map(([, attempt]) => attempt)).toEqual([1, 2, 3]);
  });

  it("that leaves one try is the last that is asked for, and that is said", async () => {
    const custody = custodyOf({ tries: 3 });
    const answers = new Answers("1111", "2222", pin);
    const refusal = await keyRefusalOf(custody.open(idOf(first), answers));
    expect([refusal.code, refusal.message]).toEqual([
      "PASSPHRASE_WRONG",
      expect.stringContaining("One try is left"),
    ]);
    expect(calls("C_Login")).toBe(2);
  });

  it("of a token with one try left is asked for after a warning, once", async () => {
    await keyCodeOf(custodyOf({ tries: 2 }).open(idOf(first), new Answers("1111")));
    const warnings: string[] = [];
    const warn = (sentence: string) => warnings.push(sentence);
    const opened = await custodyOf({ tries: 2 }, { warn }).open(idOf(first), new Answers(pin));
    expect(warnings).toEqual([expect.stringContaining("locks itself")]);
    opened.close();
    // The right PIN set the token's count back.
    await custodyOf({ tries: 2 }, { warn }).open(idOf(first), new Answers(pin));
    expect(warnings).toHaveLength(1);
  });

  it("that locks the token, and any after it, is told as such, and nobody is asked any more", async () => {
    await keyCodeOf(custodyOf({ tries: 2 }).open(idOf(first), new Answers("1111")));
    const custody = custodyOf({ tries: 2 });
    expect(await keyCodeOf(custody.open(idOf(first), new Answers("2222", pin)))).toBe("TOKEN_REFUSED");
    const answers = new Answers(pin);
    expect(await keyCodeOf(custody.open(idOf(first), answers))).toBe("TOKEN_REFUSED");
    expect(answers.asked).toEqual([]);
    expect(calls("C_Login")).toBe(2);
  });

  it.each([
    ["nothing", ""],
    ["far too much", "1".repeat(300)],
  ])("of %s is wrong without a try", async (_what, given) => {
    const custody = custodyOf();
    const opened = await custody.open(idOf(first), new Answers(given, pin));
    expect(calls("C_Login")).toBe(1);
    opened.close();
  });

  it("goes as UTF-8", async () => {
    const opened = await custodyOf({ pin: "pïn €" }).open(idOf(first), new Answers("pïn €"));
    expect(verifies(opened.info.listed, message, await opened.sign(message))).toBe(true);
  });

  it.each([
    ["CKR_PIN_LOCKED", 0xa4, "TOKEN_REFUSED"],
    ["CKR_PIN_EXPIRED", 0xa3, "TOKEN_REFUSED"],
    ["CKR_USER_PIN_NOT_INITIALIZED", 0x102, "TOKEN_REFUSED"],
    ["CKR_DEVICE_ERROR", 0x30, "TOKEN_REFUSED"],
    ["CKR_DEVICE_REMOVED", 0x32, "TOKEN_UNREADABLE"],
    ["CKR_PIN_INVALID", 0xa1, "PASSPHRASE_WRONG"],
    ["CKR_PIN_LEN_RANGE", 0xa2, "PASSPHRASE_WRONG"],
  ])("refused with %s (%d) is %s, and says nothing of it", async (name, code, expected) => {
    const custody = custodyOf({ tries: 100 }, {}, { C_Login: { name, code } });
    expect(await keyCodeOf(custody.open(idOf(first), new Answers(pin)), pin)).toBe(expected);
  });

  it("of a token that is logged in already is not needed", async () => {
    const custody = custodyOf(
      { pin: undefined as never },
      {},
      {
        C_Login: { name: "CKR_USER_ALREADY_LOGGED_IN", code: 0x100 },
      },
    );
    const opened = await custody.open(idOf(first), new Answers(pin));
    expect(verifies(opened.info.listed, message, await opened.sign(message))).toBe(true);
  });

  it("is not asked for by a token that wants none", async () => {
    const { pin: _, ...open } = { pin, flags: 0x400 };
    const custody = custodyOf({ ...open, pin: undefined as never });
    expect((await custody.list()).map(({ locked }) => locked)).toEqual([false, false]);
    const answers = new Answers();
    const opened = await custody.open(idOf(first), answers);
    expect(verifies(opened.info.listed, message, await opened.sign(message))).toBe(true);
    expect([answers.asked, calls("C_Login")]).toEqual([[], 0]);
  });
});

describe("a key that wants the PIN for each signature", () => {
  const always = () => ({ objects: pair(first, "first", "01", { always: true }), tries: 10 });

  it("asks for it each time", async () => {
    const answers = new Answers(pin, pin, pin);
    const opened = await custodyOf(always()).open(idOf(first), answers);
    for (let round = 1; round <= 2; round++) {
      expect(verifies(opened.info.listed, message, await opened.sign(message))).toBe(true);
      expect(answers.asked).toHaveLength(1 + round);
    }
    expect(answers.given.every((each) => each.every((byte) => byte === 0))).toBe(true);
  });

  it("signs after a wrong one, with the right one", async () => {
    const opened = await custodyOf(always()).open(idOf(first), new Answers(pin, "1111", pin));
    expect(verifies(opened.info.listed, message, await opened.sign(message))).toBe(true);
  });

  it("refuses without one, and signs the next time", async () => {
    const opened = await custodyOf(always()).open(
      idOf(first),
      new Answers(pin, "1111", undefined, undefined, pin),
    );
    expect(await keyCodeOf(opened.sign(message), "1111")).toBe("PASSPHRASE_WRONG");
    expect(await keyCodeOf(opened.sign(message))).toBe("PASSPHRASE_MISSING");
    expect(verifies(opened.info.listed, message, await opened.sign(message))).toBe(true);
  });
});

import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Custody } from "../../../src/publisher/custody/custody.ts";
import { type Pkcs11Options, pkcs11 } from "../../../src/publisher/custody/pkcs11.ts";
import { Answers, keyCodeOf, listedKey, verifies } from "../../contract/custody.ts";
import { makeRootCertificate } from "../../support/bare/keys.ts";
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

let ecdsa: KeyObject;
let ed25519: KeyObject;
let rsa: KeyObject;
beforeAll(() => {
  ecdsa = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  ed25519 = generateKeyPairSync("ed25519").privateKey;
  rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
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

function custodyOf(module: FakeModule, { selection, ...options }: Partial<Pkcs11Options> = {}): Custody {
  const path = writeModule(folder, { messages: [message.toString("base64")], ...module });
  const custody = pkcs11({ selection: { ...selection, module: path }, driver: fakeDriver, ...options });
  custodies.push(custody);
  return custody;
}

const tokenWith = (objects: FakeToken["objects"], more: Partial<FakeToken> = {}): FakeToken => ({
  slot: 1,
  label: "one",
  pin,
  objects,
  ...more,
});

const names = async (custody: Custody) => (await custody.list()).map(({ name }) => name);

describe("what a token shows", () => {
  it("is listed without a login, by name, with the token's label as its place", async () => {
    const custody = custodyOf({
      tokens: [tokenWith([...pair(rsa, "c", "03"), ...pair(ecdsa, "a", "01"), ...pair(ed25519, "b", "02")])],
    });
    const list = await custody.list();
    expect(list.map(({ name, place, locked, listed }) => ({ name, place, locked, listed }))).toEqual([
      { name: "a", place: "token one", locked: true, listed: listedKey(ecdsa) },
      { name: "b", place: "token one", locked: true, listed: listedKey(ed25519) },
      { name: "c", place: "token one", locked: true, listed: listedKey(rsa) },
    ]);
    expect(callsOf(join(folder, "module.json"))).not.toContain("C_Login");
  });

  it("is taken from a certificate where no public key is there, and once where both are", async () => {
    const pem = await makeRootCertificate(ecdsa, "a.test/b", new Date());
    const der = Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ""), "base64").toString("hex");
    const [open, secret] = pair(ecdsa, "root", "01");
    const certificate = { ...open, class: 1, label: "of root", attributes: { 17: der } } as const;
    for (const objects of [
      [certificate, secret],
      [certificate, open, secret],
    ]) {
      const custody = custodyOf({ tokens: [tokenWith(objects as FakeToken["objects"])] });
      expect((await custody.list()).map(({ id }) => id)).toEqual([listedKey(ecdsa).id]);
      const key = await custody.open(listedKey(ecdsa).id, new Answers(pin));
      expect(verifies(key.info.listed, message, await key.sign(message))).toBe(true);
      await custody.close();
    }
  });

  it.each([
    ["P-384", "ecdsa", 96],
    ["P-521", "ecdsa", 132],
  ])("may be on %s, signed with SHA-256", async (namedCurve, method, length) => {
    const key = generateKeyPairSync("ec", { namedCurve }).privateKey;
    const custody = custodyOf({ tokens: [tokenWith(pair(key, "k", "01"))] });
    const made = await (await custody.open(listedKey(key).id, new Answers(pin))).sign(message);
    expect([made.method, made.bytes.length]).toEqual([method, length]);
    expect(verifies(listedKey(key), message, made)).toBe(true);
  });

  it.each([
    ["the bare point of some modules", () => ({ 385: bare(ecdsa) }), () => ecdsa],
    ["Ed25519 by its object identifier", () => ({ 384: "06032b6570" }), () => ed25519],
  ])("may have %s", async (_what, attributes, key) => {
    const custody = custodyOf({ tokens: [tokenWith(pair(key(), "k", "01", { attributes: attributes() }))] });
    expect((await custody.list()).map(({ id }) => id)).toEqual([listedKey(key()).id]);
  });

  const weak = () => generateKeyPairSync("rsa", { modulusLength: 1_024 }).privateKey;
  const foreign = () => generateKeyPairSync("ec", { namedCurve: "secp256k1" }).privateKey;
  it.each<[string, () => FakeToken]>([
    ["RSA of 1024 bits", () => tokenWith(pair(weak(), "k", "01"))],
    [
      "Ed25519 where the module does not sign with it",
      () => tokenWith(pair(ed25519, "k", "01"), { mechanisms: [0x1041] }),
    ],
    ["a key behind a PIN pad", () => tokenWith(pair(ecdsa, "k", "01"), { flags: 0x50c })],
  ])(
    "that cannot sign metadata is not listed, is told, and is refused with the reason: %s",
    async (_what, token) => {
      const custody = custodyOf({ tokens: [token()] });
      expect(await names(custody)).toEqual([]);
      expect((await custody.faults?.())?.map(({ code }) => code)).toEqual(["KEY_UNSUPPORTED"]);
      const answers = new Answers(pin);
      expect(await keyCodeOf(custody.open("k", answers))).toBe("KEY_UNSUPPORTED");
      expect(answers.asked).toEqual([]);
    },
  );

  it.each<[string, () => FakeToken["objects"]]>([
    ["a curve that is not known", () => pair(foreign(), "k", "01")],
    [
      "a point that is not on its curve",
      () => pair(ecdsa, "k", "01", { attributes: { 385: `044104${"01".repeat(64)}` } }),
    ],
    ["a point of another length", () => pair(ecdsa, "k", "01", { attributes: { 385: "04020400" } })],
    [
      "an octet string with bytes behind it",
      () => pair(ecdsa, "k", "01", { attributes: { 385: `${octets(ecdsa)}00` } }),
    ],
    ["no point", () => pair(ecdsa, "k", "01", { attributes: { 385: null } })],
    ["no modulus", () => pair(rsa, "k", "01", { attributes: { 288: null } })],
    ["a type that is not known", () => pair(ecdsa, "k", "01", { attributes: { 256: "7f00000000000000" } })],
    [
      "an attribute of a megabyte",
      () => pair(ecdsa, "k", "01", { attributes: { 385: "04".repeat(1_000_000) } }),
    ],
    [
      "a certificate that is none",
      () => [{ ...pair(ecdsa, "k", "01")[0], class: 1, attributes: { 17: "3000" } }] as FakeToken["objects"],
    ],
  ])("is passed over where nobody can read it: %s", async (_what, objects) => {
    const custody = custodyOf({ tokens: [tokenWith([...objects(), ...pair(ed25519, "good", "02")])] });
    expect(await names(custody)).toEqual(["good"]);
  });

  it("in a label cannot command a terminal, and is bounded", async () => {
    const label = `\u001b[2J\u202e${"x".repeat(500)}`;
    const custody = custodyOf({ tokens: [tokenWith(pair(ecdsa, label, "01"), { label: "a\u0007b" })] });
    const [info] = await custody.list();
    expect(info?.name).toMatch(/^\P{C}{1,128}$/u);
    expect(info?.place).toBe("token a b");
  });
});

/** CKA_EC_POINT of a P-256 key without its OCTET STRING, and with it. */
function bare(key: KeyObject): string {
  const { x, y } = key.export({ format: "jwk" });
  return `04${[x, y].map((each) => Buffer.from(each ?? "", "base64url").toString("hex")).join("")}`;
}
const octets = (key: KeyObject) => `0441${bare(key)}`;

it("what a token shows is read once for listing and opening, and again for a key that was not there", async () => {
  const tokens = (...keys: readonly KeyObject[]) => [
    tokenWith(keys.flatMap((key, at) => pair(key, `k${at}`, `0${at}`))),
  ];
  const custody = custodyOf({ tokens: tokens(ecdsa) });
  const reads = () => count(callsOf(join(folder, "module.json")), "C_GetSlotList");
  await custody.list();
  await custody.faults?.();
  const before = reads();
  const key = await custody.open("k0", new Answers(pin));
  // The flags, for how many tries are left, are always read.
  expect([before, reads()]).toEqual([1, 2]);
  expect(await keyCodeOf(custody.open("k1", new Answers(pin)))).toBe("KEY_UNKNOWN");
  expect(reads()).toBe(3);
  key.close();
});

describe("a selection", () => {
  const tokens = () => [
    tokenWith([...pair(ecdsa, "a", "01"), ...pair(ed25519, "b", "02")]),
    tokenWith(pair(rsa, "a", "01"), { slot: 2, label: "two", serial: "S2" }),
    tokenWith([], { slot: 3, flags: 0xc, label: "not set up" }),
    tokenWith([], { slot: 4, label: "taken out", gone: true }),
  ];

  it.each([
    ["everything", {}, ["a", "b", "a"]],
    ["a token", { token: "two" }, ["a"]],
    ["a serial number", { serial: "S2" }, ["a"]],
    ["a slot", { slotId: 1 }, ["a", "b"]],
    ["a maker and a model", { manufacturer: "Fakes Ltd", model: "fake" }, ["a", "b", "a"]],
    ["a label", { object: "b" }, ["b"]],
    ["an ID", { id: Uint8Array.of(1) }, ["a", "a"]],
    ["a token and a key that is not there", { token: "two", object: "b" }, []],
  ])("of %s", async (_what, selection, expected) => {
    const custody = custodyOf({ tokens: tokens() }, { selection: { module: "", ...selection } });
    expect(await names(custody)).toEqual(expected);
  });

  it.each([
    { token: "three" },
    { serial: "S1" },
    { slotId: 9 },
    { token: "not set up" },
    { token: "taken out" },
  ])("of a token that is not there is refused: %j", async (selection) => {
    const custody = custodyOf({ tokens: tokens() }, { selection: { module: "", ...selection } });
    expect(await keyCodeOf(custody.list())).toBe("TOKEN_UNREADABLE");
    expect(await keyCodeOf(custody.open(listedKey(rsa).id, new Answers(pin)))).toBe("TOKEN_UNREADABLE");
  });

  it("by a label of several keys is ambiguous, and by its ID is not", async () => {
    const custody = custodyOf({ tokens: tokens() });
    expect(await keyCodeOf(custody.open("a", new Answers(pin)))).toBe("KEY_AMBIGUOUS");
    expect((await custody.open(listedKey(rsa).id, new Answers(pin))).info.place).toBe("token two");
  });
});

describe("the private key", () => {
  it.each([
    ["by PKCS#1 v1.5, which stock clients want", [0xd, 0x43, 0x40], "rsapkcs1v15"],
    ["by PSS where the module has nothing else", [0xd], "rsapss"],
  ])("of RSA signs a certificate %s", async (_what, mechanisms, method) => {
    const token = tokenWith(pair(rsa, "k", "01"), { mechanisms });
    const key = await custodyOf({ tokens: [token] }).open(listedKey(rsa).id, new Answers(pin));
    const made = await key.sign(message, "certificate");
    expect(made.method).toBe(method);
    expect(verifies(listedKey(rsa), message, made)).toBe(true);
    expect((await key.sign(message)).method).toBe("rsapss");
  });

  it.each([
    ["PSS where the module has it", undefined, "rsapss"],
    ["PSS with the digest made by the token", [0x43], "rsapss"],
    ["PKCS#1 v1.5 with the digest made here", [0x1], "rsapkcs1v15"],
    ["PKCS#1 v1.5 with the digest made by the token", [0x40], "rsapkcs1v15"],
    ["PSS before PKCS#1 v1.5", [0x1, 0x40, 0x43], "rsapss"],
  ])("of RSA signs by %s", async (_what, mechanisms, method) => {
    const token = tokenWith(pair(rsa, "k", "01"), mechanisms && { mechanisms });
    const key = await custodyOf({ tokens: [token] }).open(listedKey(rsa).id, new Answers(pin));
    const made = await key.sign(message);
    expect(made.method).toBe(method);
    expect(verifies(listedKey(rsa), message, made)).toBe(true);
  });

  it("is found by its CKA_ID, whatever its label, and by its label among several", async () => {
    const [open, secret] = pair(ecdsa, "mine", "01");
    const other = pair(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, "other", "01")[1];
    for (const objects of [
      [open, { ...secret, label: "renamed" }],
      [open, other, secret],
    ]) {
      const custody = custodyOf({ tokens: [tokenWith(objects as FakeToken["objects"])] });
      const key = await custody.open(listedKey(ecdsa).id, new Answers(pin));
      expect(verifies(listedKey(ecdsa), message, await key.sign(message))).toBe(true);
    }
  });

  it("that is not there is refused, and leaves nothing logged in", async () => {
    const custody = custodyOf({ tokens: [tokenWith(pair(ecdsa, "k", "01").slice(0, 1))] });
    expect(await keyCodeOf(custody.open(listedKey(ecdsa).id, new Answers(pin)), pin)).toBe("TOKEN_REFUSED");
    await custody.list();
    const calls = callsOf(join(folder, "module.json"));
    expect(count(calls, "C_OpenSession")).toBe(count(calls, "C_CloseSession"));
  });

  it("that cannot be told from another is ambiguous", async () => {
    const twins = [...pair(ecdsa, "k", "01"), ...pair(ecdsa, "k", "01").slice(1)];
    const custody = custodyOf({ tokens: [tokenWith(twins)] });
    expect(await keyCodeOf(custody.open(listedKey(ecdsa).id, new Answers(pin)))).toBe("KEY_AMBIGUOUS");
  });

  it("that was made for something else is refused", async () => {
    const [open, secret] = pair(ecdsa, "k", "01");
    const agreeing = { ...secret, attributes: { 264: "00" } };
    const custody = custodyOf({ tokens: [tokenWith([open, agreeing] as FakeToken["objects"])] });
    expect(await keyCodeOf(custody.open(listedKey(ecdsa).id, new Answers(pin)))).toBe("KEY_UNSUPPORTED");
  });

  it("of somebody else makes signatures that are found out", async () => {
    const [open] = pair(ecdsa, "k", "01");
    const [, other] = pair(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey, "k", "01");
    const custody = custodyOf({ tokens: [tokenWith([open, other] as FakeToken["objects"])] });
    const key = await custody.open(listedKey(ecdsa).id, new Answers(pin));
    expect(await keyCodeOf(key.sign(message))).toBe("TOKEN_REFUSED");
  });

  it("that makes nonsense is found out", async () => {
    const custody = custodyOf({ tokens: [tokenWith(pair(ecdsa, "k", "01", { wrong: true }))] });
    const key = await custody.open(listedKey(ecdsa).id, new Answers(pin));
    expect(await keyCodeOf(key.sign(message))).toBe("TOKEN_REFUSED");
  });
});

const count = (calls: readonly string[], name: string) => calls.filter((each) => each === name).length;

describe("the driver", () => {
  it("that is not installed is missing, with the way to install it", async () => {
    const module = writeModule(folder, { tokens: [] });
    const custody = pkcs11({ selection: { module }, environment: {} });
    const refusal = await keyRefusalOf(custody.list());
    expect(refusal.code).toBe("TOKEN_DRIVER_MISSING");
    expect(refusal.message).toMatch(/npm install .*pkcs11js/);
    expect(refusal.message).toContain("VIDIMUS_PKCS11JS");
    expect(await keyCodeOf(custody.open(listedKey(ecdsa).id, new Answers(pin)))).toBe("TOKEN_DRIVER_MISSING");
  });

  it("is found by VIDIMUS_PKCS11JS", async () => {
    const module = writeModule(folder, { tokens: [tokenWith(pair(ecdsa, "k", "01"))] });
    const custody = pkcs11({ selection: { module }, environment: { VIDIMUS_PKCS11JS: fakeDriver } });
    custodies.push(custody);
    expect(await names(custody)).toEqual(["k"]);
  });

  it.each([
    ["a folder that is not there", () => join(folder, "gone")],
    ["a file that is something else", () => join(import.meta.dirname, "../../support/directory.ts")],
  ])("named by %s is missing", async (_what, driver) => {
    const custody = custodyOf({ tokens: [] }, { driver: driver() });
    expect(await keyCodeOf(custody.list())).toBe("TOKEN_DRIVER_MISSING");
  });

  it("is no dependency of ours", () => {
    const manifest = readFileSync(join(import.meta.dirname, "../../../package.json"), "utf8");
    expect(manifest).not.toContain("pkcs11js");
  });
});

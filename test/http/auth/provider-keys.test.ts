/** Keys of an identity provider: which of a set count, when they are fetched, and what holds while they cannot be. */
import { generateKeyPairSync } from "node:crypto";
import { exportJWK, type JWK } from "jose";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { findKey, readKeySet } from "../../../src/http/auth/key-set.ts";
import { FetchedKeys } from "../../../src/http/auth/provider-keys.ts";
import { start } from "../../support/server.ts";

const minute = 60_000;
const hour = 60 * minute;
let one: JWK;
let two: JWK;
let secret: JWK;
const setOf = (...keys: object[]) => JSON.stringify({ keys });

beforeAll(async () => {
  const pairs = [1, 2].map(() => generateKeyPairSync("ec", { namedCurve: "P-256" }));
  [one, two] = (await Promise.all(pairs.map(({ publicKey }) => exportJWK(publicKey)))) as [JWK, JWK];
  secret = await exportJWK(pairs[0]?.privateKey as never);
});

describe("a set", () => {
  const alg = "ES256";
  it("gives the key that is named, for the algorithm that it is for", () => {
    const set = readKeySet(setOf({ ...one, kid: "1", alg }, { ...two, kid: "2" }));
    expect(findKey(set, { kid: "1", alg })?.export({ format: "jwk" })).toEqual(one);
    expect(findKey(set, { kid: "1", alg: "ES384" })).toBeUndefined();
    expect(findKey(set, { kid: "3", alg })).toBeUndefined();
    expect(findKey(set, { kid: "toString", alg })).toBeUndefined();
    expect(findKey(set, { kid: undefined, alg })).toBeUndefined();
    expect(findKey(set, { kid: undefined, alg: "ES384" })?.export({ format: "jwk" })).toEqual(two);
  });

  it("passes over what signs no tokens, and what is not known here", () => {
    const other = { kty: "AKP", kid: "9", pub: "AA" };
    const set = readKeySet(
      setOf(
        other,
        { kty: "oct", kid: "8" },
        { ...one, kid: "1", use: "enc" },
        { ...one, kid: "2", key_ops: ["encrypt"] },
        { kty: "EC", crv: "P-1", x: "AA", y: "AA", kid: "3" },
        { ...two, kid: "4", key_ops: ["verify"] },
      ),
    );
    expect(set.map(({ kid }) => kid)).toEqual(["4"]);
  });

  it("with a private or secret key is none", () => {
    expect(() => readKeySet(setOf({ ...two, kid: "2" }, { ...secret, kid: "1" }))).toThrow("not public");
    expect(() => readKeySet(setOf({ ...two, kid: "2" }, { kty: "oct", k: "AA" }))).toThrow("not public");
  });

  it.each(["", "[]", "{}", '{"keys":[]}', '{"keys":[{"kty":"oct"}]}'])("that is %j is none", (text) => {
    expect(() => readKeySet(text)).toThrow();
  });

  it("with more than a hundred keys is none", () => {
    expect(() => readKeySet(setOf(...Array(101).fill(one)))).toThrow();
  });
});

describe("keys that are fetched", () => {
  let now: number;
  let asked: number;
  let text: string | undefined;
  let keys: FetchedKeys;
  const log: object[] = [];
  beforeEach(() => {
    [now, asked, text] = [start, 0, setOf({ ...one, kid: "1" })];
    log.length = 0;
    keys = new FetchedKeys({
      issuer: "https://ci.example.test",
      fetch: async () => {
        asked += 1;
        if (text === undefined) throw new Error("no answer");
        return text;
      },
      now: () => now,
      logger: { warn: (fields: object) => void log.push(fields) },
    });
  });
  const finds = async (kid: string) => (await keys.find({ kid, alg: "ES256" })) !== undefined;
  const codeOf = async () => await finds("1").then(String, ({ code }: { code: string }) => code);

  it("are asked for once by all who come, and again after an hour", async () => {
    expect(asked).toBe(0);
    expect(await Promise.all([finds("1"), finds("1"), finds("1")])).toEqual([true, true, true]);
    now += hour - 1;
    expect(await finds("1")).toBe(true);
    expect(asked).toBe(1);
    text = setOf({ ...two, kid: "2" });
    now += 1;
    expect(await finds("1")).toBe(false);
    expect(asked).toBe(2);
  });

  it("are asked for again for one that is not among them, a minute later at the earliest", async () => {
    await finds("1");
    text = setOf({ ...one, kid: "1" }, { ...two, kid: "2" });
    expect(await finds("2")).toBe(false);
    now += minute;
    expect(await Promise.all([finds("2"), finds("3")])).toEqual([true, false]);
    expect(asked).toBe(2);
  });

  it("go on for half a day while the provider cannot be asked, which is logged", async () => {
    await finds("1");
    text = undefined;
    now += 11 * hour;
    expect(await finds("1")).toBe(true);
    expect(log).toMatchObject([{ issuer: "https://ci.example.test" }]);
    now += hour;
    expect(await codeOf()).toBe("OVERLOADED");
    // One that does not answer is not asked with every token.
    const before = asked;
    expect(await codeOf()).toBe("OVERLOADED");
    expect(asked).toBe(before);
    text = setOf({ ...one, kid: "1" });
    now += 10_000;
    expect(await finds("1")).toBe(true);
  });

  it("are fetched with the next token where that is wanted, and the old ones go on if it cannot be done", async () => {
    await finds("1");
    text = undefined;
    keys.fetchAnew();
    expect([await finds("1"), asked]).toEqual([true, 2]);
    text = setOf({ ...two, kid: "2" });
    now += 10_000;
    expect([await finds("1"), await finds("2"), asked]).toEqual([false, true, 3]);
    expect([await finds("2"), asked]).toEqual([true, 3]);
  });

  it("are fetched once more where that is wanted while they are being fetched", async () => {
    const answers: ((text: string) => void)[] = [];
    const slow = new FetchedKeys({
      issuer: "https://ci.example.test",
      fetch: () => new Promise((resolve) => answers.push(resolve)),
      now: () => now,
      logger: { warn: (fields: object) => void log.push(fields) },
    });
    const withdrawn = slow.find({ kid: "1", alg: "ES256" });
    slow.fetchAnew();
    answers[0]?.(setOf({ ...one, kid: "1" }));
    while (answers.length < 2) await new Promise(setImmediate);
    answers[1]?.(setOf({ ...two, kid: "2" }));
    expect(await withdrawn).toBeUndefined();
    expect(await slow.find({ kid: "2", alg: "ES256" })).toBeDefined();
    expect(answers).toHaveLength(2);
  });

  it("that are being fetched before that is wanted count for nothing, also where they cannot be fetched again", async () => {
    const answers: { give: (text: string) => void; fail: (error: Error) => void }[] = [];
    const slow = new FetchedKeys({
      issuer: "https://ci.example.test",
      fetch: () => new Promise((give, fail) => answers.push({ give, fail })),
      now: () => now,
      logger: { warn: (fields: object) => void log.push(fields) },
    });
    const asking = slow.find({ kid: "1", alg: "ES256" }).catch(({ code }: { code: string }) => code);
    slow.fetchAnew();
    answers[0]?.give(setOf({ ...one, kid: "1" }));
    while (answers.length < 2) await new Promise(setImmediate);
    answers[1]?.fail(new Error("no answer"));
    expect(await asking).toBe("OVERLOADED");
  });

  it("are not younger because a clock was set back", async () => {
    await finds("1");
    now -= 24 * hour;
    text = setOf({ ...two, kid: "2" });
    expect(await finds("1")).toBe(false);
  });
});

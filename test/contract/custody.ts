/**
 * The contract of custody (`src/publisher/custody/custody.ts`) as tests, run against every back end. A fixture says how a
 * place with given keys is made, and what opens it.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type ListedKey, notaryKeyId, openKey } from "../../src/core/keys.ts";
import { verifySignature } from "../../src/core/schemes.ts";
import type {
  Custody,
  KeyAlgorithm,
  KeyInfo,
  MadeSignature,
  OpenKey,
  Unlocking,
} from "../../src/publisher/custody/custody.ts";
import { KeyError } from "../../src/publisher/custody/errors.ts";

export interface CustodyFixture {
  /** Kinds of keys that can be put there. */
  readonly algorithms: readonly KeyAlgorithm[];
  /** Whether a locked key says its public key before it is opened. */
  readonly listsLocked: boolean;
  /** What opens the keys of every place; undefined where nothing is asked for. */
  readonly secret: string | undefined;
  /** A place that holds these keys and no others, in no order. */
  place(keys: readonly KeyObject[]): Promise<CustodyPlace>;
  /** A custody at a place that does not exist; undefined where there is no such thing. */
  readonly nowhere: (() => Promise<Custody>) | undefined;
}

export interface CustodyPlace {
  open(): Promise<Custody>;
  /** All that is stored there, to see that nothing changed. */
  stored(): Promise<unknown>;
}

const message = Buffer.from('{"_type":"Targets"}');

/** A private key as a place is given it. */
export function makeKey(algorithm: KeyAlgorithm): KeyObject {
  if (algorithm === "ecdsa") return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  if (algorithm === "ed25519") return generateKeyPairSync("ed25519").privateKey;
  return generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
}

/** The key as metadata lists it, by other means than those of the sources. */
export function listedKey(key: KeyObject): ListedKey {
  const jwk = key.export({ format: "jwk" });
  const keytype = { EC: "ecdsa", OKP: "ed25519", RSA: "rsa" }[jwk.kty ?? ""] ?? "";
  const text =
    keytype === "ed25519"
      ? Buffer.from(jwk.x ?? "", "base64url").toString("base64")
      : createPublicKey(key).export({ format: "der", type: "spki" }).toString("base64");
  return { id: notaryKeyId(keytype, text), keytype, public: text };
}

/** Gives its answers one after the other, and remembers what it was asked. */
export class Answers implements Unlocking {
  readonly asked: (readonly [id: string, attempt: number])[] = [];
  readonly given: Uint8Array[] = [];
  readonly #answers: readonly (string | undefined)[];

  constructor(...answers: readonly (string | undefined)[]) {
    this.#answers = answers;
  }

  async secret({ id }: KeyInfo, attempt: number): Promise<Uint8Array | undefined> {
    const answer = this.#answers[this.asked.length];
    this.asked.push([id, attempt]);
    if (answer === undefined) return undefined;
    const bytes = Buffer.from(answer);
    this.given.push(bytes);
    return bytes;
  }
}

/** The code that some work is refused with; whatever else is thrown fails the test, and so does a secret in what is said. */
export async function keyCodeOf(work: Promise<unknown>, ...secrets: readonly string[]): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    expect(error.message).toMatch(/^\S[^\n]*[.!]$/);
    for (const secret of secrets) expect(said(error)).not.toContain(secret);
    return error.code;
  }
  throw new Error("It was not refused.");
}

function said(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.message} ${error.stack} ${JSON.stringify(error)} ${error.cause === undefined ? "" : said(error.cause)}`;
}

export function verifies(listed: ListedKey, signed: Uint8Array, { method, bytes }: MadeSignature): boolean {
  const usable = openKey(listed);
  return usable !== undefined && verifySignature(usable.kind, usable.key, method, signed, bytes);
}

/** A place may sign with RSA by either. */
const methods = { ecdsa: ["ecdsa"], ed25519: ["eddsa"], rsa: ["rsapss", "rsapkcs1v15"] } as const;
const unknown = "0".repeat(64);
const wrong = "wrong-secret-of-nobody";

export function custodyContract(name: string, fixture: CustodyFixture): void {
  const { algorithms, secret } = fixture;
  const locked = secret !== undefined;

  describe(`${name} keeps the contract of custody`, () => {
    let keys: readonly KeyObject[];
    let ids: readonly string[];
    let place: CustodyPlace;
    let custody: Custody;
    // One place for all: what changed it would be seen.
    beforeAll(async () => {
      keys = algorithms.map(makeKey);
      ids = keys.map((key) => listedKey(key).id);
      place = await fixture.place(keys);
    });
    beforeEach(async () => {
      custody = await place.open();
      return () => custody.close();
    });

    const open = (id: string, unlocking: Unlocking = new Answers(secret)): Promise<OpenKey> =>
      custody.open(id, unlocking);

    describe("listing", () => {
      it("has every key, each by the ID of the bare key", async () => {
        const listed = await custody.list();
        expect(listed.map(({ id }) => id).sort()).toEqual([...ids].sort());
        expect(listed.map((each) => each.locked)).toEqual(listed.map(() => locked));
      });

      it("gives the same order each time", async () => {
        const order = (await custody.list()).map(({ id }) => id);
        expect((await custody.list()).map(({ id }) => id)).toEqual(order);
      });

      it("says where a key is, and what it is where that is known without opening it", async () => {
        for (const info of await custody.list()) {
          expect(info.place).not.toBe("");
          if (locked && !fixture.listsLocked) {
            expect([info.listed, info.algorithm]).toEqual([undefined, undefined]);
            continue;
          }
          const key = keys[ids.indexOf(info.id)] as KeyObject;
          expect(info.listed).toEqual(listedKey(key));
          expect(info.algorithm).toBe(info.listed?.keytype);
        }
      });

      it("writes nothing", async () => {
        const before = await place.stored();
        await custody.list();
        expect(await place.stored()).toEqual(before);
      });

      it("of a place without keys is empty", async () => {
        const other = await (await fixture.place([])).open();
        expect(await other.list()).toEqual([]);
        await other.close();
      });

      const { nowhere } = fixture;
      if (nowhere !== undefined) {
        it("of a place that does not exist is empty", async () => {
          const other = await nowhere();
          expect(await other.list()).toEqual([]);
          await other.close();
        });
      }
    });

    describe.each(algorithms)("a key of %s", (algorithm) => {
      const idOf = () => ids[algorithms.indexOf(algorithm)] as string;

      it("makes signatures in the form of metadata, which its public key verifies", async () => {
        const key = await open(idOf());
        const made = await key.sign(message);
        const { listed } = key.info;
        expect(listed).toEqual(listedKey(keys[algorithms.indexOf(algorithm)] as KeyObject));
        expect(key.info.algorithm).toBe(algorithm);
        expect(methods[algorithm]).toContain(made.method);
        expect(made.bytes).toHaveLength(algorithm === "rsa" ? 256 : 64);
        expect(verifies(listed, message, made)).toBe(true);
        expect(verifies(listed, Buffer.from("another message"), made)).toBe(false);
        key.close();
      });

      it("signs what a certificate holds, and that verifies too", async () => {
        const key = await open(idOf());
        const made = await key.sign(message, "certificate");
        expect(verifies(key.info.listed, message, made)).toBe(true);
        key.close();
      });

      it("signs the whole of an empty and of a large message", async () => {
        const key = await open(idOf());
        for (const bytes of [Buffer.alloc(0), Buffer.alloc(1_000_000, 7)]) {
          const made = await key.sign(bytes);
          expect(verifies(key.info.listed, bytes, made)).toBe(true);
        }
        key.close();
      });
    });

    it("a closed key signs no more, and may be closed again", async () => {
      const key = await open(ids[0] as string);
      await key.sign(message);
      key.close();
      key.close();
      expect(await keyCodeOf(key.sign(message))).toBe("KEY_CLOSED");
    });

    it("a key is opened again after it was closed", async () => {
      (await open(ids[0] as string)).close();
      const key = await open(ids[0] as string);
      expect(verifies(key.info.listed, message, await key.sign(message))).toBe(true);
      key.close();
    });

    it("several keys are open at once", async () => {
      const opened = [];
      for (const id of ids) opened.push(await open(id));
      for (const key of opened)
        expect(verifies(key.info.listed, message, await key.sign(message))).toBe(true);
      for (const key of opened) key.close();
    });

    it("opening and signing write nothing", async () => {
      const before = await place.stored();
      const key = await open(ids[0] as string);
      await key.sign(message);
      key.close();
      expect(await place.stored()).toEqual(before);
    });

    it.each([
      ["an ID of no key", unknown],
      ["no ID", "nonsense"],
      ["a path", `../${unknown}`],
      ["nothing", ""],
    ])("%s is no key, and nobody is asked", async (_, id) => {
      const answers = new Answers(secret);
      expect(await keyCodeOf(open(id, answers))).toBe("KEY_UNKNOWN");
      expect(answers.asked).toEqual([]);
    });

    it("is closed more than once", async () => {
      await custody.close();
      await custody.close();
    });

    if (secret === undefined) {
      it("what is not locked asks nobody", async () => {
        const answers = new Answers("something");
        (await open(ids[0] as string, answers)).close();
        expect(answers.asked).toEqual([]);
      });
      return;
    }

    describe("what is locked", () => {
      const right = secret;

      it("asks once for the right secret, and wipes it", async () => {
        const id = ids[0] as string;
        const answers = new Answers(right);
        (await open(id, answers)).close();
        expect(answers.asked).toEqual([[id, 1]]);
        expect(answers.given.every((each) => each.every((byte) => byte === 0))).toBe(true);
      });

      it("asks again after a wrong secret, says so, and opens with the right one", async () => {
        const id = ids[0] as string;
        const answers = new Answers(wrong, right);
        const key = await open(id, answers);
        expect(answers.asked).toEqual([
          [id, 1],
          [id, 2],
        ]);
        expect(verifies(key.info.listed, message, await key.sign(message))).toBe(true);
        key.close();
      });

      it("stays locked where there is nothing to try", async () => {
        expect(await keyCodeOf(open(ids[0] as string, new Answers()))).toBe("PASSPHRASE_MISSING");
      });

      it("stays locked after a wrong secret, wipes it, says nothing of it and changes nothing", async () => {
        const before = await place.stored();
        const answers = new Answers(wrong);
        expect(await keyCodeOf(open(ids[0] as string, answers), wrong)).toBe("PASSPHRASE_WRONG");
        expect(answers.given.every((each) => each.every((byte) => byte === 0))).toBe(true);
        expect(await place.stored()).toEqual(before);
      });
    });
  });
}

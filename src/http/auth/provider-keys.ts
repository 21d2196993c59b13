/**
 * The keys that an identity provider signs with: a set (RFC 7517) that was fixed by the operator, or one that is fetched.
 *
 * - One that is fetched is fetched again when it is an hour old, and when a token names a key that is not in it: then at most once
 *   a minute, so that whoever makes key IDs up makes this server ask nobody. All who wait share one request.
 * - While the provider cannot be asked, the keys that were fetched last go on for half a day. Where there are none, nobody is
 *   refused and nobody let in: `OVERLOADED`.
 * - Of a set only public keys for signatures count, each for the algorithm that it names. A set with a private key is none.
 */
import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import type { Logger } from "pino";
import { z } from "zod";
import { RefusedError } from "../../core/errors.ts";

export interface WantedKey {
  readonly kid: string | undefined;
  readonly alg: string;
}

export interface ProviderKeys {
  /** The key that a token names, or the only one that can be meant; undefined: none. Throws `OVERLOADED`. */
  find(wanted: WantedKey): Promise<KeyObject | undefined>;
}

interface ProviderKey {
  readonly kid: string | undefined;
  readonly alg: string | undefined;
  readonly key: KeyObject;
}
export type KeySet = readonly ProviderKey[];

const most = 100;
const setForm = z.object({ keys: z.array(z.record(z.string(), z.unknown())).min(1).max(most) });
const keyForm = z.looseObject({
  kty: z.enum(["RSA", "EC", "OKP"]),
  use: z.literal("sig").optional(),
  key_ops: z
    .array(z.string())
    .refine((all) => all.includes("verify"))
    .optional(),
  kid: z.string().max(1_024).optional(),
  alg: z.string().max(64).optional(),
});
const privateMembers = ["d", "p", "q", "k"];

/** Throws if it is no set of keys, if one of them is private, and if none can be used. */
export function readKeySet(text: string): KeySet {
  const usable = setForm.parse(JSON.parse(text)).keys.flatMap((jwk): ProviderKey[] => {
    if (privateMembers.some((each) => Object.hasOwn(jwk, each)))
      throw new Error("the set holds a key that is not public");
    const read = keyForm.safeParse(jwk);
    if (!read.success) return [];
    try {
      const key = createPublicKey({ key: jwk as JsonWebKey, format: "jwk" });
      return [{ kid: read.data.kid, alg: read.data.alg, key }];
    } catch {
      // Of a curve that is not known here: other keys of the set may be.
      return [];
    }
  });
  if (usable.length === 0) throw new Error("the set holds no key for signatures");
  return usable;
}

export function findKey(set: KeySet, { kid, alg }: WantedKey): KeyObject | undefined {
  const meant = set.filter(
    (each) => (kid === undefined || each.kid === kid) && (each.alg === undefined || each.alg === alg),
  );
  return meant.length === 1 ? meant[0]?.key : undefined;
}

export function fixedKeys(set: KeySet): ProviderKeys {
  return { find: async (wanted) => findKey(set, wanted) };
}

export interface FetchedKeysOptions {
  /** As it is named in the log. */
  readonly issuer: string;
  /** The set as text, within bounds of its own. */
  readonly fetch: () => Promise<string>;
  readonly now: () => number;
  readonly logger: Pick<Logger, "warn">;
}

/** Milliseconds. */
const freshFor = 3_600_000;
const usableFor = 12 * 3_600_000;
/** Between two requests: for a key that is not in the set, and after one that failed. */
const pauseForUnknown = 60_000;
const pauseAfterFailure = 10_000;

export class FetchedKeys implements ProviderKeys {
  readonly #options: FetchedKeysOptions;
  #set: KeySet = [];
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #underWay: Promise<void> | undefined;
  /** How many times they were wanted anew, and how many of them the set that is here answers. */
  #wanted = 0;
  #answered = 0;

  constructor(options: FetchedKeysOptions) {
    this.#options = options;
  }

  async find(wanted: WantedKey): Promise<KeyObject | undefined> {
    if (!this.#isAnswered || !this.#isWithin(this.#fetchedAt, freshFor)) await this.#fetch(pauseAfterFailure);
    // What was waited for may have been asked for before the last wish.
    if (!this.#isAnswered) await this.#fetch(pauseAfterFailure);
    if (!this.#isWithin(this.#fetchedAt, usableFor)) throw notToBeHad();
    const found = findKey(this.#set, wanted);
    if (found !== undefined) return found;
    await this.#fetch(pauseForUnknown);
    return findKey(this.#set, wanted);
  }

  /**
   * With the next token, whatever its key; until that is done the keys that are there go on. A set that was asked for before counts
   * no more, when it comes: a key may be in it that is withdrawn by now.
   */
  fetchAnew(): void {
    this.#wanted += 1;
    this.#askedAt = Number.NEGATIVE_INFINITY;
  }

  get #isAnswered(): boolean {
    return this.#answered === this.#wanted;
  }

  /** A clock that was set back makes nothing younger. */
  #isWithin(since: number, time: number): boolean {
    const age = this.#options.now() - since;
    return age >= 0 && age < time;
  }

  async #fetch(pause: number): Promise<void> {
    if (this.#underWay === undefined) {
      if (this.#isWithin(this.#askedAt, pause)) return;
      this.#askedAt = this.#options.now();
      this.#underWay = this.#take().finally(() => {
        this.#underWay = undefined;
      });
    }
    await this.#underWay;
  }

  async #take(): Promise<void> {
    const { issuer, fetch, now, logger } = this.#options;
    const wanted = this.#wanted;
    try {
      const set = readKeySet(await fetch());
      if (wanted !== this.#wanted) return;
      this.#set = set;
      this.#fetchedAt = now();
      this.#answered = wanted;
    } catch (err) {
      logger.warn({ issuer, err }, "the keys of an identity provider cannot be fetched");
    }
  }
}

function notToBeHad(): RefusedError {
  return new RefusedError(
    "OVERLOADED",
    "The keys of the identity provider cannot be fetched now: try again in a few seconds.",
  );
}

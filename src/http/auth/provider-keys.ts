/**
 * The keys that an identity provider signs with: a set (RFC 7517) that was fixed by the operator, or one that is fetched.
 *
 * - One that is fetched is fetched again when it is an hour old, and when a token names a key that is not in it: then at most once
 *   a minute, so that whoever makes key IDs up makes this server ask nobody. All who wait share one request.
 * - While the provider cannot be asked, the keys that were fetched last go on for half a day. Where there are none, nobody is
 *   refused and nobody let in: `OVERLOADED`.
 */
import type { KeyObject } from "node:crypto";
import type { Logger } from "pino";
import { RefusedError } from "../../core/errors.ts";
import { findKey, type KeySet, readKeySet, type WantedKey } from "./key-set.ts";

export interface ProviderKeys {
  /** The key that a token names, or the only one that can be meant; undefined: none. Throws `OVERLOADED`. */
  find(wanted: WantedKey): Promise<KeyObject | undefined>;
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

/**
 * Asking for the PIN of a token, which locks itself after a few wrong ones.
 *
 * Invariant: every PIN is tried once. One that was wrong is not tried again while this custody lives, wherever it comes from and
 * however many keys want it; and once the token says that one try is left, nobody is asked again after a wrong one.
 */
import { createHmac, randomBytes } from "node:crypto";
import type { KeyInfo, Secret, Unlocking } from "../custody.ts";
import { KeyError } from "../errors.ts";
import * as ck from "./constants.ts";
import { TokenCallError } from "./host.ts";

const mostAttempts = 3;
const longestPin = 255;

/** The wrong PINs of all tokens, as marks that say nothing without a key that only this process has. */
export class WrongPins {
  readonly #key = randomBytes(32);
  readonly #marks = new Set<string>();

  has(token: string, pin: Secret): boolean {
    return this.#marks.has(this.#mark(token, pin));
  }

  add(token: string, pin: Secret): void {
    this.#marks.add(this.#mark(token, pin));
  }

  #mark(token: string, pin: Secret): string {
    const name = createHmac("sha256", this.#key).update(token).digest();
    return createHmac("sha256", this.#key).update(name).update(pin).digest("hex");
  }
}

export interface PinAsking {
  readonly key: KeyInfo;
  readonly unlocking: Unlocking;
  /** What tells this token from others. */
  readonly token: string;
  /** As a person calls it. */
  readonly label: string;
  readonly wrong: WrongPins;
  readonly warn: (sentence: string) => void;
  /** What the token's flags are now. */
  flags(): Promise<number>;
  /** Tries a PIN. Throws `TokenCallError`. */
  attempt(pin: Secret): Promise<void>;
}

/** Throws `PASSPHRASE_MISSING`, `PASSPHRASE_WRONG`, `TOKEN_REFUSED`; and what `attempt` throws, where it says nothing of the PIN. */
export async function enterPin(asking: PinAsking): Promise<void> {
  for (let attempt = 1; attempt <= mostAttempts; attempt++) {
    await checkTriesLeft(asking, attempt);
    const pin = await asking.unlocking.secret(asking.key, attempt);
    if (pin === undefined) throw attempt === 1 ? missing(asking) : wrong(asking, "");
    try {
      if (await isRight(asking, pin)) return;
    } finally {
      pin.fill(0);
    }
  }
  throw wrong(asking, "");
}

async function checkTriesLeft(asking: PinAsking, attempt: number): Promise<void> {
  const flags = await asking.flags();
  if (flags & ck.CKF_USER_PIN_LOCKED) throw locked(asking);
  if ((flags & ck.CKF_USER_PIN_FINAL_TRY) === 0) return;
  if (attempt > 1)
    throw wrong(asking, "One try is left before the token locks itself: make sure of the PIN first.");
  asking.warn(`The token ${asking.label} takes one more PIN: if it is wrong, the token locks itself.`);
}

/** Throws where asking again is no use. */
async function isRight(asking: PinAsking, pin: Secret): Promise<boolean> {
  if (pin.length === 0 || pin.length > longestPin) return false;
  if (asking.wrong.has(asking.token, pin)) {
    throw wrong(
      asking,
      "It was wrong before and is not tried again, so that the token does not lock itself.",
    );
  }
  // The PIN is handed over as a copy, which crosses to another process.
  const copy = Uint8Array.from(pin);
  try {
    await asking.attempt(copy);
    return true;
  } catch (error) {
    if (!(error instanceof TokenCallError)) throw error;
    switch (error.rv) {
      case ck.CKR_PIN_INCORRECT:
      case ck.CKR_PIN_INVALID:
      case ck.CKR_PIN_LEN_RANGE:
        asking.wrong.add(asking.token, pin);
        return false;
      case ck.CKR_PIN_LOCKED:
        throw locked(asking);
      case ck.CKR_PIN_EXPIRED:
        throw refused(asking, "wants a new PIN; change it with the token's own tool");
      case ck.CKR_USER_PIN_NOT_INITIALIZED:
        throw refused(asking, "has no PIN yet; set one with the token's own tool");
      default:
        throw error;
    }
  } finally {
    copy.fill(0);
  }
}

function missing({ label }: PinAsking): KeyError {
  return new KeyError(
    "PASSPHRASE_MISSING",
    `The token ${label} wants its PIN; give it when it is asked for, or in a file.`,
  );
}

function wrong({ label }: PinAsking, more: string): KeyError {
  const sentence = `The PIN of the token ${label} is wrong; give the right one.`;
  return new KeyError("PASSPHRASE_WRONG", more === "" ? sentence : `${sentence} ${more}`);
}

function locked(asking: PinAsking): KeyError {
  return refused(asking, "has locked itself after too many wrong PINs; unblock it with its own tool");
}

function refused({ label }: PinAsking, what: string): KeyError {
  return new KeyError("TOKEN_REFUSED", `The token ${label} ${what}.`);
}

/**
 * Hashes of passwords, by scrypt of node:crypto.
 *
 * - A hash is text: `scrypt$LOGN$R$P$SALT$HASH`, the last two in Base64. Its parameters are bounded before anything is
 *   derived, so that an edited record can cost no more than a real one.
 * - Deriving takes 32 MiB and about a tenth of a second of a thread. Only a few are under way at one time, a bounded
 *   number wait, and who comes then is sent away (`OVERLOADED`): whoever guesses does not take the machine from the rest.
 * - Nobody learns from the time that a name is unknown: then the password is compared with that of nobody.
 */
import { randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { RefusedError } from "../../core/errors.ts";

export interface Cost {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

/** As much work as OWASP asks for, in a quarter of the memory of its first choice. */
export const defaultCost: Cost = { logN: 15, r: 8, p: 3 };
const mostCost: Cost = { logN: 17, r: 16, p: 8 };

/** Characters of a new password at least; bytes of any at most. */
export const shortestPassword = 10;
export const longestPassword = 512;

const saltLength = 16;
const hashLength = 32;
const form =
  /^scrypt\$([0-9]{1,2})\$([0-9]{1,2})\$([0-9]{1,2})\$([A-Za-z0-9+/]{22}==)\$([A-Za-z0-9+/]{43}=)$/;

/** Why nobody may have this password; undefined: it will do. */
export function passwordFault(password: string): string | undefined {
  if ([...password].length < shortestPassword)
    return `a password has at least ${shortestPassword} characters`;
  return isTooLong(password) ? `a password has at most ${longestPassword} bytes` : undefined;
}

export function isTooLong(password: string): boolean {
  return Buffer.byteLength(password) > longestPassword;
}

/** A bound on work that is under way, and on what waits for it. */
export class Lane {
  readonly #width: number;
  readonly #mostWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #under = 0;

  constructor(width: number, mostWaiting: number) {
    this.#width = width;
    this.#mostWaiting = mostWaiting;
  }

  /** Throws `OVERLOADED`, before the work has begun. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#under >= this.#width) {
      if (this.#waiting.length >= this.#mostWaiting) {
        throw new RefusedError("OVERLOADED", "Too many people log in at once: try again in a few seconds.");
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#under += 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#under -= 1;
      else next();
    }
  }
}

export interface Passwords {
  hash(password: string): Promise<string>;
  /** `stored`: undefined for a name that nobody has; it takes as long, and is false. */
  verify(password: string, stored: string | undefined): Promise<boolean>;
}

export function createPasswords(lane: Lane, cost: Cost = defaultCost): Passwords {
  const nobody = text(cost, randomBytes(saltLength), randomBytes(hashLength));
  return {
    async hash(password) {
      const salt = randomBytes(saltLength);
      return text(cost, salt, await lane.run(() => derive(password, salt, cost)));
    },
    async verify(password, stored) {
      const parsed = parse(stored ?? nobody) ?? parse(nobody);
      if (parsed === undefined) return false;
      const derived = await lane.run(() => derive(password, parsed.salt, parsed.cost));
      return timingSafeEqual(derived, parsed.hash) && stored !== undefined;
    },
  };
}

function parse(stored: string) {
  const [, logN, r, p, salt = "", hash = ""] = form.exec(stored) ?? [];
  const cost = { logN: Number(logN), r: Number(r), p: Number(p) };
  const isBounded =
    within(cost.logN, mostCost.logN) && within(cost.r, mostCost.r) && within(cost.p, mostCost.p);
  if (!isBounded) return undefined;
  return { cost, salt: Buffer.from(salt, "base64"), hash: Buffer.from(hash, "base64") };
}

/** False of what is no number. */
function within(value: number, most: number): boolean {
  return value >= 1 && value <= most;
}

function text({ logN, r, p }: Cost, salt: Buffer, hash: Buffer): string {
  return `scrypt$${logN}$${r}$${p}$${salt.toString("base64")}$${hash.toString("base64")}`;
}

function derive(password: string, salt: Buffer, { logN, r, p }: Cost): Promise<Buffer> {
  const N = 2 ** logN;
  return new Promise((resolve, reject) => {
    scrypt(
      password.normalize("NFC"),
      salt,
      hashLength,
      { N, r, p, maxmem: 130 * N * r + 65_536 * p },
      (error, key) => (error === null ? resolve(key) : reject(error)),
    );
  });
}

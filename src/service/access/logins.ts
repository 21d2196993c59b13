/**
 * Whether somebody is who they say, by name and password.
 *
 * - One source decides about a name: its own record if that has a password, then the password file, then the registry. So
 *   nobody gets in by an older password that another source still has, and who is disabled gets in by none.
 * - Names of people who log in by an identity provider (`oidc:NAME`) are nobody's here: none of these sources is asked about one.
 * - A name that nobody has takes as long as a wrong password, and gives the same refusal: whoever fails was looked for by every kind
 *   of hash that there is here. What a registry takes is not ours to say, nor what a file does whose hashes cost unlike work.
 * - A name that nobody has may be a password in the wrong field. It is told to nobody: of it there is a digest with a key of this
 *   process, by which two failures can be seen to be of one name.
 * - What the file and the registry said yes to is remembered for a short time, by a digest with a key of this process:
 *   clients ask for a token with every command. A no is never remembered.
 */
import { createHmac, randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import { RefusedError } from "../../core/errors.ts";
import type { AccessStore } from "../../store/contract/access.ts";
import type { LoginWaits } from "./attempts.ts";
import { isPersonName } from "./evaluate.ts";
import { type PasswordFile, verifyBcrypt } from "./htpasswd.ts";
import { isTooLong, type Lane, type Passwords } from "./password.ts";
import { WrongLogin } from "./wrong-login.ts";

export interface Credentials {
  readonly name: string;
  readonly password: string;
}

/** `unknown`: the digest of a name that nobody has here, 12 hex digits. */
export type LoginFailure =
  | { readonly name: string; readonly address: string }
  | { readonly unknown: string; readonly address: string };

export interface LoginSources {
  readonly store: Pick<AccessStore, "user">;
  readonly passwords: Passwords;
  /** As it is now; undefined: there is none. */
  readonly passwordFile: () => PasswordFile | undefined;
  /** Undefined: no registry is asked. */
  readonly askRegistry: ((credentials: Credentials) => Promise<boolean>) | undefined;
}

export interface LoginSettings {
  readonly attempts: LoginWaits;
  /** Where work with hashes waits for its turn. */
  readonly lane: Lane;
  /** Milliseconds. */
  readonly rememberFor: number;
  readonly now: () => number;
  /** Told of each failure. */
  readonly onFailure: (failure: LoginFailure) => void;
}

const mostRemembered = 10_000;

export class Logins {
  readonly #sources: LoginSources;
  readonly #settings: LoginSettings;
  readonly #key = randomBytes(32);
  readonly #remembered = new LRUCache<string, number>({ max: mostRemembered });

  constructor(sources: LoginSources, settings: LoginSettings) {
    this.#sources = sources;
    this.#settings = settings;
  }

  /**
   * Resolves if they are. Throws `UNAUTHORIZED` (a `WrongLogin`), `TOO_MANY_REQUESTS` (too many failures before), `OVERLOADED`.
   * @param address who it comes from, as far as failures are counted
   */
  async login(credentials: Credentials, address: string): Promise<void> {
    const { attempts, now, onFailure } = this.#settings;
    const { name } = credentials;
    const at = now();
    const before = attempts.waitOf(name, address, at);
    if (before > 0) throw tooManyFailures(before);
    // Before it is known whether the password is right, so that the answer is there when it is.
    const elsewhere = attempts.ask?.(name, address, at);
    const isRight = await this.#isRight(credentials);
    // Who has to wait is told the same of a right password as of a wrong one. Others may have failed meanwhile, side by side.
    const waits = Math.max((await elsewhere) ?? 0, attempts.waitOf(name, address, now()));
    if (waits > 0) throw tooManyFailures(waits);
    if (isRight) {
      attempts.succeeded(name, address);
      return;
    }
    attempts.failed(name, address, now());
    const isKnown = await this.isKnown(name);
    onFailure(
      isKnown ? { name, address } : { unknown: this.#digest(["name", name], "hex").slice(0, 12), address },
    );
    throw new WrongLogin(isKnown ? name : undefined);
  }

  /** Whether a session of this user may go on: whoever is verified by a registry has none. */
  async isStillKnown(name: string): Promise<boolean> {
    const user = await this.#sources.store.user(name);
    if (user?.disabled === true) return false;
    return (user !== undefined && user.password !== "") || this.#hashInFile(name) !== undefined;
  }

  /** Whether a user or a line of the password file has this name. Who is verified by a registry may be known to it alone. */
  async isKnown(name: string): Promise<boolean> {
    if (!isPersonName(name)) return false;
    return this.#hashInFile(name) !== undefined || (await this.#sources.store.user(name)) !== undefined;
  }

  async #isRight(credentials: Credentials): Promise<boolean> {
    const { store, passwords, askRegistry } = this.#sources;
    const { name, password } = credentials;
    if (!isPersonName(name) || password === "" || isTooLong(password)) return false;
    const user = await store.user(name);
    // The password is looked at first, so that a disabled user is not told apart from a wrong password.
    if (user !== undefined && user.password !== "") {
      const isRight = await passwords.verify(password, user.password);
      if (!isRight || user.disabled) await this.#lookIntoFile(password);
      return isRight && !user.disabled;
    }
    const hash = this.#hashInFile(name);
    if (hash !== undefined) {
      const isRight = await this.#recalling(["file", name, password, hash], () =>
        this.#settings.lane.run(() => verifyBcrypt(password, hash)),
      );
      if (!isRight || user?.disabled === true) await passwords.verify(password, undefined);
      return isRight && user?.disabled !== true;
    }
    if (askRegistry !== undefined && user?.disabled !== true) {
      return await this.#recalling(["registry", name, password], () => askRegistry(credentials));
    }
    await this.#lookIntoFile(password);
    return await passwords.verify(password, undefined);
  }

  /** For its time alone. */
  async #lookIntoFile(password: string): Promise<void> {
    const hash = this.#sources.passwordFile()?.costliest;
    if (hash !== undefined) await this.#settings.lane.run(() => verifyBcrypt(password, hash));
  }

  #hashInFile(name: string): string | undefined {
    return this.#sources.passwordFile()?.hashes.get(name);
  }

  async #recalling(parts: readonly string[], ask: () => Promise<boolean>): Promise<boolean> {
    const { now, rememberFor } = this.#settings;
    const digest = this.#digest(parts, "base64");
    const at = this.#remembered.get(digest);
    if (at !== undefined && now() >= at && now() - at < rememberFor) return true;
    const isRight = await ask();
    if (isRight) this.#remembered.set(digest, now());
    return isRight;
  }

  #digest(parts: readonly string[], form: "hex" | "base64"): string {
    return createHmac("sha256", this.#key).update(JSON.stringify(parts)).digest(form);
  }
}

/** `wait`: milliseconds. */
function tooManyFailures(wait: number): RefusedError {
  const seconds = Math.ceil(wait / 1_000);
  const sentence = `Too many logins have failed: try again in ${seconds} second${seconds === 1 ? "" : "s"}.`;
  return new RefusedError("TOO_MANY_REQUESTS", sentence, { retryAfter: seconds });
}

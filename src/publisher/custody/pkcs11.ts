/**
 * Keys in PKCS#11 tokens, which sign with them and never give them out.
 *
 * - **The driver** is the package pkcs11js, which each person installs who has a token (`pkcs11/driver.ts`):
 *   `TOKEN_DRIVER_MISSING` says how. It and the vendor's module run in a process of their own (`pkcs11/token-process.ts`), so
 *   that one that hangs or crashes is a refusal. That process lives until the custody is closed.
 * - **What is listed** is what a token shows without a PIN: public keys, and certificates for keys that show nothing else. EC on
 *   P-256, P-384, P-521; Ed25519 where the module signs with it; RSA from 2,048 bits, by PSS where the module has it.
 * - **The PIN** unlocks a token, not a key: while one of its keys is open, the next opens unasked. The last to be closed logs
 *   out. A key that wants the PIN for each signature asks again each time. `pkcs11/pin.ts` says how often one is tried.
 * - A token with a PIN pad of its own is refused: the driver cannot leave the PIN to it.
 * - `open` takes a key ID, or the key's label.
 */
import type { Custody, KeyInfo, MadeSignature, OpenKey, Unlocking } from "./custody.ts";
import { KeyError } from "./errors.ts";
import {
  chooseKey,
  faultsOf,
  openOutsideKey,
  type PublicPart,
  type Purpose,
  plainName,
} from "./outside-key.ts";
import * as ck from "./pkcs11/constants.ts";
import { TokenCallError, TokenHost, unreadable } from "./pkcs11/host.ts";
import type { PrivateKey, TokenInfo } from "./pkcs11/messages.ts";
import { enterPin, WrongPins } from "./pkcs11/pin.ts";
import { usedMechanisms, type Way, wayOf } from "./pkcs11/signing.ts";
import {
  findPrivate,
  isSelected,
  keysOf,
  matches,
  namesToken,
  placeOf,
  type TokenKey,
  wantsPin,
} from "./pkcs11/token-keys.ts";
import type { TokenSelection } from "./pkcs11/uri.ts";

export interface Pkcs11Options {
  /** Which keys: `readTokenUri` reads them from a URI, flags give them one by one. What is left open takes all. */
  readonly selection: TokenSelection & { readonly module: string };
  /** Folder of the package pkcs11js. Without it `VIDIMUS_PKCS11JS` of the environment, and then the package beside ours. */
  readonly driver?: string | undefined;
  /** The module's environment, less what looks like a passphrase. Without it the process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Told before a PIN is asked for that will lock the token if it is wrong. */
  readonly warn?: (sentence: string) => void;
  /** Milliseconds for what waits for nobody; without it 30,000. */
  readonly timeout?: number;
  /** Milliseconds for a login or signature, for which somebody may have to touch the token; without it 120,000. */
  readonly signTimeout?: number;
}

/** A key that is open, with all that a signature needs. */
interface OpenedKey {
  readonly host: TokenHost;
  readonly key: TokenKey & { readonly part: PublicPart };
  readonly secretKey: PrivateKey;
  readonly info: KeyInfo;
  readonly unlocking: Unlocking;
}

export function pkcs11(options: Pkcs11Options): Custody {
  return new Pkcs11Custody(options);
}

class Pkcs11Custody implements Custody {
  readonly #options: Pkcs11Options;
  readonly #wrong = new WrongPins();
  readonly #signTimeout: number;
  #host: TokenHost | undefined;
  /** How many keys of a slot are open, in the process that is there now. */
  #open = new Map<number, number>();
  /** What was read of the tokens last, in that process: reading a card takes seconds. */
  #known: readonly TokenKey[] | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(options: Pkcs11Options) {
    this.#options = options;
    this.#signTimeout = options.signTimeout ?? 120_000;
  }

  list(): Promise<readonly KeyInfo[]> {
    return this.#inTurn(async (host) => {
      const infos = new Map<string, KeyInfo>();
      for (const key of await this.#read(host)) {
        const { part, unfit } = key;
        if (part === undefined || unfit !== undefined || infos.has(part.listed.id)) continue;
        infos.set(part.listed.id, this.#infoOf(key, part));
      }
      return [...infos.values()];
    });
  }

  faults(): Promise<readonly KeyError[]> {
    return this.#inTurn(async (host) => faultsOf(this.#known ?? (await this.#read(host)), here.place));
  }

  open(id: string, unlocking: Unlocking): Promise<OpenKey> {
    return this.#inTurn(async (host) => {
      const key = await this.#choose(host, id);
      const info = this.#infoOf(key, key.part);
      const release = await this.#logIn(host, key, info, unlocking);
      try {
        const secretKey = await findPrivate(host, key);
        return openOutsideKey(info, key.part, {
          make: (message, what) => this.#sign({ host, key, secretKey, info, unlocking }, message, what),
          close: release,
          wrong: {
            code: "TOKEN_REFUSED",
            sentence: `The ${placeOf(key.token)} made a signature that does not verify; do not use this token or its module.`,
          },
        });
      } catch (error) {
        release();
        throw this.#said(error, key.token);
      }
    });
  }

  /** From what is known, and where that does not have it from the tokens themselves. */
  async #choose(host: TokenHost, id: string): Promise<TokenKey & { readonly part: PublicPart }> {
    const known = this.#known;
    if (known !== undefined) {
      try {
        return chooseKey(known, id, here);
      } catch (error) {
        if (!(error instanceof KeyError && error.code === "KEY_UNKNOWN")) throw error;
      }
    }
    return chooseKey(await this.#read(host), id, here);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#host?.end();
  }

  /** Lists and opens one at a time: two that ask for the PIN of one token would be one too many. */
  #inTurn<T>(work: (host: TokenHost) => Promise<T>): Promise<T> {
    const done = this.#turn.then(async () => work(await this.#start()));
    this.#turn = done.catch(() => {});
    return done;
  }

  async #start(): Promise<TokenHost> {
    const { selection, driver, timeout, environment = process.env } = this.#options;
    if (this.#closed) throw unreadable(selection.module, "was let go of");
    if (this.#host === undefined || this.#host.isEnded) {
      this.#open = new Map();
      this.#known = undefined;
      const started = await TokenHost.start({
        module: selection.module,
        driver: driver ?? (environment.VIDIMUS_PKCS11JS || undefined),
        environment,
        timeout: timeout ?? 30_000,
      });
      this.#host = started;
      if (this.#closed) {
        await started.end();
        throw unreadable(selection.module, "was let go of");
      }
    }
    return this.#host;
  }

  async #read(host: TokenHost): Promise<readonly TokenKey[]> {
    const { selection } = this.#options;
    this.#known = undefined;
    try {
      const all = await host.ask("tokens", { mechanisms: usedMechanisms });
      const tokens = all.filter((token) => matches(token, selection));
      if (tokens.length === 0 && namesToken(selection)) {
        throw unreadable(selection.module, "shows no token of that name or number");
      }
      const keys: TokenKey[] = [];
      for (const token of tokens) {
        const objects = await host.ask("objects", { slot: token.slot });
        keys.push(...keysOf(token, objects).filter(({ object }) => isSelected(object, selection)));
      }
      this.#known = keys;
      return keys;
    } catch (error) {
      if (!(error instanceof TokenCallError)) throw error;
      throw unreadable(selection.module, "cannot say what is in its tokens", error);
    }
  }

  #infoOf({ token, object }: TokenKey, { listed, usable }: PublicPart): KeyInfo {
    return {
      id: listed.id,
      algorithm: usable.kind,
      listed,
      name: plainName(object.label),
      role: undefined,
      repository: undefined,
      place: placeOf(token),
      locked: wantsPin(token) && !this.#open.has(token.slot),
    };
  }

  /** Logs in if no other key of the token is open. Gives what must be called when this one is closed. */
  async #logIn(
    host: TokenHost,
    { token }: TokenKey,
    key: KeyInfo,
    unlocking: Unlocking,
  ): Promise<() => void> {
    const { slot } = token;
    const open = this.#open;
    const others = open.get(slot) ?? 0;
    open.set(slot, others + 1);
    const release = () => {
      const left = (open.get(slot) ?? 1) - 1;
      if (left > 0) {
        open.set(slot, left);
        return;
      }
      open.delete(slot);
      // A process that has ended has logged out.
      host.ask("logout", { slot }).catch(() => {});
    };
    if (others > 0) return release;
    try {
      const enter = (pin: Uint8Array | undefined) => host.ask("login", { slot, pin }, this.#signTimeout);
      if (!wantsPin(token)) await enter(undefined);
      else await enterPin({ ...this.#pinOf(host, token, key, unlocking), attempt: enter });
      return release;
    } catch (error) {
      release();
      throw this.#said(error, token);
    }
  }

  #pinOf(host: TokenHost, token: TokenInfo, key: KeyInfo, unlocking: Unlocking) {
    return {
      key,
      unlocking,
      token: JSON.stringify([token.manufacturer, token.model, token.serial, token.label]),
      label: plainName(token.label),
      wrong: this.#wrong,
      warn: this.#options.warn ?? (() => {}),
      flags: async () => {
        const now = await host.ask("tokens", { mechanisms: [] });
        return now.find(({ slot }) => slot === token.slot)?.flags ?? 0;
      },
    };
  }

  async #sign(
    { host, key, secretKey, info, unlocking }: OpenedKey,
    message: Uint8Array,
    what: Purpose,
  ): Promise<MadeSignature> {
    const { token, part } = key;
    const { mechanism, input, method } = wayOf(part.usable.kind, token.mechanisms, what) as Way;
    const { slot } = token;
    const { handle, always } = secretKey;
    let bytes: Uint8Array = new Uint8Array();
    const make = async (pin: Uint8Array | undefined) => {
      const question = { slot, handle, mechanism, data: input(message), pin };
      bytes = await host.ask("sign", question, this.#signTimeout);
    };
    try {
      if (always) await enterPin({ ...this.#pinOf(host, token, info, unlocking), attempt: make });
      else await make(undefined);
    } catch (error) {
      throw this.#said(error, token);
    }
    return { method, bytes };
  }

  /** What a call's number means for a person. */
  #said(error: unknown, token: TokenInfo): unknown {
    if (!(error instanceof TokenCallError)) return error;
    this.#known = undefined;
    if (gone.includes(error.rv)) {
      return unreadable(this.#options.selection.module, `lost the ${placeOf(token)}`, error);
    }
    const sentence = `The ${placeOf(token)} refuses (${error.rvName || error.rv}); look at the key with the token's own tool.`;
    return new KeyError("TOKEN_REFUSED", sentence, error);
  }
}

const here = {
  place: "PKCS#11 module",
  add: "look at what the token shows without a PIN: the public key or a certificate must be on it",
};

const gone: readonly number[] = [
  ck.CKR_DEVICE_REMOVED,
  ck.CKR_SESSION_HANDLE_INVALID,
  ck.CKR_TOKEN_NOT_PRESENT,
  ck.CKR_TOKEN_NOT_RECOGNIZED,
];

/**
 * The keys of the online roles: which one signs now, which one may be rotated to.
 *
 * A key is pending from the moment somebody asks for it until a published root lists it. There is at most one
 * pending key per repository and role: asking again, with either verb, gives the same one. Pending keys have a
 * lifetime and a common bound, so that names nobody publishes to cannot fill the store.
 */
import { RefusedError } from "../../core/errors.ts";
import type { FormatRules } from "../../core/format/format.ts";
import type { Root } from "../../core/model.ts";
import { rootRole, type Verified } from "../../core/verify.ts";
import type { OnlineAlgorithm, Signer } from "../../signer/signer.ts";
import type { OnlineKey, OnlineRole, PendingKeyLimits, Store } from "../../store/contract/store.ts";
import type { Clock } from "../clock.ts";
import { inTime } from "../in-time.ts";
import type { Principal } from "../principal.ts";
import type { PublicKey } from "../service.ts";
import { recordOf } from "../trail/record.ts";

export interface OnlineKeySettings {
  readonly algorithm: OnlineAlgorithm;
  /** Most pending keys in the whole store. */
  readonly mostPending: number;
  /** Life of a pending key in milliseconds. */
  readonly pendingLifetime: number;
}

/** A full store makes room with the oldest pending keys, but never with one that is being used right now. */
const graceOfPending = 10 * 60_000;

export class OnlineKeys {
  readonly #store: Store;
  readonly #signer: Signer;
  readonly #format: FormatRules;
  readonly #clock: Clock;
  readonly #settings: OnlineKeySettings;

  constructor(store: Store, signer: Signer, format: FormatRules, clock: Clock, settings: OnlineKeySettings) {
    this.#store = store;
    this.#signer = signer;
    this.#format = format;
    this.#clock = clock;
    this.#settings = settings;
  }

  /** The keys of a root's online roles that this server can sign with, by ID. */
  async held(repository: string, root: Root): Promise<ReadonlyMap<string, OnlineKey>> {
    const ids = (["timestamp", "snapshot"] as const).flatMap((role) => [...rootRole(root, role).keys.keys()]);
    const keys = await this.#store.onlineKeys(repository, ids);
    return new Map(keys.map((key) => [key.keyId, key]));
  }

  /** The first key of the role in the root that is held here. */
  async current(
    repository: string,
    role: OnlineRole,
    root: Verified<Root> | undefined,
  ): Promise<PublicKey | undefined> {
    if (root === undefined) return undefined;
    const held = await this.held(repository, root.signed);
    for (const id of rootRole(root.signed, role).keys.keys()) {
      const key = held.get(id);
      if (key !== undefined) return publicPart(key);
    }
    return undefined;
  }

  /** The key to rotate to. Throws `TOO_MANY_PENDING_KEYS`. */
  async pending(repository: string, role: OnlineRole, principal: Principal): Promise<PublicKey> {
    const limits = this.#limits();
    const known = await this.#store.pendingKey(repository, role, limits);
    if (known !== undefined) return publicPart(known);
    const { keytype, publicKey, reference } = await this.#signer.generate(this.#settings.algorithm, {
      repository,
      role,
    });
    const text = Buffer.from(publicKey).toString("base64");
    const keyId = this.#format.keyId(keytype, text);
    const at = this.#clock.now();
    const stored = await this.#store.addPendingKey(
      {
        keyId,
        repository,
        role,
        keytype,
        publicKey: text,
        reference,
        createdAt: at,
      },
      limits,
      recordOf({ at, principal, kind: "key.created", repository, detail: { role, keyId, keytype } }),
    );
    if (stored === undefined) {
      throw new RefusedError(
        "TOO_MANY_PENDING_KEYS",
        "Too many keys were asked for and never used: publish a root that lists yours, or try again in ten minutes.",
      );
    }
    return publicPart(stored);
  }

  /** Signs a message with a held key. A signer that does not answer in time is `SIGNER_UNAVAILABLE`. */
  async sign(key: OnlineKey, message: Uint8Array): Promise<Uint8Array> {
    const signature = this.#signer.sign({ ...key, publicKey: Buffer.from(key.publicKey, "base64") }, message);
    return await inTime(signature);
  }

  #limits(): PendingKeyLimits {
    const now = this.#clock.now();
    return {
      most: this.#settings.mostPending,
      endOfLife: now - this.#settings.pendingLifetime,
      mayGiveWay: now - graceOfPending,
    };
  }
}

function publicPart({ keytype, publicKey }: OnlineKey): PublicKey {
  return { keytype, public: publicKey };
}

/** The keys of the given IDs, all of which are held. */
export function signers(ids: readonly string[], held: ReadonlyMap<string, OnlineKey>): OnlineKey[] {
  return ids.map((id) => held.get(id)).filter((key) => key !== undefined);
}

/**
 * Taking in the online keys of a repository that another server has served so far.
 *
 * - Only a key that the root in force lists for the role is taken in. What that root says was verified here, so nobody can
 *   give this server a key that readers do not expect it to sign with.
 * - The signer says what the public half is; nobody else is believed.
 * - Nothing that readers see changes with it: the next renewal or publication is signed by these keys, one version further.
 */
import type { Logger } from "pino";
import { RefusedError, StoreError } from "../../core/errors.ts";
import type { FormatRules } from "../../core/format/format.ts";
import type { Root } from "../../core/model.ts";
import { rootRole } from "../../core/verify.ts";
import type { Signer } from "../../signer/signer.ts";
import type { OnlineKey, Store } from "../../store/contract/store.ts";
import type { Clock } from "../clock.ts";
import type { OnlineKeys } from "../online/keys.ts";
import type { Refresher } from "../online/refresh.ts";
import type { AdoptedKey, AdoptionService, OnlineKeyStanding, Principal } from "../service.ts";
import { recordOf } from "../trail/record.ts";
import type { TrustedFilesCache } from "../trusted.ts";

export interface AdoptionParts {
  readonly store: Store;
  readonly signer: Signer;
  readonly format: FormatRules;
  readonly clock: Clock;
  readonly keys: OnlineKeys;
  readonly trusted: TrustedFilesCache;
  readonly refresher: Pick<Refresher, "renewAnew">;
  readonly logger: Logger;
  /** Throws where nothing may be written. */
  readonly checkWritable: () => void;
}

/** How often it is tried on a newer state. */
const attempts = 8;

export class KeyAdoptions implements AdoptionService {
  readonly #parts: AdoptionParts;

  constructor(parts: AdoptionParts) {
    this.#parts = parts;
  }

  async standing(repository: string): Promise<OnlineKeyStanding | undefined> {
    const { store, trusted, keys } = this.#parts;
    const { root } = await trusted.load(await store.state(repository));
    if (root === undefined) return undefined;
    const held = await keys.held(repository, root.signed);
    return {
      roles: (["timestamp", "snapshot"] as const).map((role) => {
        const { threshold, keys: listed } = rootRole(root.signed, role);
        return { role, threshold, keys: [...listed.keys()].map((id) => ({ id, held: held.has(id) })) };
      }),
    };
  }

  async adopt(
    repository: string,
    given: readonly AdoptedKey[],
    principal: Principal,
  ): Promise<OnlineKeyStanding> {
    const { refresher, checkWritable } = this.#parts;
    checkWritable();
    await this.#hold(repository, given, principal);
    // What has expired meanwhile is not left to the next look.
    await refresher.renewAnew(repository);
    return (await this.standing(repository)) ?? { roles: [] };
  }

  async #hold(repository: string, given: readonly AdoptedKey[], principal: Principal): Promise<void> {
    const { store, trusted, clock, logger } = this.#parts;
    for (let attempt = 1; ; attempt++) {
      const state = await store.state(repository);
      const { root } = await trusted.load(state);
      if (root === undefined) {
        throw new RefusedError(
          "NOT_FOUND",
          "There is no such repository: take it over first, vidimus import notary or import trustdir.",
        );
      }
      const at = clock.now();
      const keys = await Promise.all(given.map((key) => this.#sealed(repository, root.signed, key, at)));
      try {
        const request = { repository, expectedRevision: state.revision, at, principal: principal.name };
        const detail = { keys: keys.map(({ role, keyId, keytype }) => ({ role, keyId, keytype })) };
        const audit = recordOf({ at, principal, kind: "key.adopted", repository, detail });
        await store.imports.holdKeys({ ...request, keys, renewAt: at, audit });
      } catch (error) {
        if (error instanceof StoreError && error.code === "CONFLICT" && attempt < attempts) continue;
        throw error;
      }
      const ids = keys.map(({ role, keyId }) => `${role} ${keyId}`);
      logger.info({ repository, principal: principal.name, keys: ids }, "online keys taken in");
      return;
    }
  }

  async #sealed(
    repository: string,
    root: Root,
    { role, privateKey }: AdoptedKey,
    createdAt: number,
  ): Promise<OnlineKey> {
    const { signer, format } = this.#parts;
    const made = await signer.adopt(privateKey, { repository, role });
    const publicKey = Buffer.from(made.publicKey).toString("base64");
    const keyId = format.keyId(made.keytype, publicKey);
    const listed = rootRole(root, role).keys;
    if (!listed.has(keyId)) {
      throw new RefusedError(
        "ONLINE_KEY_UNLISTED",
        `The root in force gives ${role} to other keys than ${keyId}: give the private half of one of those, or adopt the repository with a new root, vidimus adopt.`,
        { role, detail: { listed: [...listed.keys()] } },
      );
    }
    return {
      keyId,
      repository,
      role,
      keytype: made.keytype,
      publicKey,
      reference: made.reference,
      createdAt,
    };
  }
}

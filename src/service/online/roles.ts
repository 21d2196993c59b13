/**
 * Making the files that the server signs: the timestamp always, the snapshot where it holds the key.
 *
 * What was signed is verified here before anybody sees it, by the rules readers use: a signer that went wrong
 * costs one refused publication instead of a repository.
 */
import { SignerError, UnauthenticError } from "../../core/errors.ts";
import { type FileFacts, type FormatRules, methodOf } from "../../core/format/format.ts";
import type { Metadata, Root, Snapshot, Timestamp } from "../../core/model.ts";
import { factsOf } from "../../core/publication.ts";
import { rootRole, type Verified, verifyRole } from "../../core/verify.ts";
import type { OnlineKey, RepositoryState } from "../../store/contract/store.ts";
import type { OnlineKeys } from "./keys.ts";

export interface OnlineRoleSettings {
  /** Milliseconds. */
  readonly timestampLifetime: number;
  readonly snapshotLifetime: number;
  /** Part of a lifetime after which a file is renewed, above 0 and below 1. */
  readonly renewAfter: number;
}

export class OnlineRoles {
  readonly #keys: OnlineKeys;
  readonly #format: FormatRules;
  readonly #settings: OnlineRoleSettings;

  constructor(keys: OnlineKeys, format: FormatRules, settings: OnlineRoleSettings) {
    this.#keys = keys;
    this.#format = format;
    this.#settings = settings;
  }

  async makeSnapshot(
    state: RepositoryState,
    root: Verified<Root>,
    signers: readonly OnlineKey[],
    meta: ReadonlyMap<string, FileFacts>,
    at: number,
  ): Promise<Verified<Snapshot>> {
    const canonical = this.#format.encodeSnapshot({
      version: nextVersion(state, "snapshot"),
      expires: wholeSecond(at + this.#settings.snapshotLifetime),
      meta,
    });
    return (await this.#sign("snapshot", root, signers, canonical, at)) as Verified<Snapshot>;
  }

  async makeTimestamp(
    state: RepositoryState,
    root: Verified<Root>,
    signers: readonly OnlineKey[],
    snapshot: Metadata,
    at: number,
  ): Promise<Verified<Timestamp>> {
    const canonical = this.#format.encodeTimestamp({
      version: nextVersion(state, "timestamp"),
      expires: wholeSecond(at + this.#settings.timestampLifetime),
      snapshot: factsOf(snapshot),
    });
    return (await this.#sign("timestamp", root, signers, canonical, at)) as Verified<Timestamp>;
  }

  /** When a file made at `madeAt` with an expiry is to be made anew. */
  renewAt(madeAt: number, expires: number): number {
    return Math.floor(madeAt + (expires - madeAt) * this.#settings.renewAfter);
  }

  async #sign(
    role: "snapshot" | "timestamp",
    root: Verified<Root>,
    signers: readonly OnlineKey[],
    canonical: Buffer,
    at: number,
  ): Promise<Metadata> {
    const signatures = await Promise.all(
      signers.map(async (key) => ({
        keyId: key.keyId,
        method: methodOf(key),
        signature: await this.#keys.sign(key, canonical),
      })),
    );
    const file = this.#format.parse(role, this.#format.seal(canonical, signatures));
    try {
      return verifyRole(file, rootRole(root.signed, role), { at, expiry: "enforced" });
    } catch (cause) {
      if (!(cause instanceof UnauthenticError)) throw cause;
      throw new SignerError("SIGNER_UNAVAILABLE", "The signer gave a signature that does not verify.", {
        role,
        cause,
      });
    }
  }
}

/**
 * Above the current version and above every version of earlier incarnations of the name
 * (docs/adr/0015-stock-clients-decide.md).
 */
function nextVersion(state: RepositoryState, role: "snapshot" | "timestamp"): number {
  return Math.max(state.current.get(role)?.version ?? 0, state.floor.get(role) ?? 0) + 1;
}

function wholeSecond(at: number): number {
  return Math.floor(at / 1_000) * 1_000;
}

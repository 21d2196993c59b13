/**
 * What Vidimus does, as the HTTP layer and the command line see it. One object per process, made in `wire.ts`.
 *
 * Every method names the repository first. Names arrive checked by `core/names.ts` (the edge does that once).
 * Refusals are `VidimusError`s.
 */
import type { AuditHead, AuditPage, AuditQuery } from "../store/contract/audit.ts";
import type { OutboxFacts } from "../store/contract/outbox.ts";
import type { ChangeQuery, ChangeRecord, Eventually, OnlineRole } from "../store/contract/store.ts";
import type { AuditService } from "./audit/audit-service.ts";
import type { ExpiryService } from "./expiry/expiry-service.ts";
import type { ImportService } from "./imports/import-service.ts";
import type { Principal } from "./principal.ts";
import type { ProposalService } from "./proposals/proposal-service.ts";
import type { RefusalCounter, RefusedCaller } from "./refusals.ts";
import type { RetentionService } from "./retention/retention-service.ts";

export type { ChangeQuery, ChangeRecord, Eventually, OnlineRole, Principal, RefusalCounter, RefusedCaller };

/** Files of at least so many bytes are also served compressed. The cache counts them twice, for both forms. */
export const compressibleFrom = 2_048;

/** For whoever asks whether the server is ready: nothing that is anybody's. */
export const damageSentence =
  "damage was met in the store: what is damaged is not served, and all else is; run `vidimus fsck`, which names it, and restore a backup";

/** An immutable stored file, ready to be served. The same object is handed out as long as it is cached. */
export interface Served {
  readonly role: string;
  readonly version: number;
  /** Exactly the stored bytes. */
  readonly bytes: Buffer;
  /** Lower-case hex. */
  readonly sha256: string;
  readonly storedAt: number;
}

/** One file of an upload: the role is the part's file name, `.json` already cut off. */
export interface UploadedFile {
  readonly role: string;
  readonly bytes: Buffer;
}

/** A public key in Notary's shape. */
export interface PublicKey {
  readonly keytype: string;
  /** Base64. */
  readonly public: string;
}

/** A key of an online role with its private half, PKCS#8 DER, which whoever calls wipes. */
export interface AdoptedKey {
  readonly role: OnlineRole;
  readonly privateKey: Buffer;
}

/** The keys that the root in force gives to the online roles, and which of them this server can sign with. */
export interface OnlineKeyStanding {
  readonly roles: readonly {
    readonly role: OnlineRole;
    readonly threshold: number;
    readonly keys: readonly { readonly id: string; readonly held: boolean }[];
  }[];
}

export interface AdoptionService {
  /** Undefined if there is no such repository. */
  standing(repository: string): Promise<OnlineKeyStanding | undefined>;
  /**
   * Takes in the private keys of online roles that another server held: keys that the root in force lists. Versions go on from
   * there. All or none; keys that are held already count as taken in. Throws `NOT_FOUND`, `ONLINE_KEY_UNLISTED`, `KEY_UNSUITABLE`.
   */
  adopt(repository: string, keys: readonly AdoptedKey[], principal: Principal): Promise<OnlineKeyStanding>;
}

export interface TrustService {
  readonly proposals: ProposalService;
  readonly audit: AuditService;
  readonly expiry: ExpiryService;
  readonly retention: RetentionService;
  readonly adoption: AdoptionService;
  readonly imports: ImportService;

  /*
   * The three reads give the answer itself, and throw, wherever nobody has to be waited for: what is in memory, and what a
   * store reads at once. Otherwise they give a promise of it.
   */
  /** The current file. An online role that has expired is renewed first, once for all who wait. */
  current(repository: string, role: string): Eventually<Served | undefined>;
  byVersion(repository: string, role: string, version: number): Eventually<Served | undefined>;
  byDigest(repository: string, role: string, sha256: string): Eventually<Served | undefined>;

  /** Throws `READ_ONLY` on a server that only reads, `STORE_BEHIND`: before an upload is read at all. */
  checkWritable(): void;
  /** All files at once, or a refusal that leaves nothing behind. */
  publish(repository: string, files: readonly UploadedFile[], principal: Principal): Promise<void>;
  /** Resolves also if there was nothing to delete. */
  remove(repository: string, principal: Principal): Promise<void>;

  /** The key the server signs this role with now, made if there is none. */
  onlineKey(repository: string, role: OnlineRole, principal: Principal): Promise<PublicKey>;
  /** A key to rotate to: the pending one, made if there is none. */
  rotateOnlineKey(repository: string, role: OnlineRole, principal: Principal): Promise<PublicKey>;

  changes(query: ChangeQuery): Promise<readonly ChangeRecord[]>;

  /** Components that cannot work now, by name; empty when all is well. */
  health(): Promise<ReadonlyMap<string, string>>;

  /** What waits to be told to the outside, and what was given up. */
  outbox(): Promise<OutboxFacts>;

  /** Why the policy in force is not the one in its file, though it was asked for; undefined when all is well. */
  policyFault(): string | undefined;

  /** How often damage of the store was met since the start; the store is asked for nothing. */
  damageMet(): number;
  /** Counts the error that a request ended with, if it tells of damage. */
  noteDamage(error: unknown): void;

  /** Milliseconds that the most overdue online role has been waiting for its renewal; 0 when none is. */
  renewalLag(): Promise<number>;

  /**
   * Whether the store is behind its high-water mark, so that nothing can be published, and the age in milliseconds of
   * the oldest commit that the mark does not have yet; 0 when it has all, and in a process that does not write it.
   */
  mark(): { readonly behind: boolean; readonly lag: number };

  readonly trail: TrailService;
  /** Told of every caller who was sent away (`http/auth/refused.ts`). */
  readonly refusals: RefusalCounter;

  /** Starts renewing online roles ahead of their expiry. */
  start(): Promise<void>;
  /** Finishes what was acknowledged, then closes store and signer. */
  close(): Promise<void>;
}

export interface TrailService {
  trail(query: AuditQuery): Promise<AuditPage>;
  /** The last entry, and the key that signs heads, if one was made. Nothing is signed for it. */
  head(): Promise<AuditHead & { readonly key: (PublicKey & { readonly id: string }) | undefined }>;
}

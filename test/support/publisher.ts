/**
 * A publisher's side of one repository, for tests: contents that are edited by plain assignment, files that are made
 * on demand. It holds no opinion: whatever it is told to write it signs, so that wrong files can be made too.
 */

import { canonicalBytes } from "../../src/core/canonical.ts";
import type { FileFacts } from "../../src/core/format/format.ts";
import { notary } from "../../src/core/format/notary.ts";
import type { Json } from "../../src/core/json.ts";
import { type ListedKey, notaryKeyId } from "../../src/core/keys.ts";
import type { TopRole } from "../../src/core/names.ts";
import { facts } from "../../src/publisher/files.ts";
import {
  bareKey,
  certificateKey,
  generatePrivateKey,
  makeRootCertificate,
  type PublisherKey,
} from "./bare/keys.ts";
import { sealWith } from "./bare/seal.ts";

export const day = 86_400_000;
export const year = 365 * day;

/** Files of an upload by role. */
export type Files = ReadonlyMap<string, Buffer>;

export interface RoleDraft {
  version: number;
  expires: number;
  /** Who signs. */
  signers: PublisherKey[];
}

export interface RootDraft extends RoleDraft {
  keys: Record<TopRole, ListedKey[]>;
  thresholds: Record<TopRole, number>;
}

export interface DelegationDraft {
  role: string;
  keys: ListedKey[];
  threshold: number;
  paths: string[];
}

export interface TargetsDraft extends RoleDraft {
  targets: Map<string, FileFacts & { readonly custom?: Json }>;
  delegations: DelegationDraft[];
}

export interface SnapshotDraft extends RoleDraft {
  meta: Map<string, FileFacts>;
}

/** A new ECDSA or Ed25519 key. */
export function newKey(kind: "ecdsa" | "ed25519" = "ed25519"): PublisherKey {
  return bareKey(generatePrivateKey(kind));
}

/** A new root key with a certificate for `name`, beginning a minute before `at`. */
export async function newRootKey(name: string, at: number): Promise<PublisherKey> {
  const privateKey = generatePrivateKey("ecdsa");
  return certificateKey(privateKey, await makeRootCertificate(privateKey, name, new Date(at)));
}

/** Signs whatever is given as the signed part. */
export function signJson(signed: Json, signers: readonly PublisherKey[]): Buffer {
  return sealWith(notary, canonicalBytes(signed), signers);
}

/** The signed part of a file. */
export function signedOf(file: Uint8Array): { [name: string]: Json } {
  return JSON.parse(Buffer.from(file).toString("utf8")).signed;
}

/** A listed key under its true ID. */
export function listed(keytype: string, publicText: string): ListedKey {
  return { id: notaryKeyId(keytype, publicText), keytype, public: publicText };
}

export interface OwnerOptions {
  readonly at: number;
  /** As the server answered for `.key`. */
  readonly timestamp: ListedKey;
  /** The server's key, or the publisher's own. */
  readonly snapshot: ListedKey | PublisherKey;
}

/** The people who sign one repository. */
export class Owner {
  readonly repository: string;
  readonly root: RootDraft;
  readonly roles = new Map<string, TargetsDraft>();
  readonly snapshot: SnapshotDraft;
  readonly rootKey: PublisherKey;
  readonly targetsKey: PublisherKey;
  readonly at: number;

  private constructor(repository: string, rootKey: PublisherKey, options: OwnerOptions) {
    const { at, timestamp, snapshot } = options;
    this.repository = repository;
    this.at = at;
    this.rootKey = rootKey;
    this.targetsKey = newKey("ecdsa");
    const own = "sign" in snapshot ? snapshot : undefined;
    this.root = {
      version: 1,
      expires: at + 10 * year,
      signers: [rootKey],
      keys: {
        root: [rootKey.listed],
        targets: [this.targetsKey.listed],
        snapshot: ["sign" in snapshot ? snapshot.listed : snapshot],
        timestamp: [timestamp],
      },
      thresholds: { root: 1, targets: 1, snapshot: 1, timestamp: 1 },
    };
    this.snapshot = {
      version: 1,
      expires: at + 3 * year,
      signers: own === undefined ? [] : [own],
      meta: new Map(),
    };
    this.roles.set("targets", this.#draft([this.targetsKey]));
  }

  static async make(repository: string, options: OwnerOptions): Promise<Owner> {
    return new Owner(repository, await newRootKey(repository, options.at), options);
  }

  get targets(): TargetsDraft {
    return this.role("targets");
  }

  role(name: string): TargetsDraft {
    const draft = this.roles.get(name);
    if (draft === undefined) throw new Error(`${name} was never drafted`);
    return draft;
  }

  /** Declares a delegation in its parent and drafts its file. */
  delegate(role: string, signers: PublisherKey[] = [newKey()], threshold = signers.length): TargetsDraft {
    const parent = this.role(role.slice(0, role.lastIndexOf("/")));
    const keys = signers.map((signer) => signer.listed);
    parent.delegations.push({ role, keys, threshold, paths: [""] });
    const draft = this.#draft(signers);
    this.roles.set(role, draft);
    return draft;
  }

  /** Puts a target into a role. */
  addTarget(name: string, role = "targets"): void {
    this.role(role).targets.set(name, facts(Buffer.from(name)));
  }

  rootFile(): Buffer {
    const { version, expires, keys, thresholds, signers } = this.root;
    const all = new Map(Object.values(keys).flatMap((each) => each.map((key) => [key.id, key] as const)));
    const content = (role: TopRole) => ({
      keyIds: keys[role].map(({ id }) => id),
      threshold: thresholds[role],
    });
    return sealWith(
      notary,
      notary.encodeRoot({
        version,
        expires,
        keys: [...all.values()],
        roles: {
          root: content("root"),
          targets: content("targets"),
          snapshot: content("snapshot"),
          timestamp: content("timestamp"),
        },
      }),
      signers,
    );
  }

  targetsFile(role = "targets"): Buffer {
    const { version, expires, targets, delegations, signers } = this.role(role);
    const keys = new Map(delegations.flatMap((each) => each.keys.map((key) => [key.id, key] as const)));
    return sealWith(
      notary,
      notary.encodeTargets({
        version,
        expires,
        targets,
        keys: [...keys.values()],
        delegations: delegations.map(({ role: name, keys: own, threshold, paths }) => ({
          role: name,
          keyIds: own.map(({ id }) => id),
          threshold,
          paths,
        })),
      }),
      signers,
    );
  }

  snapshotFile(): Buffer {
    const { version, expires, meta, signers } = this.snapshot;
    return sealWith(notary, notary.encodeSnapshot({ version, expires, meta }), signers);
  }

  /** The next snapshot lists these files, beside what it listed before. */
  listInSnapshot(files: Files): void {
    for (const [role, bytes] of files) this.snapshot.meta.set(role, facts(bytes));
  }

  /** Files of the named roles. A snapshot lists, beside what it listed before, the files made with it. */
  files(...roles: readonly string[]): Files {
    const files = new Map<string, Buffer>();
    for (const role of roles) {
      if (role === "root") files.set(role, this.rootFile());
      else if (role !== "snapshot") files.set(role, this.targetsFile(role));
    }
    if (roles.includes("snapshot")) {
      this.listInSnapshot(files);
      files.set("snapshot", this.snapshotFile());
    }
    return files;
  }

  /** The files of a first publication: those that this publisher signs. */
  first(): Files {
    const own = this.snapshot.signers.length > 0 ? ["snapshot"] : [];
    return this.files("root", ...this.roles.keys(), ...own);
  }

  /** One version further, with the given roles made anew. */
  next(...roles: readonly string[]): Files {
    for (const role of roles) {
      if (role === "root") this.root.version++;
      else if (role === "snapshot") this.snapshot.version++;
      else this.role(role).version++;
    }
    return this.files(...roles);
  }

  #draft(signers: PublisherKey[]): TargetsDraft {
    return { version: 1, expires: this.at + 3 * year, signers, targets: new Map(), delegations: [] };
  }
}

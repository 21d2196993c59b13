/**
 * What a server keeps of one repository, in memory: the current files, and what `examine` needs of them. Loads what
 * `storedFilesNeeded` names and the stored parents that vouch for it, and no more, so that a rule which needs more
 * shows up.
 */
import type { FileFacts, FormatRules } from "../../src/core/format/format.ts";
import { notary } from "../../src/core/format/notary.ts";
import type { Metadata, Snapshot, Targets } from "../../src/core/model.ts";
import { parentRole, roleDepth } from "../../src/core/names.ts";
import {
  type Candidate,
  type CurrentFiles,
  examine,
  factsOf,
  type Plan,
  storedFilesNeeded,
} from "../../src/core/publication.ts";
import { delegatedKeys, rootRole, type Verified, verifyRole, verifyRoot } from "../../src/core/verify.ts";
import { outcome } from "./refusals.ts";

export class Published {
  readonly repository: string;
  readonly #format: FormatRules;
  readonly #files: Map<string, Metadata>;

  constructor(repository: string, format: FormatRules = notary, files: Iterable<Metadata> = []) {
    this.repository = repository;
    this.#format = format;
    this.#files = new Map([...files].map((file) => [file.role, file]));
  }

  get files(): ReadonlyMap<string, Metadata> {
    return this.#files;
  }

  /** A second server in the same state. */
  copy(): Published {
    return new Published(this.repository, this.#format, this.#files.values());
  }

  /** The verdict on an upload of bytes by role. Changes nothing. Throws what `parse` and `examine` throw. */
  examine(upload: Iterable<readonly [string, Buffer]>, onlineKeys: Iterable<string>, at: number): Plan {
    const parsed = new Map([...upload].map(([role, bytes]) => [role, this.#format.parse(role, bytes)]));
    return examine(this.candidate(parsed, onlineKeys, at));
  }

  /** What a verdict is asked with. `also`: stored roles that are loaded besides. */
  candidate(
    upload: ReadonlyMap<string, Metadata>,
    onlineKeys: Iterable<string>,
    at: number,
    also: Iterable<string> = [],
  ): Candidate {
    const needed = new Set([...storedFilesNeeded(upload, this.#files.keys()), ...also]);
    return {
      format: notary,
      repository: this.repository,
      upload,
      current: this.#current(needed),
      onlineKeys: new Set(onlineKeys),
      at,
    };
  }

  /** Makes an accepted plan current, with the files that the server signed for it. */
  apply(plan: Plan, signed: readonly Metadata[]): void {
    for (const file of [...plan.files, ...signed]) this.#files.set(file.role, file);
  }

  #current(needed: ReadonlySet<string>): CurrentFiles {
    const rootFile = this.#files.get("root");
    const root =
      rootFile &&
      verifyRoot(rootFile, { format: notary, repository: this.repository }, undefined, {
        at: 0,
        expiry: "ignored",
      });
    const targets = new Map<string, Verified<Targets>>();
    const withParents = new Set([...needed].flatMap((role) => [role, ...ancestors(role)]));
    for (const role of [...withParents].sort((a, b) => roleDepth(a) - roleDepth(b))) {
      const file = this.#files.get(role) as Metadata<Targets> | undefined;
      const parent = parentRole(role);
      const above = parent === undefined ? undefined : targets.get(parent);
      // What its parent no longer vouches for is left out, together with its children.
      if (file === undefined || root === undefined || (parent !== undefined && above === undefined)) continue;
      outcome(() => {
        const keys =
          above === undefined ? rootRole(root.signed, "targets") : delegatedKeys(above.signed, role);
        targets.set(role, verifyRole(file, keys, { at: 0, expiry: "ignored" }));
      });
    }
    return {
      root,
      snapshot: this.#files.get("snapshot") as Metadata<Snapshot> | undefined,
      targets,
      versions: new Map([...this.#files].map(([role, { signed }]) => [role, signed.version])),
      facts: new Map<string, FileFacts>([...this.#files].map(([role, file]) => [role, factsOf(file)])),
    };
  }
}

function ancestors(role: string): string[] {
  const parent = parentRole(role);
  return parent === undefined ? [] : [parent, ...ancestors(parent)];
}

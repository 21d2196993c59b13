/**
 * Proposals: files of offline roles that are whole but for signatures, and what each of them still needs. A role with a
 * threshold of two needs two people, and the stock clients verify that but cannot make it.
 *
 * Invariants
 * - The signed part of a file is exactly the bytes that people sign: canonical, and never changed afterwards.
 * - What counts is what will count when the files are published: the same counter, the same keys, for a root the old and
 *   the new. Keys of the server's own roles never count, whatever else lists them.
 * - Whatever the signatures cannot mend is refused when a proposal is opened (`proposal-examination.ts`), so that nobody
 *   signs in vain.
 *
 * Only root, targets and delegations can be proposed. A snapshot names the signatures of the files that it lists, so its
 * owner could make it only after the last of them: such a repository has to give its snapshot key to the server.
 */
import { MalformedError, UnauthenticError } from "./errors.ts";
import type { FormatRules } from "./format/format.ts";
import { openKey, type UsableKey } from "./keys.ts";
import { maxSignatures } from "./limits.ts";
import type { Metadata, RoleKeys, Root, SignatureEntry, Targets } from "./model.ts";
import { checkRole, isTargetsRole, parentRole } from "./names.ts";
import { countSignatures, isMet } from "./threshold.ts";
import { delegatedKeys, rootRole, type Verified } from "./verify.ts";

/**
 * Reads a file as it is proposed: `signed` is the text of its signed part. Throws what `parse` throws, `BAD_ROLE_NAME` for
 * a role that cannot be proposed, `NOT_CANONICAL`.
 */
export function readProposedFile(
  format: FormatRules,
  role: string,
  signed: Uint8Array,
  signatures: readonly SignatureEntry[] = [],
): Metadata {
  checkRole(role);
  if (role !== "root" && !isTargetsRole(role)) {
    throw new MalformedError(
      "BAD_ROLE_NAME",
      `Propose root, targets and delegations: the ${role} is made by the server when they are published.`,
      { role, detail: { given: role } },
    );
  }
  const file = format.parse(role, format.seal(signed, signatures));
  // Whatever the text did inside the file around it: what will be signed is what was sent, or nothing.
  if (Buffer.compare(file.message, signed) !== 0) {
    throw new MalformedError(
      "NOT_CANONICAL",
      `Send the signed part of ${role} in canonical form, byte for byte as it is to be signed.`,
      { role },
    );
  }
  return file;
}

/** The roles on whose versions a proposal rests: those it touches, and all above them. */
export function baseRoles(roles: Iterable<string>): readonly string[] {
  const base = new Set(["root"]);
  for (const role of roles) {
    for (let each: string | undefined = role; each !== undefined; each = parentRole(each)) base.add(each);
  }
  return [...base].sort();
}

/** A role whose signatures a file needs. */
export interface Requirement {
  /** `current`: as the published parent (for a root: the root before it) has it; `proposed`: as this proposal has it. */
  readonly by: "current" | "proposed";
  readonly keys: RoleKeys;
  readonly accept: (key: UsableKey) => boolean;
}

/** Where a proposal stands among what is published. */
export interface ProposalScope {
  readonly format: Pick<FormatRules, "rootKeyFault">;
  readonly repository: string;
  readonly root: Verified<Root> | undefined;
  /** At least the published parents of proposed delegations. */
  readonly targets: ReadonlyMap<string, Verified<Targets>>;
  /** Undefined: whenever certificates are valid. */
  readonly at: number | undefined;
}

/** What a file of a proposal needs. Throws `NO_ROOT`, `TARGETS_MISSING`, `UNDECLARED_ROLE`. */
export function requirementsOf(
  role: string,
  files: ReadonlyMap<string, Metadata>,
  scope: ProposalScope,
): readonly Requirement[] {
  const proposedRoot = files.get("root") as Metadata<Root> | undefined;
  const root = proposedRoot ?? scope.root;
  if (root === undefined) {
    throw new UnauthenticError("NO_ROOT", "no pre-existing root and no root provided in update.");
  }
  const online = onlineMaterials([scope.root, proposedRoot]);
  const offline = (key: UsableKey) => !online.has(key.material);
  if (role === "root") {
    const { format, repository, at } = scope;
    const suits = (key: UsableKey, instant: number | undefined) =>
      offline(key) && format.rootKeyFault(key, repository, instant) === undefined;
    const own: Requirement = {
      by: "proposed",
      keys: rootRole(root.signed, "root"),
      accept: (key) => suits(key, at),
    };
    if (scope.root === undefined) return [own];
    const previous = rootRole(scope.root.signed, "root");
    return [{ by: "current", keys: previous, accept: (key) => suits(key, undefined) }, own];
  }
  const parent = parentRole(role);
  if (parent === undefined) {
    const by = proposedRoot === undefined ? "current" : "proposed";
    return [{ by, keys: rootRole(root.signed, "targets"), accept: offline }];
  }
  const proposed = files.get(parent) as Metadata<Targets> | undefined;
  const file = proposed ?? scope.targets.get(parent);
  if (file === undefined) {
    throw new UnauthenticError("TARGETS_MISSING", `${parent} must be loaded first`, { role });
  }
  const by = proposed === undefined ? "current" : "proposed";
  return [{ by, keys: delegatedKeys(file.signed, role), accept: offline }];
}

/** Keys that sign for the server, whatever other role lists them too. */
function onlineMaterials(roots: readonly (Metadata<Root> | undefined)[]): ReadonlySet<string> {
  const materials = new Set<string>();
  for (const root of roots) {
    for (const role of ["snapshot", "timestamp"] as const) {
      for (const key of root === undefined ? [] : rootRole(root.signed, role).keys.values()) {
        const material = openKey(key)?.material;
        if (material !== undefined) materials.add(material);
      }
    }
  }
  return materials;
}

/** How far one requirement of a file is met. */
export interface Standing {
  readonly by: Requirement["by"];
  readonly threshold: number;
  /** IDs under which distinct keys have signed. */
  readonly signed: readonly string[];
  /** IDs of keys that could still sign. */
  readonly missing: readonly string[];
  readonly met: boolean;
}

export function standingOf(file: Metadata, { by, keys, accept }: Requirement): Standing {
  const count = countSignatures(file, keys, accept);
  const missing = count.missing.filter((id) => isUsable(keys, accept, id));
  const signed = count.signed.map(({ id }) => id);
  return { by, threshold: count.needed, signed, missing, met: isMet(count) };
}

function isUsable(keys: RoleKeys, accept: Requirement["accept"], id: string): boolean {
  const listed = keys.keys.get(id);
  const key = listed === undefined ? undefined : openKey(listed);
  return key !== undefined && accept(key);
}

/**
 * Of these signatures those that bring a file further, in their order: who has signed already adds nothing. Each of them
 * must be good: throws `UNKNOWN_SIGNER` for a key that the role does not have, `BAD_SIGNATURE`, `TOO_MANY`.
 */
export function usefulSignatures(
  file: Metadata,
  requirements: readonly Requirement[],
  entries: readonly SignatureEntry[],
): readonly SignatureEntry[] {
  const counted = () =>
    requirements.map((each) => countSignatures(now, each.keys, each.accept).signed.length);
  const added: SignatureEntry[] = [];
  let now = file;
  let before = counted();
  for (const entry of entries) {
    refuseUseless(file, requirements, entry);
    // One entry a key ID: what stands there was good, and is kept.
    if (now.signatures.some(({ keyId }) => keyId === entry.keyId)) continue;
    const last = now;
    now = { ...now, signatures: [...now.signatures, entry] };
    const after = counted();
    if (after.some((count, i) => count > (before[i] as number))) {
      added.push(entry);
      before = after;
    } else {
      now = last;
    }
  }
  if (now.signatures.length > maxSignatures) {
    throw new MalformedError("TOO_MANY", `Sign ${file.role} with at most ${maxSignatures} keys.`, {
      role: file.role,
    });
  }
  return added;
}

function refuseUseless(
  { role, message }: Metadata,
  requirements: readonly Requirement[],
  entry: SignatureEntry,
): void {
  const fitting = requirements.filter(({ keys, accept }) => isUsable(keys, accept, entry.keyId));
  if (fitting.length === 0) {
    throw new UnauthenticError(
      "UNKNOWN_SIGNER",
      `${entry.keyId} is no key that can sign this ${role}: sign with a key that the role lists.`,
      { role, detail: { key: entry.keyId } },
    );
  }
  for (const { keys, accept } of fitting) {
    if (countSignatures({ message, signatures: [entry] }, keys, accept).signed.length > 0) return;
  }
  throw new UnauthenticError(
    "BAD_SIGNATURE",
    `The signature by ${entry.keyId} is not one over this ${role}: fetch the proposal again and sign what it has now.`,
    { role, detail: { key: entry.keyId } },
  );
}

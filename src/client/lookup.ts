/**
 * Whose word counts for a name, and what it is.
 *
 * The roles that the policy's `lookup` lists are asked in its order; `ROLE/**` stands for a role and all below it, breadth
 * first, as Notary searches (notary-protocol.md 4.3). The first entry wins. A role has a say about a name only if every
 * delegation on the way to it covers the name, and so do the `paths` that the policy gives it.
 *
 * No silent fallback: a role that the policy lists, that is delegated and that has a say must be at hand, unexpired, and
 * signed as the metadata and the policy demand, whether another role has an entry or not. Stock clients pass over such a role and take an older digest
 * from the next one. A role that nobody delegates to is no role, and is passed over.
 */
import type { TargetFile, Targets } from "../core/model.ts";
import { parentRole } from "../core/names.ts";
import type { Verified } from "../core/verify.ts";
import { demandsOf } from "../policy/demands.ts";
import { asTrustError, TrustError } from "./errors.ts";
import { checkFile } from "./file-demands.ts";
import type { RepositoryView } from "./repository-view.ts";
import { codeOf } from "./scope.ts";

export interface Hit {
  readonly role: string;
  readonly name: string;
  readonly target: TargetFile;
  readonly file: Verified<Targets>;
}

/** Refusals that mean "this role is not to be had", as against a mistake or a limit. */
const unavailable: ReadonlySet<string> = new Set([
  "EXPIRED",
  "THRESHOLD",
  "FILE_WITHHELD",
  "HASH_MISMATCH",
  "LENGTH_MISMATCH",
  "SNAPSHOT_INCOMPLETE",
  "ROLLBACK",
]);

/**
 * The entry of a name that counts, or undefined if no role that counts has one.
 * Throws `ROLE_UNAVAILABLE` for a delegation, and what the core throws for `targets` itself.
 */
export async function lookUp(view: RepositoryView, name: string): Promise<Hit | undefined> {
  let first: Hit | undefined;
  // All of them, also after a hit: a role that counts and is broken refuses the look-up.
  for (const role of await rolesWithSay(view, name)) {
    const entry = entryOf(role, await available(view, role), name);
    first ??= entry;
  }
  return first;
}

/** The first name that counts with this digest, for references that have no tag. Throws as `lookUp`, and `TIMEOUT`. */
export async function lookUpDigest(view: RepositoryView, sha256: string): Promise<Hit | undefined> {
  let tried = 0;
  for (const role of await rolesWithSay(view, undefined)) {
    const file = await available(view, role);
    for (const name of file.signed.targetNames()) {
      if (file.signed.target(name)?.hashes.get("sha256") !== sha256) continue;
      // A role may sign one digest under very many names that others sign otherwise.
      if (++tried % namesAtOnce === 0) await pause(view.scope.signal);
      const hit = await lookUp(view, name);
      if (hit?.target.hashes.get("sha256") === sha256) return hit;
    }
  }
  return undefined;
}

/** The entry of one given role, if it has a say and has one. Throws as `lookUp`. */
export async function entryIn(view: RepositoryView, role: string, name: string): Promise<Hit | undefined> {
  if (!(await hasSay(view, role, name))) return undefined;
  return entryOf(role, await available(view, role), name);
}

const namesAtOnce = 256;

/** Lets everybody else go on, and ends what takes too long. */
async function pause(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (signal.aborted) throw new TrustError("TIMEOUT", "The look-up took longer than it may.");
}

function entryOf(role: string, file: Verified<Targets>, name: string): Hit | undefined {
  const target = file.signed.target(name);
  return target && { role, name, target, file };
}

/** The roles that count for a name (or for any name), in order, each once. */
async function rolesWithSay(view: RepositoryView, name: string | undefined): Promise<readonly string[]> {
  const { lookup } = view.scope.rule;
  const roles = new Set<string>();
  for (const entry of lookup) {
    const deep = entry.endsWith("/**");
    const queue = [deep ? entry.slice(0, -"/**".length) : entry];
    for (let role = queue.shift(); role !== undefined; role = queue.shift()) {
      if (!(await hasSay(view, role, name))) continue;
      roles.add(role);
      if (deep) queue.push(...(await available(view, role)).signed.delegations.map((each) => each.role));
    }
  }
  return [...roles];
}

async function hasSay(view: RepositoryView, role: string, name: string | undefined): Promise<boolean> {
  return (await pathsOf(view, role, name)) !== undefined;
}

/** The prefixes that count for a role; undefined if it is not delegated, or has no say about the name. */
async function pathsOf(
  view: RepositoryView,
  role: string,
  name: string | undefined,
): Promise<readonly string[] | undefined> {
  const { format, rule } = view.scope;
  const says = (paths: readonly string[] | undefined) =>
    paths === undefined || (name === undefined ? paths.length > 0 : format.covers(paths, name));
  if (!says(demandsOf(rule, role)?.paths)) return undefined;
  const parent = parentRole(role);
  if (parent === undefined) return [""];
  const above = await pathsOf(view, parent, name);
  if (above === undefined) return undefined;
  const file = await available(view, parent);
  const delegation = file.signed.delegations.find((each) => each.role === role);
  const paths = delegation && format.narrow(above, delegation.paths);
  return paths !== undefined && says(paths) ? paths : undefined;
}

/** A role's file, as the policy demands it; for a delegation that is not to be had, `ROLE_UNAVAILABLE` with the reason. */
async function available(view: RepositoryView, role: string): Promise<Verified<Targets>> {
  try {
    const file = await view.role(role);
    checkFile(view, file);
    return file;
  } catch (error) {
    if (role === "targets" || !unavailable.has(codeOf(error))) throw error;
    const reason = asTrustError(error) as TrustError;
    throw new TrustError(
      "ROLE_UNAVAILABLE",
      `${role} of ${view.scope.repository} counts and cannot be used: ${reason.message}`,
      { role, detail: { reason: reason.code }, cause: error },
    );
  }
}

/** Roles that do not count and have an entry for a name, for an explanation; what cannot be had is passed over. */
export async function signedElsewhere(view: RepositoryView, name: string): Promise<readonly string[]> {
  const found: string[] = [];
  const { delegations } = (await view.role("targets")).signed;
  for (const { role } of [{ role: "targets" }, ...delegations.slice(0, mostExplained)]) {
    try {
      if ((await view.role(role)).signed.target(name) !== undefined) found.push(role);
    } catch {
      // It does not count anyway.
    }
  }
  return found;
}

/** At most `most` names that roles that count sign, for an explanation, and whether there are more; what cannot be had is passed over. */
export async function namesThatCount(
  view: RepositoryView,
  most: number,
): Promise<{ readonly shown: readonly string[]; readonly more: boolean }> {
  const shown = new Set<string>();
  try {
    for (const role of await rolesWithSay(view, undefined)) {
      let tried = 0;
      for (const name of (await available(view, role)).signed.targetNames()) {
        if (shown.size > most || ++tried > namesAtOnce) break;
        if (await hasSay(view, role, name)) shown.add(name);
      }
    }
  } catch {
    // What was found explains enough.
  }
  return { shown: [...shown].slice(0, most), more: shown.size > most };
}

const mostExplained = 16;

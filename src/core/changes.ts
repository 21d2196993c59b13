/**
 * What one state of a repository says that another does not: in words of keys, thresholds, paths and targets, never of bytes.
 * Publishers are shown it before they sign, signers of proposals derive it from their own copy, auditors read it from history.
 *
 * A change **weakens** if it lets somebody sign who could not sign before, lets fewer sign, or gives a name to others: a key or
 * a delegation that is added, a threshold that is lowered, a path that is widened, another order of delegations.
 *
 * Keys are compared by what they are (canonical key ID): a certificate that is made anew for the same key is no new key.
 */
import { canonicalKeyId } from "./keys.ts";
import type { Delegation, RoleKeys, Root, TargetFile, Targets } from "./model.ts";
import { topRoles } from "./names.ts";

export const changeKinds = [
  "file-added",
  "key-added",
  "key-removed",
  "certificate",
  "threshold",
  "delegation-added",
  "delegation-removed",
  "path-added",
  "path-removed",
  "order",
  "target-added",
  "target-moved",
  "target-removed",
  "target-custom",
  "target-dated",
  "expires",
] as const;
export type ChangeKind = (typeof changeKinds)[number];

export interface Change {
  readonly kind: ChangeKind;
  /** The role whose file says it. */
  readonly file: string;
  /** What it is about: the role that keys, thresholds and paths are for, or the name of a target. */
  readonly subject: string;
  /** Key IDs, numbers, paths, digests, dates (RFC 3339), as text. Undefined: nothing was there, or nothing is. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly weakens: boolean;
}

/** The files of the offline roles. Of a role that is not here nothing is said. */
export interface OfflineFiles {
  readonly root: Root | undefined;
  readonly targets: ReadonlyMap<string, Targets>;
}

/** Every change from one state to the next: root first, then roles in the order given, the weightiest of each first. */
export function changesBetween(before: OfflineFiles, after: OfflineFiles): readonly Change[] {
  return [
    ...(after.root === undefined ? [] : rootChanges(before.root, after.root)),
    ...[...after.targets].flatMap(([role, file]) => targetsChanges(role, before.targets.get(role), file)),
  ];
}

export function weakens(changes: readonly Change[]): boolean {
  return changes.some((change) => change.weakens);
}

function rootChanges(before: Root | undefined, after: Root): readonly Change[] {
  const isNew = before === undefined;
  return [
    ...(isNew ? [added("root")] : []),
    ...topRoles.flatMap((role) =>
      roleChanges("root", role, before?.roles.get(role) ?? nobody, after.roles.get(role) ?? nobody, isNew),
    ),
    ...(isNew ? [] : expiry("root", before.expires, after.expires)),
  ];
}

function targetsChanges(role: string, before: Targets | undefined, after: Targets): readonly Change[] {
  return [
    ...(before === undefined ? [added(role)] : []),
    ...delegationChanges(role, before?.delegations ?? [], after.delegations),
    ...targetChanges(role, before, after),
    ...(before === undefined ? [] : expiry(role, before.expires, after.expires)),
  ];
}

const nobody: RoleKeys = { keys: new Map(), threshold: 0 };

/** @param isNew the first keys of a role weaken nothing that was there */
function roleChanges(
  file: string,
  subject: string,
  before: RoleKeys,
  after: RoleKeys,
  isNew: boolean,
): readonly Change[] {
  const [old, young] = [keysOf(before), keysOf(after)];
  const of = (kind: ChangeKind, was?: string, is?: string, weakened = false) =>
    change(kind, file, subject, was, is, weakened);
  const changes: Change[] = [];
  if (before.threshold !== after.threshold && !isNew)
    changes.push(
      of("threshold", `${before.threshold}`, `${after.threshold}`, after.threshold < before.threshold),
    );
  else if (isNew) changes.push(of("threshold", undefined, `${after.threshold}`));
  for (const id of young.keys()) if (!old.has(id)) changes.push(of("key-added", undefined, id, !isNew));
  for (const id of old.keys()) if (!young.has(id)) changes.push(of("key-removed", id));
  for (const [id, listed] of young) {
    const was = old.get(id);
    if (was !== undefined && was !== listed) changes.push(of("certificate", was, listed));
  }
  return changes;
}

/** Listed IDs by canonical ID. A key that cannot be opened can never sign, and is known by its listed ID. */
function keysOf({ keys }: RoleKeys): ReadonlyMap<string, string> {
  return new Map([...keys.values()].map((key) => [canonicalKeyId(key), key.id]));
}

function delegationChanges(
  file: string,
  before: readonly Delegation[],
  after: readonly Delegation[],
): readonly Change[] {
  const old = new Map(before.map((each) => [each.role, each]));
  const young = new Set(after.map(({ role }) => role));
  const changes: Change[] = [];
  for (const delegation of after) {
    const { role } = delegation;
    const was = old.get(role);
    const isNew = was === undefined;
    if (isNew) changes.push(change("delegation-added", file, role, undefined, role, true));
    changes.push(...roleChanges(file, role, was ?? nobody, delegation, isNew));
    changes.push(...pathChanges(file, role, was?.paths ?? [], delegation.paths, isNew));
  }
  for (const { role } of before)
    if (!young.has(role)) changes.push(change("delegation-removed", file, role, role, undefined));
  const shared = (all: readonly Delegation[], others: { has(role: string): boolean }) =>
    all.map(({ role }) => role).filter((role) => others.has(role));
  const [first, then] = [shared(before, young).join(", "), shared(after, old).join(", ")];
  if (first !== then) changes.push(change("order", file, file, first, then, true));
  return changes;
}

function pathChanges(
  file: string,
  role: string,
  before: readonly string[],
  after: readonly string[],
  isNew: boolean,
): readonly Change[] {
  const covered = (path: string) => before.some((prefix) => path.startsWith(prefix));
  return [
    ...after
      .filter((path) => !before.includes(path))
      .map((path) => change("path-added", file, role, undefined, path, !isNew && !covered(path))),
    ...before
      .filter((path) => !after.includes(path))
      .map((path) => change("path-removed", file, role, path, undefined)),
  ];
}

function targetChanges(role: string, before: Targets | undefined, after: Targets): readonly Change[] {
  const changes: Change[] = [];
  for (const name of after.targetNames()) {
    const is = after.target(name);
    const was = before?.target(name);
    if (is === undefined) continue;
    if (was === undefined) changes.push(change("target-added", role, name, undefined, digestOf(is)));
    else if (!sameContent(was, is))
      changes.push(change("target-moved", role, name, digestOf(was), digestOf(is)));
    else changes.push(...customChanges(role, name, was, is));
  }
  for (const name of before?.targetNames() ?? []) {
    const was = before?.target(name);
    if (was !== undefined && after.target(name) === undefined)
      changes.push(change("target-removed", role, name, digestOf(was), undefined));
  }
  return changes;
}

/** A new signing date alone is said as such: it is what re-signing does. */
function customChanges(role: string, name: string, was: TargetFile, is: TargetFile): readonly Change[] {
  const [old, young] = [JSON.stringify(was.custom), JSON.stringify(is.custom)];
  if (old === young) return [];
  const [bare, then] = [undated(was.custom), undated(is.custom)];
  const kind = bare.text === then.text ? "target-dated" : "target-custom";
  return kind === "target-dated"
    ? [change(kind, role, name, bare.date, then.date)]
    : [change(kind, role, name, old, young)];
}

/** Custom data without the date of signing, as text, and the date. */
export function undated(custom: unknown): { readonly text: string; readonly date: string | undefined } {
  if (!isRecord(custom)) return { text: JSON.stringify(custom ?? {}), date: undefined };
  const { vidimus, ...rest } = custom;
  if (!isRecord(vidimus)) return { text: JSON.stringify(custom), date: undefined };
  const { signedAt, ...own } = vidimus;
  const kept = Object.keys(own).length === 0 ? rest : { ...rest, vidimus: own };
  return { text: JSON.stringify(kept), date: signedAt === undefined ? undefined : String(signedAt) };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sameContent(a: TargetFile, b: TargetFile): boolean {
  if (a.length !== b.length) return false;
  const shared = [...a.hashes].filter(([algorithm]) => b.hashes.has(algorithm));
  return shared.length > 0 && shared.every(([algorithm, digest]) => b.hashes.get(algorithm) === digest);
}

function digestOf({ hashes }: TargetFile): string {
  const [algorithm, digest] = hashes.has("sha256")
    ? ["sha256", hashes.get("sha256")]
    : ([...hashes][0] ?? []);
  return `${algorithm}:${digest}`;
}

function expiry(file: string, before: number, after: number): readonly Change[] {
  if (before === after) return [];
  return [change("expires", file, file, new Date(before).toISOString(), new Date(after).toISOString())];
}

function added(role: string): Change {
  return change("file-added", role, role, undefined, role);
}

function change(
  kind: ChangeKind,
  file: string,
  subject: string,
  before: string | undefined,
  after: string | undefined,
  weakened = false,
): Change {
  return { kind, file, subject, before, after, weakens: weakened };
}

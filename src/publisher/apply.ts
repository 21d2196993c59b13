/**
 * Edits applied to verified files: the next contents of those that they are about. Pure.
 *
 * Invariants
 * - Only files that an edit is about change. Each of them gets the next version, a new expiry, and on every target that is
 *   added the date of its signing (`vidimus.signedAt`, src/policy/rules/ages.ts).
 * - What an edit asks for and cannot be is refused before anything is signed: a name outside of the delegation's paths, a
 *   threshold that its keys cannot meet, a key that is not there.
 */
import { isDeepStrictEqual } from "node:util";
import { undated } from "../core/changes.ts";
import { formatDate } from "../core/dates.ts";
import type { RootContent, TargetContent, TargetsContent } from "../core/format/format.ts";
import { isObject, type Json } from "../core/json.ts";
import { canonicalKeyId, type ListedKey, openKey } from "../core/keys.ts";
import { parentRole, roleDepth, type TopRole } from "../core/names.ts";
import { countSignatures, isMet } from "../core/threshold.ts";
import { checkTargetName, distinct, keysInUse, rootContentOf, targetsContentOf } from "./contents.ts";
import type { Contents, Edit, OfflineState, Signing } from "./edits.ts";
import { EditError } from "./errors.ts";
import { beginning } from "./lapsed.ts";
import { count } from "./words.ts";

/**
 * A file that comes out as it was, version and expiry aside, is not among the contents, unless it is to be signed again.
 * What is to be removed and is not there counts as removed: so a publication that was broken off is repeated without harm.
 * Throws `EditError`.
 */
export function applyEdits(state: OfflineState, edits: readonly Edit[], signing: Signing): Contents {
  const work = new Work(state, signing, edits);
  for (const edit of edits) work.apply(edit);
  return work.contents();
}

class Work {
  readonly #state: OfflineState;
  readonly #signing: Signing;
  #root: RootContent | undefined;
  readonly #targets = new Map<string, TargetsContent>();
  /** Roles whose keys or threshold were edited. */
  readonly #touched = new Set<string>();
  readonly #resigned: ReadonlySet<string>;

  constructor(state: OfflineState, signing: Signing, edits: readonly Edit[]) {
    this.#state = state;
    this.#signing = signing;
    this.#resigned = new Set(edits.flatMap((each) => (each.edit === "resign" ? [each.role] : [])));
  }

  apply(edit: Edit): void {
    if (edit.edit === "add") this.#add(edit);
    else if (edit.edit === "remove") this.#remove(edit);
    else if (edit.edit === "delegation") this.#delegate(edit);
    else if (edit.edit === "delegation-removal") this.#undelegate(edit.role);
    else if (edit.edit === "keys") this.#changeKeys(edit);
    else if (edit.edit === "threshold") this.#setThreshold(edit);
    else this.#resign(edit satisfies Edit & { edit: "resign" });
  }

  contents(): Contents {
    this.#leaveOutUnchanged();
    this.#checkThresholds();
    this.#resignBelowRoot();
    const { at, lifetimes } = this.#signing;
    const until = (role: string) =>
      at +
      (role === "root" ? lifetimes.root : role === "targets" ? lifetimes.targets : lifetimes.delegations);
    const { root } = this.#state;
    const files = [...this.#targets].sort(([a], [b]) => roleDepth(a) - roleDepth(b) || (a < b ? -1 : 1));
    return {
      root: this.#root && { ...this.#root, version: root.signed.version + 1, expires: until("root") },
      targets: new Map(
        files.map(([role, file]) => [role, { ...file, version: file.version + 1, expires: until(role) }]),
      ),
    };
  }

  #add({ role, name, target, stood }: Edit & { edit: "add" }): void {
    const file = this.#file(role);
    this.#checkPaths(role, name);
    const present = file.targets.get(name);
    if (present !== undefined && present.sha256 !== stood && present.sha256 !== target.sha256) {
      throw new EditError(
        "EDIT_CONFLICT",
        `${name} of ${role} is sha256:${present.sha256} by now, which it was not when this was staged: look at it, and add it again.`,
      );
    }
    if (present !== undefined && present.sha256 !== stood && sameTarget(present, target)) return;
    this.#set(role, { ...file, targets: new Map(file.targets).set(name, this.#dated(target)) });
  }

  #remove({ role, name, stood }: Edit & { edit: "remove" }): void {
    const file = this.#file(role);
    const present = file.targets.get(name);
    if (present === undefined) return;
    if (present.sha256 !== stood) {
      throw new EditError(
        "EDIT_CONFLICT",
        `${name} of ${role} is sha256:${present.sha256} by now, which it was not when its removal was staged: look at it, and remove it again.`,
      );
    }
    const targets = new Map(file.targets);
    targets.delete(name);
    this.#set(role, { ...file, targets });
  }

  #delegate(edit: Edit & { edit: "delegation" }): void {
    const { role, addKeys = [], removeKeys = [], addPaths = [], removePaths = [], threshold } = edit;
    const parent = parentRole(role) ?? "targets";
    const file = this.#file(parent);
    const before = file.delegations.find((each) => each.role === role);
    const known = (id: string) => file.keys.find((key) => key.id === id);
    const gone = removeKeys.map((id) => listedIn(before?.keyIds ?? [], id, known));
    const keyIds = [...new Set([...(before?.keyIds ?? []), ...addKeys.map(({ id }) => id)])];
    const next = {
      role,
      keyIds: keyIds.filter((id) => !gone.includes(id)),
      threshold: threshold ?? before?.threshold ?? 1,
      paths: [...new Set([...(before?.paths ?? []), ...addPaths])].filter(
        (path) => !removePaths.includes(path),
      ),
    };
    const delegations =
      before === undefined
        ? [...file.delegations, next]
        : file.delegations.map((each) => (each.role === role ? next : each));
    const used = new Set(delegations.flatMap((each) => each.keyIds));
    const keys = distinct([...file.keys, ...addKeys]).filter(({ id }) => used.has(id));
    this.#touched.add(role);
    this.#set(parent, { ...file, keys, delegations });
  }

  #undelegate(role: string): void {
    const parent = parentRole(role) ?? "targets";
    const file = this.#file(parent);
    const delegations = file.delegations.filter((each) => each.role !== role);
    const used = new Set(delegations.flatMap((each) => each.keyIds));
    this.#set(parent, { ...file, delegations, keys: file.keys.filter(({ id }) => used.has(id)) });
    for (const each of [...this.#targets.keys()])
      if (each === role || each.startsWith(`${role}/`)) this.#targets.delete(each);
  }

  #changeKeys({ role, add, remove }: Edit & { edit: "keys" }): void {
    const root = this.#rootContent();
    const before = root.roles[role];
    const known = (id: string) => root.keys.find((key) => key.id === id);
    const gone = remove.map((id) => listedIn(before.keyIds, id, known));
    // A certificate that is made anew takes the place of the one before it.
    const renewed = new Set(add.map(canonicalKeyId));
    const kept = before.keyIds.filter((id) => {
      const key = known(id);
      return !gone.includes(id) && (key === undefined || !renewed.has(canonicalKeyId(key)));
    });
    const keyIds = [...new Set([...kept, ...add.map(({ id }) => id)])];
    const next = { ...root, roles: { ...root.roles, [role]: { ...before, keyIds } } };
    this.#touched.add(role);
    this.#root = { ...next, keys: keysInUse(next, add) };
  }

  #setThreshold({ role, threshold }: Edit & { edit: "threshold" }): void {
    const root = this.#rootContent();
    this.#touched.add(role);
    this.#root = { ...root, roles: { ...root.roles, [role]: { ...root.roles[role], threshold } } };
  }

  #resign({ role, dated }: Edit & { edit: "resign" }): void {
    if (role === "root") {
      this.#root = this.#rootContent();
      return;
    }
    const file = this.#file(role);
    const targets = dated
      ? new Map([...file.targets].map(([name, target]) => [name, this.#dated(target)]))
      : file.targets;
    this.#set(role, { ...file, targets });
  }

  /** Under other keys the targets that are there may not be signed by enough of them: every reader would fail (notary 358). */
  #resignBelowRoot(): void {
    const targets = this.#state.targets.get("targets");
    if (this.#root === undefined || targets === undefined || this.#targets.has("targets")) return;
    const { keyIds, threshold } = this.#root.roles.targets;
    const keys = new Map(this.#root.keys.filter(({ id }) => keyIds.includes(id)).map((key) => [key.id, key]));
    if (!isMet(countSignatures(targets, { keys, threshold }))) this.#set("targets", this.#file("targets"));
  }

  #leaveOutUnchanged(): void {
    const { root, targets } = this.#state;
    if (this.#root !== undefined && !this.#resigned.has("root")) {
      if (sameWords(this.#root, rootContentOf(root.signed))) this.#root = undefined;
    }
    for (const [role, file] of this.#targets) {
      const stored = targets.get(role);
      if (stored === undefined || this.#resigned.has(role)) continue;
      if (sameWords(file, targetsContentOf(role, stored.signed))) this.#targets.delete(role);
    }
  }

  /** Only of what was edited: what others have left unreachable is theirs to mend, and must not stop this. */
  #checkThresholds(): void {
    for (const role of this.#touched) {
      const parent = parentRole(role);
      const [content, keys] =
        parent === undefined
          ? [this.#root?.roles[role as TopRole], this.#root?.keys]
          : [
              this.#targets.get(parent)?.delegations.find((each) => each.role === role),
              this.#targets.get(parent)?.keys,
            ];
      if (content === undefined) continue;
      const { keyIds, threshold } = content;
      const listed = (keys ?? []).filter(({ id }) => keyIds.includes(id));
      const materials = new Set(listed.map((key) => openKey(key)?.material));
      materials.delete(undefined);
      if (Number.isInteger(threshold) && threshold >= 1 && materials.size >= threshold) continue;
      throw new EditError(
        "THRESHOLD_UNREACHABLE",
        `${role} would need ${count(threshold, "signature")} and have ${count(materials.size, "different key")}: add keys, or set a threshold of ${materials.size > 1 ? `1 to ${materials.size}` : "1"}.`,
      );
    }
  }

  #dated(target: TargetContent): TargetContent {
    const { custom } = target;
    const rest = isObject(custom) ? (custom as Readonly<Record<string, Json>>) : {};
    const own = isObject(rest.vidimus) ? (rest.vidimus as Readonly<Record<string, Json>>) : {};
    const signedAt = formatDate(this.#signing.at);
    return { ...target, custom: { ...rest, vidimus: { ...own, signedAt } } as Json };
  }

  /** Every delegation on the way has to cover the name, or no reader takes it from there. */
  #checkPaths(role: string, name: string): void {
    const { format } = this.#signing;
    checkTargetName(name);
    for (
      let each = role, above = parentRole(each);
      above !== undefined;
      each = above, above = parentRole(each)
    ) {
      const delegation = this.#file(above).delegations.find((child) => child.role === each);
      if (delegation === undefined || format.covers(delegation.paths, name)) continue;
      const paths = delegation.paths.map((path) => JSON.stringify(path)).join(", ") || "nothing";
      throw new EditError(
        "OUTSIDE_PATHS",
        `${name} lies outside of what ${above} delegates to ${each} (${paths}): sign it in another role, or have the path added.`,
      );
    }
  }

  /** A role's next file as it is by now. */
  #file(role: string): TargetsContent {
    const present = this.#targets.get(role);
    if (present !== undefined) return present;
    const stored = this.#state.targets.get(role);
    if (stored !== undefined) return targetsContentOf(role, stored.signed);
    const parent = parentRole(role);
    const isDelegated =
      parent !== undefined && this.#file(parent).delegations.some((each) => each.role === role);
    if (!isDelegated)
      throw new EditError("ROLE_UNKNOWN", `Nobody delegates to ${role}: add the delegation first.`);
    return beginning(this.#state, role, this.#resigned);
  }

  #set(role: string, file: TargetsContent): void {
    this.#targets.set(role, file);
  }

  #rootContent(): RootContent {
    return this.#root ?? rootContentOf(this.#state.root.signed);
  }
}

/** The listed ID that a bare or listed ID means; undefined if it is not there. */
function listedIn(
  keyIds: readonly string[],
  id: string,
  known: (id: string) => ListedKey | undefined,
): string | undefined {
  return keyIds.find((each) => {
    const key = known(each);
    return each === id || (key !== undefined && canonicalKeyId(key) === id);
  });
}

/** Whether a target is there already, its date aside: somebody has signed it since, or we have and were broken off. */
function sameTarget(present: TargetContent, wanted: TargetContent): boolean {
  const plain = ({ custom, ...rest }: TargetContent) => ({ ...rest, custom: undated(custom).text });
  return isDeepStrictEqual(plain(present), plain(wanted));
}

/** Whether two files say the same, version and expiry aside. */
function sameWords(a: TargetsContent | RootContent, b: TargetsContent | RootContent): boolean {
  const plain = ({ version: _, expires: __, ...rest }: TargetsContent | RootContent) => rest;
  return isDeepStrictEqual(plain(a), plain(b));
}

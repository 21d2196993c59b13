/**
 * A draft: the next files of a repository before they are signed, and who has to sign each. What is signed is fixed here; who
 * signs, in which order and on which machine is not.
 *
 * Nothing in a draft is trusted because somebody sent it: `draftOf` makes one from contents, `draftFrom` reads one that others
 * made and holds it against the reader's own verified copy.
 */
import { type Change, changesBetween, type OfflineFiles } from "../core/changes.ts";
import type { FormatRules } from "../core/format/format.ts";
import { canonicalKeyId, type ListedKey, type UsableKey } from "../core/keys.ts";
import type { Metadata, RoleKeys, Root, SignatureEntry, Targets } from "../core/model.ts";
import { parentRole, roleDepth } from "../core/names.ts";
import { readProposedFile, requirementsOf } from "../core/proposal.ts";
import { proposalDigest } from "../core/rejection.ts";
import { countSignatures, isMet } from "../core/threshold.ts";
import type { OpenKey } from "./custody/custody.ts";
import type { Contents, OfflineState, Signing } from "./edits.ts";

/** Signatures that a file needs. A next root needs two: of the root before it, and its own. */
export interface Need {
  /** For a person: `root`, `root before`, `targets/releases`. */
  readonly by: string;
  readonly keys: RoleKeys;
  /** Whether a key may sign: a root's certificate has to be made out to the repository, and be good. */
  readonly accept: (key: UsableKey) => boolean;
}

export interface DraftFile {
  readonly role: string;
  /** The canonical form of `signed`: what every signature is made over. */
  readonly message: Buffer;
  readonly file: Metadata<Root> | Metadata<Targets>;
  readonly needs: readonly Need[];
}

export interface Draft {
  readonly repository: string;
  readonly format: FormatRules;
  /** Root first, then parents before children. */
  readonly files: readonly DraftFile[];
  /** What it stands on; undefined for a repository that is not there yet. */
  readonly before: OfflineState | undefined;
}

/** Signatures by role. */
export type Signatures = ReadonlyMap<string, readonly SignatureEntry[]>;

/** @param before undefined: the first publication of a repository */
export function draftOf(
  repository: string,
  { format, at }: Pick<Signing, "format" | "at">,
  before: OfflineState | undefined,
  { root, targets }: Contents,
): Draft {
  const messages = new Map<string, Buffer>();
  if (root !== undefined) messages.set("root", format.encodeRoot(root));
  for (const [role, content] of targets) messages.set(role, format.encodeTargets(content));
  return draftFrom(repository, { format, at }, before, messages);
}

/**
 * A draft out of the signed parts of its files. Throws `MalformedError` for what is no such file, or not in canonical form,
 * `UnauthenticError` for files that nobody can vouch for.
 */
export function draftFrom(
  repository: string,
  { format, at }: Pick<Signing, "format" | "at">,
  before: OfflineState | undefined,
  messages: ReadonlyMap<string, Buffer>,
): Draft {
  const parsed = new Map<string, Metadata<Root> | Metadata<Targets>>();
  for (const [role, message] of messages) {
    parsed.set(role, readProposedFile(format, role, message) as Metadata<Root> | Metadata<Targets>);
  }
  const files = [...parsed.entries()]
    .sort(([a], [b]) => weight(a) - weight(b) || (a < b ? -1 : 1))
    .map(([role, file]) => ({
      role,
      message: messages.get(role) as Buffer,
      file,
      needs: needsOf(role, repository, format, before, parsed, at),
    }));
  return { repository, format, files, before };
}

function weight(role: string): number {
  return role === "root" ? 0 : roleDepth(role);
}

function needsOf(
  role: string,
  repository: string,
  format: FormatRules,
  before: OfflineState | undefined,
  parsed: ReadonlyMap<string, Metadata>,
  at: number,
): readonly Need[] {
  const { root, targets = new Map() } = before ?? { root: undefined };
  const requirements = requirementsOf(role, parsed, { format, repository, root, targets, at });
  return requirements.map(({ by, keys, accept }) => ({
    by: role === "root" && by === "current" ? "root before" : role,
    keys,
    accept,
  }));
}

/** What the offline files are once the draft is published. */
export function after({ files, before }: Draft): OfflineFiles {
  const root = files.find(({ role }) => role === "root")?.file.signed ?? before?.root.signed;
  const targets = new Map<string, Targets>();
  for (const [role, file] of before?.targets ?? []) targets.set(role, file.signed);
  for (const { role, file } of files) if (role !== "root") targets.set(role, file.signed as Targets);
  return { root: root as Root | undefined, targets: withoutOrphans(targets) };
}

/** Roles that nobody delegates to any more are gone for every reader. */
function withoutOrphans(targets: ReadonlyMap<string, Targets>): ReadonlyMap<string, Targets> {
  const kept = new Map<string, Targets>();
  for (const [role, file] of [...targets].sort(([a], [b]) => roleDepth(a) - roleDepth(b))) {
    const parent = parentRole(role);
    if (parent === undefined || kept.get(parent)?.delegations.some((each) => each.role === role) === true)
      kept.set(role, file);
  }
  return kept;
}

/** What the draft changes, seen from what it stands on. */
export function changesOf(draft: Draft): readonly Change[] {
  const { before, files } = draft;
  const roles = new Set(files.map(({ role }) => role));
  const old: OfflineFiles = {
    root: before?.root.signed,
    targets: new Map([...(before?.targets ?? [])].map(([role, { signed }]) => [role, signed])),
  };
  const next = after(draft);
  const changes = changesBetween(old, {
    root: roles.has("root") ? next.root : undefined,
    targets: new Map([...next.targets].filter(([role]) => roles.has(role))),
  });
  // All that a lapsed file says is new to readers, but it is no first version.
  return changes.map((change) => {
    const isLapsed = change.kind === "file-added" && before?.lapsed?.has(change.file) === true;
    return isLapsed ? { ...change, after: `${next.targets.get(change.file)?.version}` } : change;
  });
}

/** Delegated roles whose present files would lack signatures under their next keys, until somebody signs them again. */
export function brokenBy(draft: Draft): readonly string[] {
  const own = new Set(draft.files.map(({ role }) => role));
  const { targets } = after(draft);
  const { targets: verified = [], lapsed = [] } = draft.before ?? {};
  return [...verified, ...lapsed].flatMap(([role, file]) => {
    const keys = targets.get(parentRole(role) ?? "")?.delegations.find((each) => each.role === role);
    return own.has(role) || keys === undefined || isMet(countSignatures(file, keys)) ? [] : [role];
  });
}

/** The same draft without some keys: they neither count nor are missing, and sign nothing. By IDs of bare keys. */
export function withoutKeys(draft: Draft, ids: ReadonlySet<string>): Draft {
  if (ids.size === 0) return draft;
  const kept = ({ keys, ...rest }: RoleKeys): RoleKeys => ({
    ...rest,
    keys: new Map([...keys].filter(([, listed]) => !ids.has(canonicalKeyId(listed)))),
  });
  const files = draft.files.map((file) => ({
    ...file,
    needs: file.needs.map((need) => ({ ...need, keys: kept(need.keys) })),
  }));
  return { ...draft, files };
}

export interface Standing {
  readonly role: string;
  readonly by: string;
  readonly needed: number;
  /** Keys that have signed, each once however it is listed. */
  readonly signed: readonly UsableKey[];
  /** Listed keys that have not. */
  readonly missing: readonly ListedKey[];
}

/** Who has signed what, and who is missing. */
export function standingOf(draft: Draft, signatures: Signatures): readonly Standing[] {
  return draft.files.flatMap(({ role, file, needs }) => {
    const signed = { message: file.message, signatures: signatures.get(role) ?? [] };
    return needs.map(({ by, keys, accept }) => {
      const count = countSignatures(signed, keys, accept);
      const missing = count.missing.map((id) => keys.keys.get(id) as ListedKey);
      return { role, by, needed: count.needed, signed: count.signed, missing };
    });
  });
}

export function isComplete(standing: readonly Standing[]): boolean {
  return standing.every(({ signed, needed }) => signed.length >= needed);
}

/** IDs of the bare keys that can sign something of the draft. */
export function signersOf({ files }: Draft): ReadonlySet<string> {
  return new Set(
    files.flatMap(({ needs }) => needs.flatMap(({ keys }) => [...keys.keys.values()].map(canonicalKeyId))),
  );
}

/** Signs every file that lists the key, under each of the IDs that it is listed by. A file that does not is left alone. */
export async function signDraft({ files }: Draft, key: OpenKey): Promise<Signatures> {
  const made = new Map<string, readonly SignatureEntry[]>();
  for (const { role, message, needs } of files) {
    const ids = new Set(
      needs.flatMap(({ keys }) =>
        [...keys.keys.values()]
          .filter((listed) => canonicalKeyId(listed) === key.info.id)
          .map(({ id }) => id),
      ),
    );
    if (ids.size === 0) continue;
    const { method, bytes } = await key.sign(message);
    made.set(
      role,
      [...ids].map((keyId) => ({ keyId, method, signature: bytes })),
    );
  }
  return made;
}

/** Signatures of several people on one draft; of two by one key the later one counts. */
export function joined(...all: readonly Signatures[]): Signatures {
  const roles = new Set(all.flatMap((each) => [...each.keys()]));
  return new Map(
    [...roles].map((role) => {
      const entries = all.flatMap((each) => each.get(role) ?? []);
      return [role, [...new Map(entries.map((entry) => [entry.keyId, entry])).values()]];
    }),
  );
}

/** The files as they are uploaded. */
export function sealed({ files, format }: Draft, signatures: Signatures): ReadonlyMap<string, Buffer> {
  return new Map(files.map(({ role, message }) => [role, format.seal(message, signatures.get(role) ?? [])]));
}

/** What a signer says it has seen (`proposalDigest`). Lower-case hex. */
export function digestOf({ files }: Draft): string {
  return proposalDigest(files.map(({ role, message }) => ({ role, signed: message })));
}

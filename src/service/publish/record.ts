/**
 * What the audit trail says of a publication: which versions of which roles, which keys signed each, and what differs from
 * before, in the words of `core/changes.ts`.
 *
 * A record has a bound and the files have not: what has no room is counted. What weakens comes first, so that it is never
 * left out for what does not. Of a collection above `mostCompared` targets only the number of targets is told: its history
 * lies in the store, and whoever asks can have it compared.
 */
import { canonicalText } from "../../core/canonical.ts";
import { type Change, changesBetween } from "../../core/changes.ts";
import type { JsonObject } from "../../core/json.ts";
import type { Metadata, RoleKeys, Root, Targets } from "../../core/model.ts";
import { parentRole } from "../../core/names.ts";
import type { Plan } from "../../core/publication.ts";
import { countSignatures } from "../../core/threshold.ts";
import { maxAuditDetail } from "../../store/contract/audit.ts";
import type { RepositoryState } from "../../store/contract/store.ts";
import { shortened } from "../trail/record.ts";
import type { TrustedFiles } from "../trusted.ts";

/** Roles that a record names, and key IDs of one role. */
const mostFiles = 100;
const mostKeys = 20;
const mostCompared = 2_000;
/** Bytes of the list of changes. */
const roomForChanges = maxAuditDetail / 2;

type CurrentVersions = ReadonlyMap<string, { readonly version: number }>;

export interface ToldFile {
  readonly role: string;
  readonly version: number;
  readonly signatures: readonly { readonly keyId: string }[];
}

/** The files of a record, each with the version before it (0: there was none) and the keys that signed it. */
export function filesDetail(files: readonly ToldFile[], current: CurrentVersions): JsonObject {
  const told = files.slice(0, mostFiles).map(({ role, version, signatures }) => ({
    role: shortened(role),
    from: current.get(role)?.version ?? 0,
    to: version,
    keys: signatures.slice(0, mostKeys).map(({ keyId }) => shortened(keyId)),
  }));
  const left = files.length - told.length;
  return { files: told, ...(left > 0 && { filesLeftOut: left }) };
}

/** A file that this server signed: all of its signatures count. */
export function toldOf({ role, signed, signatures }: Metadata): ToldFile {
  return { role, version: signed.version, signatures };
}

export interface Published {
  readonly metadata: readonly Metadata[];
  readonly state: Pick<RepositoryState, "current">;
  readonly before: Pick<TrustedFiles, "root" | "targets">;
  readonly plan: Pick<Plan, "root" | "files" | "targets">;
  readonly proposal: string | undefined;
}

export function publicationDetail({ metadata, state, before, plan, proposal }: Published): JsonObject {
  const files = metadata.map((file) => ({
    role: file.role,
    version: file.signed.version,
    signatures: signersOf(file, before, plan),
  }));
  return {
    ...(proposal !== undefined && { proposal }),
    ...filesDetail(files, state.current),
    ...difference(plan.files, state, before),
  };
}

/** The keys whose signatures on the file are good, under the IDs that they signed by. */
function signersOf(
  file: Metadata,
  before: Published["before"],
  plan: Published["plan"],
): { readonly keyId: string }[] {
  const ids = new Set(keysFor(file.role, before, plan).flatMap((keys) => countedIds(file, keys)));
  return [...ids].map((keyId) => ({ keyId }));
}

function countedIds(file: Metadata, keys: RoleKeys): string[] {
  return countSignatures(file, keys).signed.map(({ id }) => id);
}

/** A root is also signed by the keys of the one before. */
function keysFor(
  role: string,
  before: Published["before"],
  { root, targets }: Published["plan"],
): RoleKeys[] {
  const parent = parentRole(role);
  if (parent !== undefined) {
    const declared = (targets.get(parent) ?? before.targets.get(parent))?.signed.delegations;
    return declared?.filter((each) => each.role === role) ?? [];
  }
  const roots = role === "root" && before.root !== undefined ? [root, before.root] : [root];
  return roots.flatMap(({ signed }) => signed.roles.get(role as "root") ?? []);
}

function difference(
  files: readonly Metadata[],
  state: Published["state"],
  before: Published["before"],
): JsonObject {
  const root = files.find((file): file is Metadata<Root> => file.signed.kind === "root");
  const after = files.filter((file): file is Metadata<Targets> => file.signed.kind === "targets");
  // What is stored and cannot be believed any more is no state to differ from.
  const unknown = after.filter(({ role }) => state.current.has(role) && !before.targets.has(role));
  const known = after.filter((file) => !unknown.includes(file));
  const large = known.filter(
    ({ role, signed }) => isLarge(signed) || isLarge(before.targets.get(role)?.signed),
  );
  const compared = (file: Targets, role: string) =>
    large.some((each) => each.role === role) ? withoutTargets(file) : file;
  const changes = changesBetween(
    {
      root: before.root?.signed,
      targets: new Map([...before.targets].map(([role, { signed }]) => [role, compared(signed, role)])),
    },
    {
      root: root?.signed,
      targets: new Map(known.map(({ role, signed }) => [role, compared(signed, role)])),
    },
  );
  const sizes = large.slice(0, mostKeys).map(({ role, signed }) => ({
    role: shortened(role),
    from: before.targets.get(role)?.signed.size ?? 0,
    to: signed.size,
  }));
  return {
    ...listed(changes),
    ...(sizes.length > 0 && { notCompared: sizes }),
    ...(unknown.length > 0 && { noBase: unknown.slice(0, mostKeys).map(({ role }) => shortened(role)) }),
  };
}

function isLarge(targets: Targets | undefined): boolean {
  return (targets?.size ?? 0) > mostCompared;
}

function withoutTargets(targets: Targets): Targets {
  return { ...targets, targetNames: () => [], target: () => undefined };
}

function listed(changes: readonly Change[]): JsonObject {
  const inOrder = [...changes.filter(({ weakens }) => weakens), ...changes.filter(({ weakens }) => !weakens)];
  const told: JsonObject[] = [];
  let room = roomForChanges;
  for (const each of inOrder) {
    const entry = changeEntry(each);
    room -= Buffer.byteLength(canonicalText(entry), "utf8") + 1;
    if (room < 0) break;
    told.push(entry);
  }
  const left = changes.length - told.length;
  return { changes: told, ...(left > 0 && { changesLeftOut: left }) };
}

function changeEntry({ kind, file, subject, before, after, weakens }: Change): JsonObject {
  return {
    kind,
    file: shortened(file),
    subject: shortened(subject),
    ...(before !== undefined && { before: shortened(before) }),
    ...(after !== undefined && { after: shortened(after) }),
    ...(weakens && { weakens }),
  };
}

/**
 * The past of a repository: which version of each role was current at which instant, and what it said.
 *
 * Pure. Whoever asks reads the rows (without bytes), chooses by them which files a question needs, and hands those over opened.
 *
 * Invariants
 * - A version is current from the instant of the change that brought it until the next version of its role, or the end of the
 *   repository's life. Of several changes by a clock that was set back, the later change counts.
 * - A file whose bytes were taken away (`removedAt`) is in every answer by its row, and vouches for nothing any more.
 * - Only the present life of a name is here: a removal takes its files and their rows.
 */
import type { FormatRules } from "../core/format/format.ts";
import type { Metadata, Root, Targets } from "../core/model.ts";
import { isTargetsRole } from "../core/names.ts";

/** A stored file without its bytes. */
export interface Row {
  readonly role: string;
  readonly version: number;
  readonly sha256: string;
  readonly storedAt: number;
  readonly expires: number;
  /** Of the repository, when the file was committed. */
  readonly revision: number;
  /** When retention took its bytes away; undefined: they are there. */
  readonly removedAt?: number;
}

/** Who made a change. */
export interface Change {
  readonly revision: number;
  readonly at: number;
  readonly kind: "publish" | "refresh" | "import" | "removal";
  readonly principal: string;
}

export interface Past {
  readonly repository: string;
  readonly format: FormatRules;
  /** By role, versions ascending. */
  readonly rows: ReadonlyMap<string, readonly Row[]>;
  readonly changes: ReadonlyMap<number, Change>;
}

/** A version with what it says; `file` is undefined where the bytes are gone. */
export interface Opened<S extends Root | Targets = Root | Targets> {
  readonly row: Row;
  readonly file: Metadata<S> | undefined;
}

/** The offline files that were current at an instant. */
export interface State {
  readonly repository: string;
  readonly format: FormatRules;
  readonly at: number;
  readonly root: Opened<Root> | undefined;
  /** Of every role that had a file, whether anybody delegated to it or not. */
  readonly targets: ReadonlyMap<string, Opened<Targets>>;
}

/** Opens a version; undefined where its bytes are gone. */
export type Open = (row: Row) => Promise<Metadata | undefined>;

export function pastOf(
  repository: string,
  format: FormatRules,
  rows: Iterable<Row>,
  changes: Iterable<Change>,
): Past {
  const byRole = new Map<string, Row[]>();
  for (const row of rows) {
    const known = byRole.get(row.role);
    if (known === undefined) byRole.set(row.role, [row]);
    else known.push(row);
  }
  for (const each of byRole.values()) each.sort((a, b) => a.version - b.version);
  return {
    repository,
    format,
    rows: byRole,
    changes: new Map([...changes].map((change) => [change.revision, change])),
  };
}

/** The version of a role that was current at an instant. */
export function currentAt({ rows }: Pick<Past, "rows">, role: string, at: number): Row | undefined {
  return rows.get(role)?.findLast(({ storedAt }) => storedAt <= at);
}

/** Until when a version was current, exclusive; undefined: it still is. */
export function currentUntil({ rows }: Pick<Past, "rows">, { role, version }: Row): number | undefined {
  const all = rows.get(role) ?? [];
  // From the end: whoever looks back begins there.
  return all[all.findLastIndex((row) => row.version <= version) + 1]?.storedAt;
}

/** The version of a role that was current once a change was made. */
export function currentAfter({ rows }: Pick<Past, "rows">, role: string, revision: number): Row | undefined {
  return rows.get(role)?.findLast((row) => row.revision <= revision);
}

/** The offline roles that ever had a file, root first, parents before children. */
export function offlineRoles({ rows }: Pick<Past, "rows">): readonly string[] {
  return [...rows.keys()]
    .filter((role) => role === "root" || isTargetsRole(role))
    .sort((a, b) => (a === "root" ? -1 : b === "root" ? 1 : a < b ? -1 : 1));
}

/** `roles`: only of these; of the others it is as if they had no file. */
export async function stateAt(
  past: Past,
  at: number,
  open: Open,
  roles: readonly string[] = offlineRoles(past),
): Promise<State> {
  const opened = async (role: string): Promise<Opened | undefined> => {
    const row = currentAt(past, role, at);
    return row && { row, file: (await open(row)) as Opened["file"] };
  };
  const targets = new Map<string, Opened<Targets>>();
  for (const role of roles) {
    if (role === "root") continue;
    const file = await opened(role);
    if (file !== undefined) targets.set(role, file as Opened<Targets>);
  }
  const root = (await opened("root")) as Opened<Root> | undefined;
  return { repository: past.repository, format: past.format, at, root, targets };
}

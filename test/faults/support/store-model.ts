/** The store as it would be if it did one thing at a time: one name, its lives, its changefeed. */
import type { ChangeRecord, Committed, RepositoryState } from "../../../src/store/contract/store.ts";

export interface Model {
  readonly alive: boolean;
  readonly revision: number;
  readonly incarnation: number;
  readonly versions: Readonly<Record<string, number>>;
  readonly floor: Readonly<Record<string, number>>;
  readonly feed: readonly string[];
}

export const unused: Model = {
  alive: false,
  revision: 0,
  incarnation: 0,
  versions: {},
  floor: {},
  feed: [],
};

export function textOf(model: Model): string {
  const { versions, floor, ...rest } = model;
  return JSON.stringify([rest, sorted(versions), sorted(floor)]);
}

type Versions = Readonly<Record<string, number>>;

function sorted(versions: Versions): string {
  return JSON.stringify(Object.entries(versions).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `given`: undefined for CONFLICT. */
export function commits(
  model: Model,
  expected: number,
  files: Versions,
  given: Committed | undefined,
): Model[] {
  const rises = Object.entries(files).every(([role, version]) => version > (model.versions[role] ?? 0));
  if (expected !== model.revision || !rises) return given === undefined ? [model] : [];
  const revision = model.revision + 1;
  const incarnation = model.alive ? model.incarnation : model.incarnation + 1;
  if (given?.revision !== revision || given.incarnation !== incarnation) return [];
  const feed = files.timestamp === undefined ? model.feed : [...model.feed, `update ${files.timestamp}`];
  return [{ ...model, alive: true, revision, incarnation, feed, versions: { ...model.versions, ...files } }];
}

export function removes(model: Model, given: boolean): Model[] {
  if (given !== model.alive) return [];
  if (!model.alive) return [model];
  const floor: Record<string, number> = { ...model.floor };
  for (const [role, version] of Object.entries(model.versions))
    floor[role] = Math.max(version, floor[role] ?? 0);
  const revision = model.revision + 1;
  return [{ ...model, alive: false, revision, versions: {}, floor, feed: [...model.feed, "deletion 0"] }];
}

export function shows(model: Model, given: RepositoryState): Model[] {
  const versions = Object.fromEntries([...given.current].map(([role, { version }]) => [role, version]));
  const same =
    given.exists === model.alive &&
    given.revision === model.revision &&
    given.incarnation === model.incarnation &&
    sorted(versions) === sorted(model.versions) &&
    sorted(Object.fromEntries(given.floor)) === sorted(model.floor);
  return same ? [model] : [];
}

export function lists(model: Model, given: readonly ChangeRecord[]): Model[] {
  const feed = given.map(({ category, version }) => `${category} ${version}`);
  return JSON.stringify(feed) === JSON.stringify(model.feed) ? [model] : [];
}

/**
 * What each key is for, across repositories: where it counts today, where it counts no more and why, and what to do with it.
 *
 * Pure, and for telling people, as `standing.ts`, whose answers it turns round.
 */

import type { PastKey } from "./past.ts";
import type { KeyHere, RepositoryStanding } from "./standing.ts";

/** A repository as somebody knows it who was asked. */
export interface AskedRepository extends RepositoryStanding {
  /**
   * Where this comes from: `server`, which follows from a copy here; `told`, the server's word, with no copy here to hold it against;
   * `copy`, the copy here, because nobody was asked, the server could not be, or it does not tell of this one; `unknown`, the copy of a repository that the server
   * has not; `another`, the copy of one of which the server has another history.
   */
  readonly asOf: "server" | "told" | "copy" | "unknown" | "another";
}

export interface KeyUse extends KeyHere {
  readonly counts: readonly { readonly repository: string; readonly role: string }[];
  readonly past: readonly {
    readonly repository: string | undefined;
    readonly role: string | undefined;
    /** `REPOSITORY_UNKNOWN`, `REPOSITORY_ANOTHER`: by the server that was asked. `UNLISTED`: by no file that is known. */
    readonly why: PastKey["why"] | "REPOSITORY_UNKNOWN" | "REPOSITORY_ANOTHER" | "UNLISTED";
    readonly since: number | undefined;
    /** The reason, as a person says it. */
    readonly sentence: string;
  }[];
  /** One step; empty where nothing is to be done with the key itself. */
  readonly next: string;
}

export interface Asked {
  readonly repositories: readonly AskedRepository[];
  /** Names in files of keys, of which there is no copy here, and which the server does not have either. */
  readonly unknown: readonly string[];
  /** The address that was asked; undefined: nobody was. */
  readonly server: string | undefined;
}

/** In the order of the keys, each ID once. */
export function keyUse(keys: readonly KeyHere[], asked: Asked): readonly KeyUse[] {
  const once = new Map<string, KeyHere>();
  for (const key of keys) if (!once.has(key.id)) once.set(key.id, key);
  return [...once.values()].map((key) => useOf(key, asked));
}

function useOf(key: KeyHere, asked: Asked): KeyUse {
  const { id, role, repository } = key;
  const counts: KeyUse["counts"][number][] = [];
  const past: KeyUse["past"][number][] = [];
  for (const each of asked.repositories) {
    const listed = each.roles.filter(({ keys }) => keys.some((one) => one.id === id));
    const reason = awayOf(each, asked.server);
    if (reason === undefined)
      counts.push(...listed.map((one) => ({ repository: each.repository, role: one.role })));
    else past.push(...listed.map((one) => ({ repository: each.repository, role: one.role, ...reason })));
    past.push(...each.past.filter((one) => one.id === id).map((one) => pastOf(each, one)));
  }
  if (counts.length === 0 && past.length === 0) past.push(unlisted(role, repository, asked));
  return { ...key, counts, past, next: counts.length > 0 ? "" : nextOf(key, past[0]?.why, asked.server) };
}

function awayOf({ asOf, repository }: AskedRepository, server = "") {
  if (asOf === "unknown") {
    const sentence = `${server} does not have ${repository}`;
    return { why: "REPOSITORY_UNKNOWN", since: undefined, sentence } as const;
  }
  if (asOf !== "another") return undefined;
  const sentence = `${server} has another history of ${repository}, which does not follow from the copy here`;
  return { why: "REPOSITORY_ANOTHER", since: undefined, sentence } as const;
}

function pastOf({ repository, rootVersion }: AskedRepository, { role, why, since }: PastKey) {
  const when = since === undefined ? `by root ${rootVersion} at the latest` : `since root ${since}`;
  const sentence =
    why === "DELEGATION_DROPPED"
      ? `${repository} has no delegation ${role} any more`
      : role.startsWith("targets/")
        ? `${repository} gave ${role} other keys`
        : `replaced as a key of ${role} of ${repository}, ${when}`;
  return { repository, role, why, since, sentence };
}

function unlisted(role: string | undefined, repository: string | undefined, { unknown, server }: Asked) {
  const about = { repository, role, since: undefined };
  if (repository !== undefined && unknown.includes(repository))
    return {
      ...about,
      why: "REPOSITORY_UNKNOWN",
      sentence: `${server} does not have ${repository}`,
    } as const;
  const says =
    role === undefined
      ? "its file does not say for what it was made"
      : `its file says that it is for ${role}`;
  const of = repository === undefined ? "" : ` of ${repository}, of which there is no copy here`;
  const sentence = `no repository that is known here lists it; ${says}${of}`;
  return { ...about, why: "UNLISTED", sentence } as const;
}

function nextOf(
  { id, repository }: KeyHere,
  why: KeyUse["past"][number]["why"] | undefined,
  server: string | undefined,
): string {
  switch (why) {
    case "REPLACED":
      return "nothing: it signs nothing that counts";
    case "DELEGATION_DROPPED":
      return `nothing, or let the owner list it again: vidimus delegation add REPOSITORY ROLE --key ${id.slice(0, 12)}`;
    case "REPOSITORY_UNKNOWN":
      return `take ${repository ?? "the repository"} over first, vidimus import notary or vidimus import trustdir, and ask again`;
    case "REPOSITORY_ANOTHER":
      return "ask the owner which history is right, and keep the key";
    default:
      return server === undefined
        ? "ask a server what is signed today: the same command with --server URL"
        : "keep it, and ask whoever made it for which repository it is";
  }
}

/**
 * The files of a repository as a server has them now, from a root that is at hand: each root must be signed by the one before, and
 * every file by the keys that its parent gives it. Where no root is at hand, it is the server's word alone.
 *
 * Whether they are the newest there are is not asked, nor whether they have expired: this is for telling people about their keys.
 */
import type { TrustCode } from "../client/errors.ts";
import { type Fetcher, isAway } from "../client/fetch/fetcher.ts";
import { VidimusError } from "../core/errors.ts";
import { notary } from "../core/format/notary.ts";
import type { Metadata, Root, Targets } from "../core/model.ts";
import { parentRole } from "../core/names.ts";
import { TrustedSet } from "../core/trusted-set.ts";
import { delegatedKeys, rootRole, verifyRole } from "../core/verify.ts";
import { droppedKeys, replacedKeys } from "./keys/past.ts";
import type { KnownFiles } from "./keys/standing.ts";
import type { CachedFiles } from "./trust-cache.ts";

const mostRoots = 1_000;
const mostRoles = 1_000;
const largest = 32 * 1_024 * 1_024;
const longest = 120_000;

export type Today =
  | { readonly is: "there"; readonly files: KnownFiles }
  /** The server has no repository of this name. */
  | { readonly is: "unknown" }
  /** It has one that does not follow from the root at hand, or does not verify. */
  | { readonly is: "another" };

const ofServer: ReadonlySet<TrustCode> = new Set(["TLS_UNTRUSTED", "CREDENTIALS"]);

/** Whether what was thrown for one repository would be for every other of the server. */
export function isOfServer(code: TrustCode): boolean {
  return isAway(code) || ofServer.has(code);
}

type Get = (file: string) => Promise<Buffer | undefined>;

/** @param known a copy at hand, or a name alone. Throws what the fetcher throws. */
export async function filesToday(
  known: CachedFiles | Pick<CachedFiles, "repository">,
  fetcher: Pick<Fetcher, "get">,
  at: number,
): Promise<Today> {
  const { repository } = known;
  const copy = "rootBytes" in known ? known : undefined;
  const signal = AbortSignal.timeout(longest);
  const get: Get = (file) => fetcher.get({ repository, file, maxBytes: largest, signal });
  const current = await get("root.json");
  if (current === undefined) return { is: "unknown" };
  try {
    const first = copy?.rootBytes ?? current;
    const roots = await rootsFrom(first, repository, get, at);
    const earlier = await rootsBefore(first, repository, get, at);
    const root = roots.at(-1) as Root;
    const targets = await targetsUnder(root, get, at);
    const past = [
      ...replacedKeys([...earlier, ...roots.slice(0, -1)], root),
      ...(copy === undefined ? [] : droppedKeys(copy.targets, targets)),
    ];
    return { is: "there", files: { repository, root, targets, past } };
  } catch (error) {
    if (error instanceof VidimusError) return { is: "another" };
    throw error;
  }
}

/** One that is trusted as it is, and all that follow from it. */
async function rootsFrom(first: Buffer, repository: string, get: Get, at: number): Promise<readonly Root[]> {
  const set = new TrustedSet({ format: notary, repository });
  const roots: Root[] = [set.addRoot(first, at).signed];
  while (roots.length < mostRoots) {
    const next = await get(`${(roots.at(-1) as Root).version + 1}.root.json`);
    if (next === undefined) break;
    roots.push(set.addRoot(next, at).signed);
  }
  return roots;
}

/** Those that lead to a root that is trusted, versions ascending; none where they do not: they only tell when keys changed. */
async function rootsBefore(root: Buffer, repository: string, get: Get, at: number): Promise<readonly Root[]> {
  const earlier: Buffer[] = [];
  const { version } = notary.parse("root", root).signed;
  for (let number = version - 1; number > 0 && earlier.length < mostRoots; number--) {
    const bytes = await get(`${number}.root.json`);
    if (bytes === undefined) break;
    earlier.unshift(bytes);
  }
  try {
    const set = new TrustedSet({ format: notary, repository });
    const roots = earlier.map((bytes) => set.addRoot(bytes, at).signed);
    if (roots.length > 0) set.addRoot(root, at);
    return roots;
  } catch (error) {
    if (error instanceof VidimusError) return [];
    throw error;
  }
}

async function targetsUnder(root: Root, get: Get, at: number): Promise<ReadonlyMap<string, Targets>> {
  const targets = new Map<string, Targets>();
  const queue = ["targets"];
  for (let role = queue.shift(); role !== undefined && targets.size < mostRoles; role = queue.shift()) {
    const bytes = targets.has(role) ? undefined : await get(`${role}.json`);
    if (bytes === undefined) continue;
    const above = targets.get(parentRole(role) ?? "");
    const keys = above === undefined ? rootRole(root, "targets") : delegatedKeys(above, role);
    const file = notary.parse(role, bytes) as Metadata<Targets>;
    const { signed } = verifyRole(file, keys, { at, expiry: "ignored" });
    targets.set(role, signed);
    queue.push(...signed.delegations.map((each) => each.role));
  }
  return targets;
}

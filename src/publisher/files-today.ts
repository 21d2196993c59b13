/**
 * The files of a repository as a server has them now, from a root that is at hand: each root must be signed by the one before, and
 * every file by the keys that its parent gives it.
 *
 * Whether they are the newest there are is not asked, nor whether they have expired: this is for telling people about their keys.
 */
import type { Fetcher } from "../client/fetch/fetcher.ts";
import { VidimusError } from "../core/errors.ts";
import { notary } from "../core/format/notary.ts";
import type { Metadata, Targets } from "../core/model.ts";
import { parentRole } from "../core/names.ts";
import { TrustedSet } from "../core/trusted-set.ts";
import { delegatedKeys, rootRole, verifyRole } from "../core/verify.ts";
import type { KnownFiles } from "./key-standing.ts";
import type { CachedFiles } from "./trust-cache.ts";

const mostRoots = 1_000;
const mostRoles = 1_000;
const largest = 32 * 1_024 * 1_024;
const longest = 120_000;

/** Undefined: the server has no such repository, or one that does not follow from this root. Throws what the fetcher throws. */
export async function filesToday(
  { repository, rootBytes }: CachedFiles,
  fetcher: Pick<Fetcher, "get">,
  at: number,
): Promise<KnownFiles | undefined> {
  const signal = AbortSignal.timeout(longest);
  const get = (file: string) => fetcher.get({ repository, file, maxBytes: largest, signal });
  if ((await get("root.json")) === undefined) return undefined;
  try {
    const set = new TrustedSet({ format: notary, repository });
    let root = set.addRoot(rootBytes, at);
    for (let count = 0; count < mostRoots; count++) {
      const next = await get(`${root.signed.version + 1}.root.json`);
      if (next === undefined) break;
      root = set.addRoot(next, at);
    }
    const targets = new Map<string, Targets>();
    const queue = ["targets"];
    for (let role = queue.shift(); role !== undefined && targets.size < mostRoles; role = queue.shift()) {
      const bytes = targets.has(role) ? undefined : await get(`${role}.json`);
      if (bytes === undefined) continue;
      const above = targets.get(parentRole(role) ?? "");
      const keys = above === undefined ? rootRole(root.signed, "targets") : delegatedKeys(above, role);
      const file = notary.parse(role, bytes) as Metadata<Targets>;
      const { signed } = verifyRole(file, keys, { at, expiry: "ignored" });
      targets.set(role, signed);
      queue.push(...signed.delegations.map((each) => each.role));
    }
    return { repository, root: root.signed, targets };
  } catch (error) {
    if (error instanceof VidimusError) return undefined;
    throw error;
  }
}

/**
 * The snapshot where a publisher holds its key, as `notary init` sets repositories up: it is made last, over the exact bytes of
 * everything else. Where the server holds the key it makes the snapshot, and nothing is added here.
 */
import type { RepositoryCopy } from "../client/repository-copy.ts";
import type { FileFacts, FormatRules } from "../core/format/format.ts";
import { canonicalKeyId } from "../core/keys.ts";
import type { FileReference, RoleKeys, Root } from "../core/model.ts";
import type { OpenKey } from "./custody/custody.ts";
import type { KeyError } from "./custody/errors.ts";
import { after, type Draft } from "./draft.ts";
import type { Lifetimes } from "./edits.ts";
import { facts } from "./files.ts";

interface Keys {
  has(id: string): Promise<boolean>;
  hiding(isWanted: (id: string) => boolean): Promise<KeyError | undefined>;
  key(id: string): Promise<OpenKey>;
}

interface Tools {
  readonly format: FormatRules;
  readonly lifetimes: Lifetimes;
  readonly now: () => number;
}

/** The files, with a snapshot if its key is at hand. Throws the fault of a damaged file that would be its key. */
export async function withSnapshot(
  draft: Draft,
  files: ReadonlyMap<string, Buffer>,
  { snapshot }: Pick<RepositoryCopy, "snapshot">,
  keys: Keys,
  { format, lifetimes, now }: Tools,
): Promise<ReadonlyMap<string, Buffer>> {
  const next = after(draft);
  const { keys: listed, threshold } = (next.root as Root).roles.get("snapshot") as RoleKeys;
  const own: OpenKey[] = [];
  for (const key of listed.values()) {
    const id = canonicalKeyId(key);
    if (own.length < threshold && (await keys.has(id))) own.push(await keys.key(id));
  }
  if (own.length < threshold) {
    const ids = new Set([...listed.values()].map(canonicalKeyId));
    const fault = await keys.hiding((id) => ids.has(id));
    // A place that cannot be read may hold many keys, but this one is the server's nearly always.
    if (fault?.about !== undefined) throw fault;
    return files;
  }
  const meta = new Map<string, FileFacts>();
  // As the server does, it keeps what was given up: a role that is delegated anew has to go on above its last version.
  for (const [role, reference] of snapshot.signed.meta) meta.set(role, factsIn(reference));
  for (const [role, bytes] of files) meta.set(role, facts(bytes));
  const message = format.encodeSnapshot({
    version: snapshot.signed.version + 1,
    expires: now() + lifetimes.targets,
    meta,
  });
  const entries = await Promise.all(
    own.map(async (key) => {
      const { method, bytes } = await key.sign(message);
      return { keyId: key.info.id, method, signature: bytes };
    }),
  );
  return new Map([...files, ["snapshot", format.seal(message, entries)]]);
}

function factsIn({ length, hashes }: FileReference): FileFacts {
  return { length: length ?? 0, sha256: hashes.get("sha256") ?? "", sha512: hashes.get("sha512") };
}

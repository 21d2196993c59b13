/** Words for files whose bytes are not what was stored. The names in them are somebody else's: terminals must not obey them. */
import type { StoreAccess } from "./store-access.ts";

/** Files that are named in a sentence. */
const mostNamed = 5;

/** Part of a sentence; undefined if every file has its digest. Throws what `hash` throws. */
export async function alteredFiles(
  store: Pick<StoreAccess, "hash">,
  file: string,
): Promise<string | undefined> {
  const { count, first } = await store.hash(file, mostNamed);
  if (count === 0) return undefined;
  const names = first.map(({ repository, what, version }) =>
    [repository, what, ...(version === undefined ? [] : [version])].join(" "),
  );
  const more = count > names.length ? ` and ${count - names.length} more` : "";
  const have = count === 1 ? "has its digest" : "have their digests";
  return `${plain(names.join(", "))}${more} no longer ${have}`;
}

function plain(text: string): string {
  return text.replaceAll(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

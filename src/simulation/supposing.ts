/** Files read as if a hypothesis were true: their bytes and signatures are as they are, what they say is changed. */
import type { FormatRules } from "../core/format/format.ts";
import { canonicalKeyId } from "../core/keys.ts";
import type { Metadata, RoleKeys, Signed } from "../core/model.ts";

export type Hypothesis =
  | { readonly what: "nothing" }
  /** By the ID of the bare key, or as it is listed. */
  | { readonly what: "revoked"; readonly key: string }
  | { readonly what: "undelegated"; readonly role: string };

export interface Supposed {
  readonly format: FormatRules;
  /** From the first to the one in force, which alone is changed: those before it are history. */
  readonly roots: readonly Buffer[];
  /** Roles that the server renews by itself. */
  readonly renewed: ReadonlySet<string>;
}

/** The format, reading files as if the hypothesis were true. */
export function supposing(
  { format, roots, renewed }: Supposed,
  hypothesis: Hypothesis,
  mended: ReadonlySet<string>,
): FormatRules {
  const newest = roots.at(-1);
  return {
    ...format,
    parse(role, bytes): Metadata {
      const file = format.parse(role, bytes);
      if (role === "root" && bytes !== newest) return file;
      const expires = renewed.has(role) || mended.has(role) ? Number.MAX_SAFE_INTEGER : file.signed.expires;
      return { ...file, signed: supposed(file.signed, expires, hypothesis, mended) };
    },
  };
}

function supposed(
  signed: Signed,
  expires: number,
  hypothesis: Hypothesis,
  mended: ReadonlySet<string>,
): Signed {
  // Who is mended in thought has signed with keys that it still has: it is judged by those that it had.
  const keys = (role: string, given: RoleKeys) => (mended.has(role) ? given : without(given, hypothesis));
  switch (signed.kind) {
    case "root":
      return {
        ...signed,
        expires,
        roles: new Map([...signed.roles].map(([role, given]) => [role, keys(role, given)])),
      };
    case "targets":
      return {
        kind: signed.kind,
        version: signed.version,
        expires,
        size: signed.size,
        targetNames: () => signed.targetNames(),
        target: (name) => signed.target(name),
        delegations: signed.delegations
          .filter(({ role }) => hypothesis.what !== "undelegated" || role !== hypothesis.role)
          .map((each) => ({ ...each, ...keys(each.role, each) })),
      };
    default:
      return { ...signed, expires };
  }
}

export function without(given: RoleKeys, hypothesis: Hypothesis): RoleKeys {
  if (hypothesis.what !== "revoked") return given;
  const kept = [...given.keys].filter(
    ([id, listed]) => id !== hypothesis.key && canonicalKeyId(listed) !== hypothesis.key,
  );
  return { ...given, keys: new Map(kept) };
}

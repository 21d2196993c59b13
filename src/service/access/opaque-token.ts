/**
 * Tokens that mean nothing by themselves: of machines (`vdm_`), and those by which a session goes on (`vdr_`).
 *
 * 32 random bytes behind a prefix that secret scanners can find. What is stored is the SHA-256 of the whole text: with so
 * much chance in it no slow hash is needed, and looking a digest up tells nothing by its time.
 */
import { createHash, randomBytes } from "node:crypto";

/** The operator's token begins with it. It is in no store. */
export const operatorPrefix = "vdo_";

export type OpaqueKind = "machine" | "refresh";

const prefixes = { machine: "vdm_", refresh: "vdr_" } as const satisfies Record<OpaqueKind, string>;
const form = /^vd[mr]_[A-Za-z0-9_-]{43}$/;

export interface OpaqueToken {
  readonly text: string;
  readonly digest: string;
}

export function makeOpaqueToken(kind: OpaqueKind): OpaqueToken {
  const text = `${prefixes[kind]}${randomBytes(32).toString("base64url")}`;
  return { text, digest: digestOf(text) };
}

/** The digest by which it is looked up; undefined: it cannot be one of this kind. */
export function opaqueDigest(kind: OpaqueKind, text: string): string | undefined {
  return form.test(text) && text.startsWith(prefixes[kind]) ? digestOf(text) : undefined;
}

function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

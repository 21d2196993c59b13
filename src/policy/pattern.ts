/**
 * Patterns of repository names: segments between slashes, where `*` stands for exactly one segment and `**` for one or
 * more. A star never stands for part of a segment.
 *
 * Patterns are written for full names. As in a reference, a first segment that is no host means `docker.io/`, one name
 * alone below that `library/`, and `index.docker.io` is `docker.io`; a star in front stands for any host. Hosts are the
 * same however they are spelt (`host.ts`). What no repository can be called is no pattern: it would stand in a policy and
 * never speak.
 */
import { isRepositoryName } from "../core/names.ts";
import { comparedHost, isHost, signedHost } from "./host.ts";

export interface Pattern {
  readonly text: string;
  readonly segments: readonly string[];
}

const longest = 255;

/** Why a text is no pattern, or the pattern. */
export function parsePattern(text: string): Pattern | string {
  if (text.length === 0 || text.length > longest) return `a pattern has 1 to ${longest} characters`;
  const segments = text.split("/");
  if (segments.some((each) => each === "")) return "a pattern has no empty segments";
  if (segments.some((each) => each.includes("*") && each !== "*" && each !== "**")) {
    return "a star stands for a whole segment (*), or for one or more (**)";
  }
  if (segments.filter((each) => each === "**").length > 1) return "a pattern has ** at most once";
  const pattern = { text, segments: full(segments) };
  if (!isRepositoryName(pattern.segments.map((each) => (each.startsWith("*") ? "star" : each)).join("/"))) {
    return "no repository has such a name (a pattern has no tag and no digest)";
  }
  return pattern;
}

function full(segments: readonly string[]): readonly string[] {
  const [first = "", ...below] = segments;
  if (first.startsWith("*")) return segments;
  const hosted = below.length > 0 && isHost(first);
  const host = hosted ? signedHost(first) : "docker.io";
  const path = hosted ? below : segments;
  const official = comparedHost(host) === "docker.io" && path.length === 1 && path[0] !== "**";
  return [host, ...(official ? ["library"] : []), ...path];
}

/**
 * What the stars of a pattern stand for in a name, in order; undefined if it does not match. A name without a host, as
 * repositories may have that hold no images, is matched as if it were an image's.
 */
export function capture({ segments }: Pattern, name: string): readonly string[] | undefined {
  const parts = full(name.split("/"));
  const deep = segments.indexOf("**");
  if (deep === -1 ? parts.length !== segments.length : parts.length < segments.length) return undefined;
  const width = parts.length - segments.length + 1;
  const captured: string[] = [];
  let at = 0;
  for (const segment of segments) {
    const taken = parts.slice(at, at + (segment === "**" ? width : 1)).join("/");
    if (segment.startsWith("*")) captured.push(taken);
    else if (segment !== taken && !(at === 0 && comparedHost(segment) === comparedHost(taken)))
      return undefined;
    at += segment === "**" ? width : 1;
  }
  return captured;
}

/** One text for all spellings of a name; two names with the same are one. */
export function comparedName(name: string): string {
  return compared(full(name.split("/")));
}

/** One text for all patterns that match the same names and have the same stars in the same order. */
export function comparedPattern({ segments }: Pattern): string {
  return compared(segments);
}

function compared([first = "", ...below]: readonly string[]): string {
  return [first.startsWith("*") ? first : comparedHost(first), ...below].join("/");
}

/** The name as it is signed: that of an image in full, any other as it is; a host in lower case. */
export function signedName(name: string): string {
  const [first = "", ...below] = name.split("/");
  return below.length > 0 && isHost(first) ? [signedHost(first), ...below].join("/") : name;
}

/** The name that a pattern gives when its stars stand for the captured texts. */
export function fill({ segments }: Pattern, captured: readonly string[]): string {
  const rest = [...captured];
  return segments.map((segment) => (segment.startsWith("*") ? (rest.shift() ?? segment) : segment)).join("/");
}

export function starsOf({ segments }: Pattern): readonly string[] {
  return segments.filter((segment) => segment.startsWith("*"));
}

/** Greater: more specific. More named segments, then fewer `**`, then fewer `*`. 0: neither is. */
export function compareSpecificity(a: Pattern, b: Pattern): number {
  const count = ({ segments }: Pattern, text: string) => segments.filter((each) => each === text).length;
  const named = ({ segments }: Pattern) => segments.filter((each) => !each.startsWith("*")).length;
  return named(a) - named(b) || count(b, "**") - count(a, "**") || count(b, "*") - count(a, "*");
}

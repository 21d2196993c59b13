/**
 * What a 401 asks for: `WWW-Authenticate`, one or several challenges (RFC 9110, 11.6.1).
 *
 * Invariants: bounded in length and counts, read in linear time; a header that is not written as it should be, or says
 * something twice, holds no challenge at all.
 */

export interface Challenge {
  /** In small letters: `bearer`, `basic`. */
  readonly scheme: string;
  /** By name in small letters, without quotes. */
  readonly params: ReadonlyMap<string, string>;
}

const longest = 8_192;
const mostChallenges = 8;
const mostParams = 16;

const gap = /[ \t,]*/y;
const word = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const param =
  /[ \t,]+([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s",=]+))[ \t]*(?=,|$)/y;
/** The other form of a challenge: one opaque word. Nothing that we know uses it. */
const opaque = /[ \t]+[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)/y;

/** Several headers of that name are joined by commas. */
export function parseChallenges(header: string): readonly Challenge[] {
  if (header.length > longest) return [];
  const found: Challenge[] = [];
  let at = 0;
  const take: Take = (pattern) => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match !== null) at = pattern.lastIndex;
    return match ?? undefined;
  };
  for (;;) {
    take(gap);
    if (at === header.length) return found;
    const scheme = take(word)?.[0];
    if (scheme === undefined || found.length === mostChallenges) return [];
    const params = takeParams(take);
    if (params === undefined) return [];
    if (params.size === 0) take(opaque);
    if (at < header.length && header[at] !== ",") return [];
    found.push({ scheme: scheme.toLowerCase(), params });
  }
}

type Take = (pattern: RegExp) => RegExpExecArray | undefined;

/** Undefined: something twice, or too much. */
function takeParams(take: Take): ReadonlyMap<string, string> | undefined {
  const params = new Map<string, string>();
  for (let match = take(param); match !== undefined; match = take(param)) {
    const [, name = "", quoted, bare = ""] = match;
    const key = name.toLowerCase();
    if (params.has(key) || params.size === mostParams) return undefined;
    params.set(key, quoted === undefined ? bare : quoted.replaceAll(/\\(.)/g, "$1"));
  }
  return params;
}

/**
 * What readers would say if a key were revoked, a delegation removed, or nobody signed until an instant: the files that were current,
 * given to the very verifier and the very look-up that clients use.
 *
 * Nothing is signed for it. The bytes, and so digests and signatures, are those of the store; only what the files **say** is changed
 * on its way to the verifier, as the hypothesis wants it: keys that a role no longer has, a delegation that is not there.
 *
 * Invariants
 * - Readers judge from the first root on, as a new one would, and see every root up to the one in force.
 * - Roles that the server signs are taken for renewed: with the keys that it holds it does that by itself.
 * - Each role has a verdict of its own (`verdicts`): what breaks above it is mended in thought, so that every role is named that
 *   has to be signed again. The names have that of a reader, who mends nothing.
 */

import { defaultLimits } from "../client/limits.ts";
import { lookUp } from "../client/lookup.ts";
import { viewOf } from "../client/repository-view.ts";
import { codeOf, type Scope } from "../client/scope.ts";
import type { RoleKeys, Targets } from "../core/model.ts";
import { parentRole, roleDepth } from "../core/names.ts";
import { distinctKeys } from "../core/threshold.ts";
import { TrustedSet } from "../core/trusted-set.ts";
import { parsePattern } from "../policy/pattern.ts";
import { plainRule } from "../policy/trust-policy.ts";
import { type Hypothesis, type Supposed, supposing, without } from "./supposing.ts";

export type { Hypothesis };

/** The files that were current. */
export interface Served extends Supposed {
  readonly repository: string;
  readonly timestamp: Buffer;
  readonly snapshot: Buffer;
  /** `targets` and every delegation that has a file, by role. */
  readonly targets: ReadonlyMap<string, Buffer>;
}

export interface Verdict {
  readonly role: string;
  /** `ok`, or the code of the client's refusal. */
  readonly code: string;
  /** How many distinct keys the role needs, and has under the hypothesis; undefined where nobody gives it any. */
  readonly needed: number | undefined;
  readonly keys: number | undefined;
}

/** What a reader is given for a name: who signs it, and as what; or a refusal. */
export interface NameVerdict {
  readonly name: string;
  readonly role: string | undefined;
  readonly digest: string | undefined;
  readonly code: string | undefined;
}

export interface Simulated {
  readonly verdicts: readonly Verdict[];
  readonly names: readonly NameVerdict[];
}

/** Roles and names that one simulation tells of. */
export const mostRoles = 200;
export const mostNames = 2_000;

/** @param at the instant of whoever reads; @param lookup as in a client's policy */
export async function simulate(
  served: Served,
  hypothesis: Hypothesis,
  at: number,
  lookup: readonly string[],
): Promise<Simulated> {
  return {
    verdicts: verdictsOf(served, hypothesis, at),
    names: await namesOf(served, hypothesis, at, lookup),
  };
}

/** Role by role: what is refused is noted, mended in thought, and everything is read again. */
function verdictsOf(served: Served, hypothesis: Hypothesis, at: number): readonly Verdict[] {
  const verdicts = new Map<string, Verdict>();
  const mended = new Set<string>();
  for (let walk = 0; walk <= mostRoles; walk++) {
    const refused = walkOnce(served, hypothesis, at, mended, verdicts);
    if (refused === undefined || mended.has(refused)) break;
    mended.add(refused);
  }
  return [...verdicts.values()];
}

/** The role that is refused and not told of yet, if there is one. */
function walkOnce(
  served: Served,
  hypothesis: Hypothesis,
  at: number,
  mended: ReadonlySet<string>,
  verdicts: Map<string, Verdict>,
): string | undefined {
  const format = supposing(served, hypothesis, mended);
  const set = new TrustedSet({ format, repository: served.repository });
  const tell = (role: string, code: string, keys: RoleKeys | undefined) => {
    if (verdicts.has(role)) return;
    verdicts.set(role, {
      role,
      code,
      needed: keys?.threshold,
      keys: keys && distinctKeys(without(keys, hypothesis)),
    });
  };
  const keysOf = (role: string): RoleKeys | undefined => {
    try {
      return set.keysOf(role);
    } catch {
      return undefined;
    }
  };
  try {
    for (const root of served.roots.slice(0, -1)) set.addRoot(root, at);
    const before = set.copy();
    try {
      set.addRoot(served.roots.at(-1) as Buffer, at);
      set.checkRootExpiry(at);
    } catch (error) {
      const last = format.parse("root", served.roots.at(-1) as Buffer);
      tell(
        "root",
        codeOf(error),
        last.signed.kind === "root" ? last.signed.roles.get("root") : keysIn(before),
      );
      return "root";
    }
    tell("root", "ok", keysOf("root"));
    for (const [role, bytes] of [
      ["timestamp", served.timestamp],
      ["snapshot", served.snapshot],
    ] as const) {
      try {
        if (role === "timestamp") set.addTimestamp(bytes, at);
        else set.addSnapshot(bytes, at);
      } catch (error) {
        tell(role, codeOf(error), keysOf(role));
        return role;
      }
      tell(role, "ok", keysOf(role));
    }
  } catch (error) {
    // The chain of roots itself: nothing below can be judged.
    tell("root", codeOf(error), undefined);
    return undefined;
  }
  for (const role of [...served.targets.keys()].sort(
    (a, b) => roleDepth(a) - roleDepth(b) || (a < b ? -1 : 1),
  )) {
    const parent = parentRole(role);
    if (parent !== undefined && !set.targets.has(parent)) continue;
    try {
      set.addTargets(role, served.targets.get(role) as Buffer, at);
      tell(role, "ok", keysOf(role));
    } catch (error) {
      const code = codeOf(error);
      tell(role, code, keysOf(role));
      // A role that nobody delegates to cannot be mended by its signers, nor one that lost its place in the snapshot.
      if (!mended.has(role) && (code === "THRESHOLD" || code === "EXPIRED")) return role;
    }
  }
  return undefined;
}

function keysIn(set: TrustedSet): RoleKeys | undefined {
  return set.root?.signed.roles.get("root");
}

/** The names that any role signs, as a reader is answered. */
async function namesOf(
  served: Served,
  hypothesis: Hypothesis,
  at: number,
  lookup: readonly string[],
): Promise<readonly NameVerdict[]> {
  const names = new Set<string>();
  for (const [role, bytes] of served.targets) {
    const { signed } = served.format.parse(role, bytes);
    for (const name of (signed as Targets).targetNames()) if (names.size < mostNames) names.add(name);
  }
  const format = supposing(served, hypothesis, new Set());
  const set = new TrustedSet({ format, repository: served.repository });
  const refused = (code: string) =>
    [...names].map((name) => ({ name, role: undefined, digest: undefined, code }));
  try {
    for (const root of served.roots) set.addRoot(root, at);
    set.checkRootExpiry(at);
    set.addTimestamp(served.timestamp, at);
    set.addSnapshot(served.snapshot, at);
  } catch (error) {
    return refused(codeOf(error));
  }
  const bySha256 = new Map(
    [...served.targets].map(([role, bytes]) => [served.format.parse(role, bytes).sha256, bytes]),
  );
  const view = viewOf({
    scope: { ...scopeOf(served.repository, lookup), format, at },
    set,
    offline: false,
    checkedAt: at,
    atHand: async (sha256) => bySha256.get(sha256),
  });
  const found: NameVerdict[] = [];
  for (const name of names) {
    try {
      const hit = await lookUp(view, name);
      found.push({
        name,
        role: hit?.role,
        digest: hit?.target.hashes.get("sha256"),
        code: hit === undefined ? "NOT_SIGNED" : undefined,
      });
    } catch (error) {
      found.push({ name, role: undefined, digest: undefined, code: codeOf(error) });
    }
  }
  return found;
}

/** What a client asks with that demands nothing but good signatures, and whose server has what the store has. */
function scopeOf(repository: string, lookup: readonly string[]): Omit<Scope, "format" | "at"> {
  const everything = parsePattern("**");
  if (typeof everything === "string") throw new TypeError(everything);
  return {
    repository,
    rule: { ...plainRule(everything, "simulation"), lookup },
    asked: { name: repository, flags: [], file: undefined, line: undefined },
    pins: undefined,
    floors: [],
    fetcher: {
      origin: "the store",
      get: async () => undefined,
      call: async () => ({ status: 404, type: undefined, code: undefined, body: Buffer.alloc(0) }),
      close: () => {},
    },
    limits: { ...defaultLimits, delegations: mostRoles },
    expiry: "enforced",
    signal: new AbortController().signal,
    onEvent: () => {},
  };
}

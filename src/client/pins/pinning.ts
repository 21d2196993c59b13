/**
 * Which root a client begins with, and whether the root in force is one that the policy pins. The counting is
 * `policy/rules/pins.ts`; here is what follows from it; what is said about it is in `pin-refusals.ts`.
 *
 * - Without a pin everything is refused, unless the rule says `tofu: true`: then the first root that is met is trusted, and
 *   what follows from it. A cache of the time of a pin that was removed is no pin.
 * - `repin`: the root in force must satisfy the pins. `anchor`: some root of the chain must, and the chain leads on.
 * - A root that the pins do not fit is `PIN_ROTATED` if it follows from one that they fit and no pinned key has signed it, with
 *   the IDs of both and the command that adds the new ones; otherwise `PIN_MISMATCH`, with how many pinned keys have signed.
 */
import { sha256Hex } from "../../core/bytes.ts";
import { VidimusError } from "../../core/errors.ts";
import type { Root } from "../../core/model.ts";
import { isMet } from "../../core/threshold.ts";
import { TrustedSet } from "../../core/trusted-set.ts";
import type { Verified } from "../../core/verify.ts";
import { countPinned, type PinQuestion, satisfiesPins } from "../../policy/rules/pins.ts";
import { belowThreshold } from "../below-threshold.ts";
import { TrustError } from "../errors.ts";
import type { Floor } from "../floor.ts";
import type { Scope } from "../scope.ts";
import { mismatch, noPin, rotated } from "./refusals.ts";
import { idsOf } from "./root-keys.ts";

export type RootSource = (version: number) => Promise<Buffer | undefined>;

/**
 * The chain of roots to begin with, given the newest one that the server names. Nothing in it is believed yet: the
 * caller adds it to a set. Throws `NO_PIN`, `PIN_MISMATCH`, `PIN_ROTATED`, and what the core throws of the newest root.
 */
export async function recognisePins(
  scope: Scope,
  newest: Buffer,
  source: RootSource,
): Promise<readonly Buffer[]> {
  const { repository, rule, pins, onEvent, at } = scope;
  const root = new TrustedSet(scope).addRoot(newest, at);
  if (pins === undefined) {
    if (!rule.tofu) throw noPin(scope, root);
    const locked = await chainFromLock(scope, root, source);
    if (locked !== undefined) return locked;
    onEvent({ type: "first-use", repository, keyIds: idsOf(root) });
    return [newest];
  }
  // Whether it may be used now is asked of the root in force.
  if (satisfiesPins(root, questionOf(scope, "ignored"))) return [newest];
  const chain = await chainFromPinned(scope, root, source);
  if (chain === undefined) throw outside(scope, undefined, root, "ignored");
  if (rule.onRotation === "anchor") return chain.bytes;
  throw outside(scope, chain.pinned, root, "ignored");
}

/**
 * Throws `NO_PIN`, `POLICY_THRESHOLD`, `PIN_ROTATED`, `PIN_MISMATCH` unless the newest root is as the rule demands.
 * @param validity `now` for a root that is to be used; `ignored` for one that is only to be remembered
 */
export function checkPins(
  scope: Scope,
  set: TrustedSet,
  roots: readonly Buffer[],
  validity: PinQuestion["validity"],
): void {
  const { rule, pins, format } = scope;
  const root = set.root as Verified<Root>;
  if (pins === undefined && !rule.tofu) throw noPin(scope, root);
  const plain = countPinned(root, { ...questionOf(scope, validity), pins: undefined });
  if (!isMet(plain)) throw belowThreshold(scope, root, set.keysOf("root"), plain);
  if (pins === undefined || satisfiesPins(root, questionOf(scope, validity))) return;
  // The chain was verified when it came into the set, each by the one before.
  const earlier = roots
    .slice(0, -1)
    .map((bytes) => format.parse("root", bytes) as Verified<Root>)
    .find((each) => satisfiesPins(each, questionOf(scope, "ignored")));
  if (earlier === undefined || rule.onRotation === "repin") throw outside(scope, earlier, root, validity);
}

/** A root that the pins do not fit. Where pinned keys have signed it, only too few of them, nothing was rotated. */
function outside(
  scope: Scope,
  earlier: Verified<Root> | undefined,
  root: Verified<Root>,
  validity: PinQuestion["validity"],
): TrustError {
  const count = countPinned(root, questionOf(scope, validity));
  const isRotated = earlier !== undefined && count.signed.length === 0;
  return isRotated ? rotated(scope, earlier, root) : mismatch(scope, root, count);
}

/**
 * The chain from the root that a lock was made under to the newest; undefined if no lock speaks of the repository. So a
 * committed lock keeps a first contact from being a first use.
 */
async function chainFromLock(
  scope: Scope,
  newest: Verified<Root>,
  source: RootSource,
): Promise<readonly Buffer[] | undefined> {
  const { floors, limits, at } = scope;
  const versionOf = ({ versions }: Floor) => versions.root ?? 0;
  const floor = [...floors].sort((a, b) => versionOf(b) - versionOf(a))[0];
  if (floor === undefined) return undefined;
  const [first, last] = [versionOf(floor), newest.signed.version];
  if (last < first) return [newest.bytes];
  if (last - first >= limits.roots) throw tooManyRoots(scope);
  const set = new TrustedSet(scope);
  const chain: Buffer[] = [];
  for (let version = first; version <= last; version++) {
    const bytes = version === last ? newest.bytes : await source(version);
    const isOther = version === first && (bytes === undefined || sha256Hex(bytes) !== floor.rootSha256);
    if (bytes === undefined || isOther) throw unanchored(scope, version);
    set.addRoot(bytes, at);
    chain.push(bytes);
  }
  return chain;
}

/**
 * Under `tofu` a lock is the anchor, whatever the cache knows and however the chain came about: each root that a lock was
 * made under is in the chain, or the chain's first root follows from it. Throws `REPOSITORY_REPLACED`. A chain that ends
 * below such a root is `floors.ts`'s business.
 */
export async function checkAnchors(
  scope: Scope,
  roots: readonly Buffer[],
  source: RootSource,
): Promise<void> {
  const { floors, rule, pins, format } = scope;
  const [begin] = roots;
  if (floors.length === 0 || begin === undefined || pins !== undefined || !rule.tofu) return;
  const first = format.parse("root", begin) as Verified<Root>;
  // The images of one repository mostly share one.
  const anchors = new Map(floors.map((floor) => [`${floor.versions.root} ${floor.rootSha256}`, floor]));
  for (const floor of anchors.values()) {
    const version = floor.versions.root ?? 0;
    const distance = version - first.signed.version;
    if (distance < 0) await chainFromLock({ ...scope, floors: [floor] }, first, source);
    const held = roots[distance];
    if (held !== undefined && sha256Hex(held) !== floor.rootSha256) throw unanchored(scope, version);
  }
}

function unanchored({ repository }: Scope, version: number): TrustError {
  return new TrustError(
    "REPOSITORY_REPLACED",
    `${repository} has not the root of version ${version} that the lock was made under.`,
    { role: "root" },
  );
}

/** What is asked of a root in force (`now`), or of an earlier one of its chain. */
function questionOf(scope: Scope, validity: PinQuestion["validity"]): PinQuestion {
  const { pins, rule, at } = scope;
  return { pins, rule, scope, at, validity };
}

interface Chain {
  readonly bytes: readonly Buffer[];
  readonly pinned: Verified<Root>;
}

/** The chain from the first root that the pins fit to the newest; undefined if there is none. Bounded by `limits.roots`. */
async function chainFromPinned(
  scope: Scope,
  newest: Verified<Root>,
  source: RootSource,
): Promise<Chain | undefined> {
  const { at, limits } = scope;
  const last = newest.signed.version;
  if (last > limits.roots) {
    throw tooManyRoots(scope);
  }
  const set = new TrustedSet(scope);
  const bytes: Buffer[] = [];
  let pinned: Verified<Root> | undefined;
  for (let version = 1; version <= last; version++) {
    const file = version === last ? newest.bytes : await source(version);
    if (file === undefined) return undefined;
    let root: Verified<Root>;
    try {
      root = set.addRoot(file, at);
    } catch (error) {
      if (!(error instanceof VidimusError)) throw error;
      // Not a chain: whatever the pins say of its beginning, it does not lead to the newest root.
      return undefined;
    }
    if (pinned === undefined && satisfiesPins(root, questionOf(scope, "ignored"))) pinned = root;
    if (pinned !== undefined) bytes.push(file);
  }
  return pinned && { bytes, pinned };
}

function tooManyRoots({ repository, limits }: Scope): TrustError {
  return new TrustError("TOO_MANY_ROOTS", `${repository} has more than ${limits.roots} roots to follow.`);
}

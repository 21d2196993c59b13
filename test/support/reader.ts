/** A client of a simulated repository: what is asked for in which order, without a network. */
import { expect } from "vitest";
import { sha256Hex } from "../../src/core/bytes.ts";
import { UnauthenticError } from "../../src/core/errors.ts";
import { notary } from "../../src/core/format/notary.ts";
import type { Targets } from "../../src/core/model.ts";
import { TrustedSet } from "../../src/core/trusted-set.ts";
import type { Verified } from "../../src/core/verify.ts";
import { outcome } from "./refusals.ts";
import type { Simulator } from "./simulator.ts";

/** What a client asks: the current file of each role, and roots by version. */
export type Source = Pick<Simulator, "served" | "roots" | "now" | "repository">;

/** A client that has met the repository's first root, and nothing else. */
export function newClient(source: Source, root = source.roots.get(1)): TrustedSet {
  const client = new TrustedSet({ format: notary, repository: source.repository });
  if (root !== undefined) client.addRoot(root, source.now);
  return client;
}

/**
 * One update: next roots until there is none, timestamp, snapshot, targets, delegations depth first. Returns the
 * delegations that count as unavailable (below threshold or expired), which clients pass over with their children.
 * Everything else that is refused is thrown; a file that is withheld is a `TypeError`.
 */
export function update(client: TrustedSet, source: Source): string[] {
  const { served, roots, now } = source;
  const get = (role: string): Buffer => {
    const bytes = served.get(role);
    if (bytes === undefined) throw new TypeError(`${role} is withheld`);
    return bytes;
  };
  const first = client.root === undefined ? 0 : client.root.signed.version;
  for (let next = first + 1; roots.has(next); next++) client.addRoot(roots.get(next) as Buffer, now);
  client.checkRootExpiry(now);
  client.addTimestamp(get("timestamp"), now);
  const snapshot = client.addSnapshot(get("snapshot"), now);
  const unavailable: string[] = [];
  const visit = (targets: Verified<Targets>) => {
    for (const { role } of targets.signed.delegations) {
      if (!snapshot.signed.meta.has(role)) continue;
      try {
        visit(client.addTargets(role, get(role), now));
      } catch (error) {
        if (!(error instanceof UnauthenticError && error.role === role && passedOver.has(error.code)))
          throw error;
        unavailable.push(role);
      }
    }
  };
  visit(client.addTargets("targets", get("targets"), now));
  return unavailable;
}

const passedOver: ReadonlySet<string> = new Set(["THRESHOLD", "EXPIRED"]);

/** What a client holds, as text to compare: role, version, digest. */
export function held(client: TrustedSet): string[] {
  return [client.root, client.timestamp, client.snapshot, ...client.targets.values()]
    .filter((file) => file !== undefined)
    .map(({ role, signed, sha256 }) => `${role}@${signed.version} ${sha256}`)
    .sort();
}

/**
 * An update under attack: it must bring nothing but honest targets, and be no hindrance to the next honest one. Returns
 * how it ended.
 */
export function attacked(client: TrustedSet, sim: Simulator): string {
  const verdict = outcome(() => update(client, sim));
  const honest = new Set(
    sim.generations.flatMap((files) => [...files.values()].map((bytes) => sha256Hex(bytes))),
  );
  for (const { role, sha256 } of client.targets.values()) expect(honest.has(sha256), role).toBe(true);
  sim.repair();
  sim.snapshot.version += 10;
  sim.timestamp.version += 10;
  sim.publish();
  expect(update(client, sim)).toEqual([]);
  return verdict;
}

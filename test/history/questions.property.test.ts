/** Answers about the past against brute force: whatever is said of who could sign is tried out with the keys themselves. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { VidimusError } from "../../src/core/errors.ts";
import { notary } from "../../src/core/format/notary.ts";
import { canonicalKeyId, openKey } from "../../src/core/keys.ts";
import { parentRole } from "../../src/core/names.ts";
import { verifySignature } from "../../src/core/schemes.ts";
import { TrustedSet } from "../../src/core/trusted-set.ts";
import { couldSign } from "../../src/history/could-sign.ts";
import { keyUsesIn } from "../../src/history/key-uses.ts";
import { currentAt, type Row, stateAt } from "../../src/history/past.ts";
import { signedVersion } from "../../src/history/signatures.ts";
import { listedSince, signingSince } from "../../src/history/since.ts";
import type { PublisherKey } from "../support/bare/keys.ts";
import { sealWith } from "../support/bare/seal.ts";
import { propertyTimeout, runs } from "../support/properties.ts";
import { someTarget } from "../support/simulator.ts";
import { encodeSnapshot, encodeTimestamp } from "../support/simulator-roles.ts";
import { type History, type Moment, played, type Step, step } from "./histories.ts";

const day = 86_400_000;

/** Whether a reader who starts from the first root takes what these people make of a role. */
function isTaken(
  history: History,
  moment: Moment,
  role: string,
  signers: readonly PublisherKey[],
  at: number,
) {
  const far = at + 300 * day;
  const before = moment.files.get(role);
  const version = before === undefined ? 1 : notary.parse(role, before).signed.version + 1;
  const canonical = notary.encodeTargets({
    version,
    expires: far,
    targets: new Map([["app", someTarget("forged")]]),
    keys: [],
    delegations: [],
  });
  const files = new Map(moment.files).set(role, sealWith(notary, canonical, signers));
  const next = (online: "snapshot" | "timestamp") =>
    notary.parse(online, moment.files.get(online) as Buffer).signed.version + 1;
  files.set("snapshot", sealWith(notary, encodeSnapshot(files, far, next("snapshot")), moment.snapshot));
  files.set("timestamp", sealWith(notary, encodeTimestamp(files, far, next("timestamp")), moment.timestamp));
  const client = new TrustedSet({ format: notary, repository: history.repository });
  try {
    for (const version of [...moment.roots.keys()].sort((a, b) => a - b)) {
      client.addRoot(moment.roots.get(version) as Buffer, at);
    }
    client.checkRootExpiry(at);
    client.addTimestamp(files.get("timestamp") as Buffer, at);
    client.addSnapshot(files.get("snapshot") as Buffer, at);
    const way = [role];
    for (let each = parentRole(role); each !== undefined; each = parentRole(each)) way.unshift(each);
    for (const each of way) client.addTargets(each, files.get(each) ?? Buffer.alloc(0), at);
    return true;
  } catch (error) {
    if (error instanceof VidimusError) return false;
    throw error;
  }
}

/** Prefixes of a role that count, as the publishers meant them; undefined: nobody delegates to it. */
function pathsOf({ roles }: Moment, role: string): readonly string[] | undefined {
  if (role === "targets") return [""];
  const above = pathsOf({ roles } as Moment, parentRole(role) ?? "");
  const state = roles.get(role);
  const parent = roles.get(parentRole(role) ?? "");
  if (above === undefined || state === undefined || parent?.filed !== true) return undefined;
  return state.paths.filter((path) => above.some((prefix) => path.startsWith(prefix)));
}

it("who could sign a path is who can make a file that readers take, no fewer and no others", {
  timeout: propertyTimeout,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 9 }),
      fc.nat(),
      fc.nat(day - 1),
      async (steps, when, later) => {
        const history = await played(steps);
        const moment = history.moments[when % history.moments.length] as Moment;
        const at = moment.at + later;
        const said = couldSign(await stateAt(history.past, at, history.open), "app");
        const meant = [...moment.roles.keys()].filter((role) =>
          (pathsOf(moment, role) ?? []).some((path) => "app".startsWith(path)),
        );
        expect(said.map(({ role }) => role).sort()).toEqual(["root", ...meant].sort());
        for (const { role, inForce, threshold, keys } of said) {
          if (role === "root") continue;
          const state = moment.roles.get(role);
          const ids = (state?.keys ?? []).map(({ listed }) => listed.id).sort();
          expect({ threshold, keys: keys.map(({ id }) => id).sort() }).toEqual({
            threshold: state?.threshold,
            keys: ids,
          });
          const everybody = state?.keys ?? [];
          expect({ role, taken: isTaken(history, moment, role, everybody, at) }).toEqual({
            role,
            taken: inForce,
          });
          const tooFew = everybody.slice(0, threshold - 1);
          expect(isTaken(history, moment, role, tooFew, at)).toBe(false);
        }
      },
    ),
    runs(30),
  );
});

it("who signed what is who held the pen", { timeout: propertyTimeout }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 9 }), async (steps) => {
      const history = await played(steps);
      const { past, moments, open } = history;
      for (const rows of past.rows.values()) {
        for (const row of rows) {
          const said = await signedVersion(past, row, open);
          const moment = moments[row.revision - 1] as Moment;
          const signers = moment.signers.get(row.role) ?? [];
          expect(said.signatures.map(({ keyId }) => keyId).sort()).toEqual(
            signers.map(({ listed }) => listed.id).sort(),
          );
          expect(said.principal).toBe(`person ${row.revision - 1}`);
          for (const { keyId, validSince } of said.signatures) {
            expect({ keyId, validSince }).toEqual({
              keyId,
              validSince: firstValid(history, row.role, row.version, keyId),
            });
          }
        }
      }
    }),
    runs(30),
  );
});

/** Moment by moment: is the version current, is the key among those of its role, is the signature good. */
function firstValid({ moments, past, bytes }: History, role: string, version: number, keyId: string) {
  const row = past.rows.get(role)?.find((each) => each.version === version);
  if (row === undefined) throw new TypeError("no such version");
  const file = notary.parse(role, bytes.get(row.sha256) as Buffer);
  for (const [index, moment] of moments.entries()) {
    if (currentAt(past, role, moment.at)?.version !== version) continue;
    const before = moments[index - 1];
    const root = [...moment.root.keys, ...(before?.root.keys ?? [])];
    const parent = parentRole(role);
    // Whoever delegates has to say so in a file.
    const isGiven = parent === undefined || moment.roles.get(parent)?.filed === true;
    const keys =
      role === "root"
        ? root
        : role === "snapshot" || role === "timestamp"
          ? moment[role]
          : isGiven
            ? (moment.roles.get(role)?.keys ?? [])
            : [];
    const key = keys.find(({ listed }) => listed.id === keyId);
    const entry = file.signatures.find((each) => each.keyId === keyId);
    const usable = key && openKey(key.listed);
    if (usable === undefined || entry === undefined) continue;
    if (verifySignature(usable.kind, usable.key, entry.method, file.message, entry.signature))
      return moment.at;
  }
  return undefined;
}

it("what a role said at an instant is what was current then", { timeout: propertyTimeout }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 9 }), fc.nat(), async (steps, when) => {
      const history = await played(steps);
      const moment = history.moments[when % history.moments.length] as Moment;
      const { root, targets } = await stateAt(history.past, moment.at, history.open);
      expect(root?.file?.bytes).toEqual(moment.files.get("root"));
      for (const [role, bytes] of moment.files) {
        if (!role.startsWith("targets")) continue;
        expect(targets.get(role)?.file?.signed.version).toBe(notary.parse(role, bytes).signed.version);
      }
    }),
    runs(30),
  );
});

/** Every instant at which anything begins or ends, backwards from one: the last that still counts is the beginning. */
async function sinceByForce(
  moments: readonly Moment[],
  at: number,
  counts: (moment: Moment, at: number) => boolean,
) {
  let since: number | undefined;
  for (const [index, moment] of [...moments.entries()].toReversed()) {
    if (moment.at > at) continue;
    const end = Math.min(at, (moments[index + 1]?.at ?? Number.POSITIVE_INFINITY) - 1);
    if (!counts(moment, end)) return since;
    since = moment.at;
  }
  return since;
}

/** A parent that had expired for a day, and a key that was not listed for one. */
const interruptions: [Step[], number, number][] = [
  { kind: "short life", role: 0, days: 1 } as const,
  { kind: "drop key", role: 1 } as const,
].map((interruption) => {
  const below = { path: "", filed: true, shared: false } as const;
  const steps: Step[] = [
    { kind: "delegate", under: 0, keys: 2, threshold: 1, ...below },
    interruption,
    { kind: "root key" },
    { kind: "renew", role: 0 },
    { kind: "key again", role: 1 },
    { kind: "target", role: 0, name: "app" },
  ];
  return [steps, 6, 0];
});
const instants = [fc.array(step, { maxLength: 12 }), fc.nat(), fc.nat(day - 1)] as const;

it("a key could sign a path since the first day from which on readers never stopped to take what it makes", {
  timeout: propertyTimeout,
}, async () => {
  let interrupted = 0;
  await fc.assert(
    fc.asyncProperty(...instants, async (steps, when, later) => {
      const history = await played(steps);
      const { past, open, moments } = history;
      const at = (moments[when % moments.length] as Moment).at + later;
      for (const { role, keys } of couldSign(await stateAt(past, at, open), "app")) {
        const said = await signingSince(past, role, "app", at, open);
        const everybody = (moment: Moment) =>
          (role === "root" ? moment.root : moment.roles.get(role))?.keys ?? [];
        for (const listed of keys) {
          const { id } = listed;
          const counts = (moment: Moment, instant: number) => {
            const all = everybody(moment);
            if (!all.some(({ listed }) => listed.id === id)) return false;
            if (role === "root") return true;
            const covers = (pathsOf(moment, role) ?? []).some((path) => "app".startsWith(path));
            return covers && isTaken(history, moment, role, all, instant);
          };
          const since = await sinceByForce(moments, at, counts);
          const key = canonicalKeyId(listed);
          expect({ role, since: said.get(key) }).toEqual({
            role,
            since: since === undefined ? undefined : { at: since, orEarlier: false },
          });
          const first = moments.find((moment) => counts(moment, moment.at));
          if (since !== undefined && first !== undefined && first.at < since) interrupted += 1;
        }
      }
    }),
    { ...runs(30), examples: interruptions },
  );
  // Histories without an interruption would show nothing.
  expect(interrupted).toBeGreaterThan(0);
});

/** The keys of a role as the file of whoever gives them says, if each on the way is delegated to, and it has not expired. */
function listedBy({ files }: Moment, role: string, at: number): readonly string[] {
  const giver = parentRole(role) ?? "root";
  const bytes = files.get(giver);
  const above = parentRole(giver);
  if (bytes === undefined || (above !== undefined && !isDelegated({ files } as Moment, giver))) return [];
  const { signed } = notary.parse(giver, bytes);
  if (at >= signed.expires) return [];
  const keys =
    signed.kind === "root"
      ? signed.roles.get(role as "root")
      : signed.kind === "targets"
        ? signed.delegations.find((each) => each.role === role)
        : undefined;
  return [...(keys?.keys.keys() ?? [])];
}

function isDelegated(moment: Moment, role: string): boolean {
  const above = parentRole(role);
  if (above === undefined) return true;
  const bytes = moment.files.get(above);
  if (bytes === undefined || !isDelegated(moment, above)) return false;
  const { signed } = notary.parse(above, bytes);
  return signed.kind === "targets" && signed.delegations.some((each) => each.role === role);
}

it("a key has been listed since the first day from which on no file left it out or had expired", {
  timeout: propertyTimeout,
}, async () => {
  await fc.assert(
    fc.asyncProperty(...instants, async (steps, when, later) => {
      const history = await played(steps);
      const { past, open, moments } = history;
      const at = (moments[when % moments.length] as Moment).at + later;
      for (const use of keyUsesIn(await stateAt(past, at, open))) {
        const said = await listedSince(past, use.role, new Set([use.key]), at, open);
        const since = await sinceByForce(moments, at, (moment, instant) =>
          listedBy(moment, use.role, instant).includes(use.listedAs),
        );
        expect({ role: use.role, since: said.get(use.key) }).toEqual({
          role: use.role,
          since: since === undefined ? undefined : { at: since, orEarlier: false },
        });
        expect(said.has(use.key)).toBe(use.inForce);
      }
    }),
    { ...runs(30), examples: interruptions },
  );
});

it("what was taken away, and what is further back than is looked, may have begun before", async () => {
  const history = await played(
    Array.from({ length: 3 }, () => ({ kind: "target", role: 0, name: "app" }) as const),
  );
  const { past, open, moments } = history;
  const last = moments.at(-1) as Moment;
  const role = "targets";
  const rows = new Map(past.rows);
  const roots = Array.from({ length: 300 }, (_, index) => ({
    ...(past.rows.get("root")?.[0] as Row),
    version: index + 1,
    storedAt: last.at - (300 - index),
  }));
  rows.set("root", roots);
  const long = await signingSince({ ...past, rows }, role, "app", last.at, open);
  expect([...long.values()]).toEqual([{ at: last.at - 200, orEarlier: true }]);
  const gone = (past.rows.get("root") ?? []).map((row) => ({ ...row, removedAt: last.at }));
  rows.set("root", [
    ...gone,
    { ...(gone[0] as Row), version: 2, storedAt: last.at - 5, removedAt: undefined as never },
  ]);
  const cut = await signingSince({ ...past, rows }, role, "app", last.at, open);
  expect([...cut.values()]).toEqual([{ at: last.at - 5, orEarlier: true }]);
});

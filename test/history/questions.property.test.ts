/** Answers about the past against brute force: whatever is said of who could sign is tried out with the keys themselves. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { VidimusError } from "../../src/core/errors.ts";
import { notary } from "../../src/core/format/notary.ts";
import { openKey } from "../../src/core/keys.ts";
import { parentRole } from "../../src/core/names.ts";
import { verifySignature } from "../../src/core/schemes.ts";
import { TrustedSet } from "../../src/core/trusted-set.ts";
import { couldSign } from "../../src/history/could-sign.ts";
import { currentAt, stateAt } from "../../src/history/past.ts";
import { signedVersion } from "../../src/history/signatures.ts";
import type { PublisherKey } from "../support/bare/keys.ts";
import { sealWith } from "../support/bare/seal.ts";
import { propertyTimeout, runs } from "../support/properties.ts";
import { someTarget } from "../support/simulator.ts";
import { encodeSnapshot, encodeTimestamp } from "../support/simulator-roles.ts";
import { type History, type Moment, played, step } from "./histories.ts";

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

/** What one file says of time. */
import { generateKeyPairSync } from "node:crypto";
import { expect, test } from "vitest";
import { notary } from "../../../src/core/format/notary.ts";
import { facts } from "../../../src/publisher/files.ts";
import { timesOf } from "../../../src/service/expiry/facts.ts";
import { bundle, certificate } from "../../support/certificates.ts";
import { listed, newKey, Owner, year } from "../../support/publisher.ts";

const at = Date.UTC(2030, 0, 1);
const repository = "example.org/times";
const owner = () => Owner.make(repository, { at, timestamp: newKey().listed, snapshot: newKey().listed });
const parsed = async (role: string, edit: (owner: Owner) => void | Promise<void> = () => {}) => {
  const made = await owner();
  await edit(made);
  return timesOf(notary.parse(role, made.first().get(role) as Buffer));
};

test("a root has its end, and those of the certificates in it", async () => {
  const times = await parsed("root");
  expect(times.expires).toBe(at + 10 * year);
  expect(times.certificates).toMatchObject([{ subject: `CN=${repository}` }]);
  expect(times.certificates[0]?.expires).toBeGreaterThan(at);
  expect([times.dated, times.undated]).toEqual([0, 0]);
});

test("of a delegation's certificate the earliest end counts, intermediates included; a bare key has none", async () => {
  const [one, two] = [0, 1].map(() => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
  if (one === undefined || two === undefined) throw new TypeError("no keys");
  const issuer = { key: two, cn: "Team CA" };
  const leaf = await certificate({ key: one, cn: ["alice"], issuer, from: at, to: at + 3 * year });
  const ca = await certificate({ key: two, cn: ["Team CA"], ca: true, from: at, to: at + 2 * year });
  const key = listed("ecdsa-x509", bundle(leaf, ca));
  const times = await parsed("targets", (made) => {
    made.delegate("targets/releases");
    made.targets.delegations[0]?.keys.push(key);
  });
  expect(times.certificates).toEqual([{ keyId: key.id, subject: "CN=alice", expires: at + 2 * year }]);
});

test("dates of signing are counted apart from targets that have none that can be read", async () => {
  const target = (text: string, signedAt?: unknown) => ({
    ...facts(Buffer.from(text)),
    ...(signedAt !== undefined && { custom: { vidimus: { signedAt: signedAt as string } } }),
  });
  const times = await parsed("targets", (made) => {
    made.targets.targets = new Map([
      ["a", target("a", "2029-06-01T00:00:00Z")],
      ["b", target("b", "2029-03-01T00:00:00Z")],
      ["c", target("c")],
      ["d", target("d", "yesterday")],
      ["e", target("e", 7)],
    ]);
  });
  expect([times.dated, times.undated, times.oldestSigned]).toEqual([2, 3, Date.UTC(2029, 2, 1)]);
});

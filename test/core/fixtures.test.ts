/** Real collections through the client's rules, top down. */
import { describe, expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import { TrustedSet } from "../../src/core/trusted-set.ts";
import { rootRole, verifyRole } from "../../src/core/verify.ts";
import {
  clientWithRoots,
  collection,
  currentFile,
  fullClient,
  manifest,
  readFixture,
  verifyAt,
} from "../support/fixtures.ts";
import { outcome } from "../support/refusals.ts";

describe.each(manifest.collections)("collection $dir", ({ dir, targets: expected, files }) => {
  it("verifies in client order", () => {
    const client = fullClient(dir);
    const current = files.filter(({ file }) => file.startsWith(`${dir}/metadata/`));
    const held = [client.root, client.timestamp, client.snapshot, ...client.targets.values()];
    expect(held.map((file) => `${file?.role}@${file?.signed.version} ${file?.sha256}`).sort()).toEqual(
      current.map(({ role, version, sha256 }) => `${role}@${version} ${sha256}`).sort(),
    );
  });

  it("lists the targets that the manifest names", () => {
    const client = fullClient(dir);
    const listed = [...client.targets].flatMap(([role, { signed }]) =>
      [...signed.targetNames()].map((name) => {
        const target = signed.target(name);
        return `${role} ${name} ${target?.length} ${target?.hashes.get("sha256")}`;
      }),
    );
    const wanted = Object.entries(expected).flatMap(([role, names]) =>
      Object.entries(names).map(([name, { length, sha256 }]) => `${role} ${name} ${length} ${sha256}`),
    );
    expect(listed.sort()).toEqual(wanted.sort());
  });

  it("has expired long after", () => {
    const client = clientWithRoots(dir);
    const later = verifyAt + 30 * 86_400_000;
    expect(outcome(() => client.addTimestamp(currentFile(dir, "timestamp"), later))).toBe("EXPIRED");
  });
});

it("takes the timestamp of plain that lives until 2046 twenty years later", () => {
  const client = clientWithRoots("plain");
  const timestamp = client.addTimestamp(
    readFixture("plain/extra/timestamp-far.json"),
    Date.parse("2045-01-01T00:00:00Z"),
  );
  expect(new Date(timestamp.signed.expires).getUTCFullYear()).toBe(2046);
});

describe("invalid files, given to a client of plain", () => {
  const table = {
    "timestamp-expired.json": "EXPIRED",
    "timestamp-rollback.json": "ROLLBACK",
    "timestamp-lowercase-type.json": "BAD_TYPE",
    "targets-tampered.json": "THRESHOLD",
    "targets-der-signature.json": "THRESHOLD",
    "targets-method-missing.json": "THRESHOLD",
    "targets-unsigned-extra-field.json": "UNSIGNED_MEMBER",
    // The signature is good; what is hashed, stored and served are these bytes. See publication.test.ts.
    "targets-indented.json": "accepted",
    "targets-custom-not-canonical.json": "THRESHOLD",
    "targets-custom-float.json": "BAD_NUMBER",
    "root-rotation-new-key-only.json": "ROOT_NOT_SIGNED_BY_PREVIOUS",
    "root-wrong-cn.json": "ROOT_CERTIFICATE",
    "root-expired-certificate.json": "ROOT_CERTIFICATE",
    "root-threshold2-same-key-twice.json": "BAD_THRESHOLD",
    "root-rsa1024.json": "BAD_KEY",
    "root-threshold-zero.json": "BAD_THRESHOLD",
  } as const;

  it("has an expectation for every file", () => {
    expect(Object.keys(table).sort()).toEqual(
      manifest.invalid.map(({ file }) => file.replace("invalid/", "")).sort(),
    );
  });

  it.each(Object.entries(table))("%s: %s", (name, code) => {
    const bytes = readFixture(`invalid/${name}`);
    const client = fullClient("plain");
    const before = heldBy(client);
    const role = name.split("-")[0];
    const verdict = outcome(() => {
      if (role === "timestamp") client.addTimestamp(bytes, verifyAt);
      if (role === "root") {
        const { version } = notary.parse("root", bytes).signed;
        const reader = version === 1 ? fresh() : client;
        reader.addRoot(bytes, verifyAt);
        reader.checkRootExpiry(verifyAt);
      }
      if (role === "targets") {
        // By its signatures; its digest is another than the snapshot's in any case, see below.
        const file = notary.parse("targets", bytes);
        const root = client.root ?? expect.unreachable();
        verifyRole(file, rootRole(root.signed, "targets"), { at: verifyAt, expiry: "enforced" });
      }
    });
    expect(verdict).toBe(code);
    expect(heldBy(client)).toEqual(before);
  });

  it.each(Object.keys(table).filter((name) => name.startsWith("targets")))(
    "%s is not the file that the snapshot names",
    (name) => {
      const client = fullClient("plain");
      const before = heldBy(client);
      expect(outcome(() => client.addTargets("targets", readFixture(`invalid/${name}`), verifyAt))).not.toBe(
        "accepted",
      );
      expect(heldBy(client)).toEqual(before);
    },
  );
});

/** A client that meets plain for the first time. */
function fresh(): TrustedSet {
  return new TrustedSet({ format: notary, repository: collection("plain").gun });
}

function heldBy(client: TrustedSet): unknown {
  return [client.root, client.timestamp, client.snapshot, ...client.targets.values()].map(
    (file) => file?.sha256,
  );
}

it("refuses every file of another collection", () => {
  const client = clientWithRoots("plain");
  const foreign = currentFile("rsa-root", "timestamp");
  expect(collection("rsa-root").gun).not.toBe(collection("plain").gun);
  expect(outcome(() => client.addTimestamp(foreign, verifyAt))).toBe("THRESHOLD");
});

/** The attacks the TUF specification names, as far as a server meets them (docs/threats.md 1). */
import { afterEach, beforeEach, expect, test } from "vitest";
import { facts } from "../../src/publisher/files.ts";
import { withSignatures } from "../support/forgery.ts";
import { day, type Files, newKey, newRootKey, type Owner, signedOf, signJson } from "../support/publisher.ts";
import { start, startServer, type TestServer } from "../support/server.ts";

const repository = "example.org/specification";
let server: TestServer;
let owner: Owner;

beforeEach(async () => {
  server = await startServer();
  owner = await server.owner(repository, "client");
  owner.delegate("targets/releases");
  await server.publish(repository, owner.first());
});
afterEach(async () => await server.close());

async function refused(files: Files): Promise<string | undefined> {
  const { status, code } = await server.publish(repository, files);
  expect(status).toBe(400);
  return code;
}

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString("utf8");

test("S1: targets signed by an unknown key are refused", async () => {
  owner.targets.signers = [newKey()];
  expect(await refused(owner.next("targets", "snapshot"))).toBe("THRESHOLD");
});

test("S1: targets without signatures are refused", async () => {
  owner.targets.signers = [];
  expect(await refused(owner.next("targets", "snapshot"))).toBe("THRESHOLD");
});

test("S1: targets signed by another role's key are refused", async () => {
  owner.targets.signers = owner.role("targets/releases").signers;
  expect(await refused(owner.next("targets", "snapshot"))).toBe("THRESHOLD");
});

test("S1: one bit of a signature flipped is refused, whichever it is", async () => {
  const good = owner.next("targets").get("targets") as Buffer;
  for (let bit = 0; bit < 64 * 8; bit += 37) {
    const bad = withSignatures(good, ([entry]) => {
      const bytes = Buffer.from(entry?.sig ?? "", "base64");
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return [{ ...entry, sig: bytes.toString("base64") }];
    });
    const files = withSnapshot({ targets: bad });
    expect(await refused(files)).toBe("THRESHOLD");
  }
});

test("S1: one bit of the signed part flipped is refused", async () => {
  owner.addTarget("kernel");
  const good = owner.next("targets").get("targets") as Buffer;
  const bad = Buffer.from(text(good).replace("kernel", "kermel"));
  expect(await refused(withSnapshot({ targets: bad }))).toBe("THRESHOLD");
});

test.each(["targets", "targets/releases", "snapshot"])(
  "S2: a version of %s that is not above the stored one is refused",
  async (role) => {
    const draft = role === "snapshot" ? owner.snapshot : owner.role(role);
    draft.version = 5;
    owner.snapshot.version = 5;
    expect((await server.publish(repository, owner.files(...new Set([role, "snapshot"])))).status).toBe(200);
    if (role !== "snapshot") owner.snapshot.version = 6;
    for (const version of [5, 4, 1]) {
      draft.version = version;
      expect(await refused(owner.files(...new Set([role, "snapshot"])))).toBe("ROLLBACK");
    }
  },
);

test("S2, S8, D8: a snapshot that names an older targets file is refused", async () => {
  const older = owner.files("targets").get("targets") as Buffer;
  await server.publish(repository, owner.next("targets", "snapshot"));
  owner.snapshot.meta.set("targets", facts(older));
  owner.snapshot.version++;
  expect(await refused(new Map([["snapshot", owner.snapshotFile()]]))).toBe("HASH_MISMATCH");
});

test("S2: a root below the stored one is refused", async () => {
  await server.publish(repository, owner.next("root", "snapshot"));
  owner.root.version = 1;
  owner.snapshot.version++;
  expect(await refused(owner.files("root", "snapshot"))).toBe("ROOT_VERSION");
});

test.each([
  ["2147483647", "VERSION_STEP"],
  ["2147483648", "BAD_VERSION"],
  ["9007199254740991", "BAD_VERSION"],
  ["9007199254740993", "BAD_NUMBER"],
  ["9223372036854775808", "BAD_NUMBER"],
])("S3, V17: version %s is refused as %s", async (version, code) => {
  owner.targets.version = 987_654;
  const bytes = text(owner.targetsFile()).replace("987654", version);
  const files = version.length > 15 ? raw({ targets: bytes }) : raw({ targets: resigned(bytes) });
  expect(await refused(withSnapshot(files))).toBe(code);
});

test("S3, V17: a step of 1,000 versions is accepted, of 1,001 refused", async () => {
  owner.targets.version += 1_001;
  owner.snapshot.version++;
  expect(await refused(owner.files("targets", "snapshot"))).toBe("VERSION_STEP");
  owner.targets.version--;
  expect((await server.publish(repository, owner.files("targets", "snapshot"))).status).toBe(200);
});

test("S3: a snapshot and a first version may not jump either", async () => {
  owner.snapshot.version = 5_000;
  expect(await refused(owner.files("snapshot"))).toBe("VERSION_STEP");
  const other = await server.owner("example.org/other");
  other.targets.version = 1_001;
  expect((await server.publish("example.org/other", other.first())).code).toBe("VERSION_STEP");
});

test.each(["root", "targets", "targets/releases", "snapshot"])(
  "S4: an expired %s is refused",
  async (role) => {
    const draft = role === "root" ? owner.root : role === "snapshot" ? owner.snapshot : owner.role(role);
    draft.expires = start - 1;
    expect(await refused(owner.next(...new Set([role, "snapshot"])))).toBe("EXPIRED");
  },
);

test("S4: an expiry at this very instant is refused", async () => {
  owner.targets.expires = start;
  expect(await refused(owner.next("targets", "snapshot"))).toBe("EXPIRED");
});

test("S4: no timestamp is served expired while the signer works", async () => {
  for (let i = 0; i < 6; i++) {
    server.clock.advance(13 * day);
    const { body } = await server.file(repository, "timestamp.json");
    expect(Date.parse(String(signedOf(body).expires))).toBeGreaterThan(server.clock.now());
  }
});

test("S7: custom data comes back byte for byte and means nothing here", async () => {
  const custom = { dependencies: ["everything"], role: "root", "\u00e9": [null, true, { deep: "\u2028" }] };
  owner.targets.targets.set("tool", { ...facts(Buffer.from("tool")), custom });
  const files = owner.next("targets", "snapshot");
  expect((await server.publish(repository, files)).status).toBe(200);
  const { body } = await server.file(repository, "targets.json");
  expect(body).toEqual(files.get("targets"));
});

test("S9: a file is served under its own role and repository only", async () => {
  const other = await server.owner("example.org/other");
  await server.publish("example.org/other", other.first());
  const { digests } = await server.chainCheck(repository);
  const targets = digests.get("targets");
  for (const address of [
    `${repository}/_trust/tuf/root.${targets}.json`,
    `${repository}/_trust/tuf/targets/releases.${targets}.json`,
    `example.org/other/_trust/tuf/targets.${targets}.json`,
  ]) {
    expect((await server.get(`/v2/${address}`)).status).toBe(404);
  }
});

test("S9: a file is refused under another role's name", async () => {
  const files = owner.next("targets/releases", "snapshot");
  const delegated = files.get("targets/releases") as Buffer;
  expect(await refused(withSnapshot({ targets: delegated }))).toBe("THRESHOLD");
});

test("S11: with two of three root keys needed, one is refused and two are accepted", async () => {
  const name = "example.org/threshold";
  const careful = await server.owner(name);
  const keys = [careful.rootKey, await newRootKey(name, start), await newRootKey(name, start)];
  careful.root.keys.root = keys.map(({ listed }) => listed);
  careful.root.thresholds.root = 2;
  careful.root.signers = keys.slice(0, 1);
  expect((await server.publish(name, careful.first())).code).toBe("ROOT_NOT_SELF_SIGNED");
  careful.root.signers = keys.slice(0, 2);
  expect((await server.publish(name, careful.first())).status).toBe(200);
  careful.root.signers = keys.slice(2);
  expect((await server.publish(name, careful.next("root"))).code).toBe("ROOT_NOT_SIGNED_BY_PREVIOUS");
});

test("S11: a stolen snapshot key cannot change targets", async () => {
  owner.targets.signers = owner.snapshot.signers;
  expect(await refused(owner.next("targets", "snapshot"))).toBe("THRESHOLD");
});

test("S12: after every kind of refusal the next honest publish succeeds", async () => {
  owner.targets.signers = [newKey()];
  await refused(owner.next("targets", "snapshot"));
  owner.targets.signers = [owner.targetsKey];
  expect((await server.publish(repository, owner.next("targets", "snapshot"))).status).toBe(200);
});

function resigned(file: string): string {
  return text(signJson(signedOf(Buffer.from(file)), [owner.targetsKey]));
}

function raw(files: Record<string, string>): Record<string, Buffer> {
  return Object.fromEntries(Object.entries(files).map(([role, file]) => [role, Buffer.from(file)]));
}

/** The given bytes with a snapshot that lists them. */
function withSnapshot(files: Record<string, Buffer>): Files {
  for (const [role, bytes] of Object.entries(files)) owner.snapshot.meta.set(role, facts(bytes));
  owner.snapshot.version++;
  return new Map([...Object.entries(files), ["snapshot", owner.snapshotFile()]]);
}

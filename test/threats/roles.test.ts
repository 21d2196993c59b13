/**
 * Root, rotation, delegations, snapshots (docs/threats.md 7, and threat V9).
 * Long, since each row is a few lines and all share one repository.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import type { Json } from "../../src/core/json.ts";
import { TrustedSet } from "../../src/core/trusted-set.ts";
import { facts } from "../../src/publisher/files.ts";
import {
  type DelegationDraft,
  type Files,
  newKey,
  newRootKey,
  type Owner,
  signedOf,
  signJson,
} from "../support/publisher.ts";
import { start, startServer, type TestServer } from "../support/server.ts";

const repository = "example.org/roles";
let server: TestServer;
let owner: Owner;

beforeEach(async () => {
  server = await startServer();
  owner = await server.owner(repository);
});
afterEach(async () => await server.close());

const publish = (files: Files) => server.publish(repository, files);
const code = async (files: Files) => (await publish(files)).code;
const accept = async (files: Files) => expect((await publish(files)).status).toBe(200);

/** Takes the root into the hands of other keys. */
async function otherRootKey(): Promise<void> {
  const key = await newRootKey(repository, start);
  owner.root.keys.root = [key.listed];
  owner.root.signers = [key];
}

describe("the root", () => {
  beforeEach(async () => {
    await accept(owner.first());
  });

  test.each([3, 1, 0, 12])("V9: after version 1, version %i is refused", async (version) => {
    owner.root.version = version;
    expect(["ROOT_VERSION", "ROLLBACK", "BAD_VERSION"]).toContain(await code(owner.files("root")));
  });

  test("R1: signed by new keys alone is refused", async () => {
    await otherRootKey();
    expect(await code(owner.next("root"))).toBe("ROOT_NOT_SIGNED_BY_PREVIOUS");
  });

  test("R1: signed by old keys alone is refused", async () => {
    await otherRootKey();
    owner.root.signers = [owner.rootKey];
    expect(await code(owner.next("root"))).toBe("ROOT_NOT_SELF_SIGNED");
  });

  test("R1: signed by both is accepted", async () => {
    await otherRootKey();
    owner.root.signers.push(owner.rootKey);
    await accept(owner.next("root"));
  });

  test("R1: signed below its own new threshold is refused", async () => {
    const second = await newRootKey(repository, start);
    owner.root.keys.root.push(second.listed);
    owner.root.thresholds.root = 2;
    expect(await code(owner.next("root"))).toBe("ROOT_NOT_SELF_SIGNED");
    owner.root.signers.push(second);
    await accept(owner.files("root"));
  });

  test("R2: without the server's timestamp key it is refused", async () => {
    owner.root.keys.timestamp = [newKey().listed];
    expect(await code(owner.next("root"))).toBe("ONLINE_KEY_UNKNOWN");
  });

  test("R2: with another repository's timestamp key it is refused", async () => {
    owner.root.keys.timestamp = [await server.key("example.org/other", "timestamp")];
    expect(await code(owner.next("root"))).toBe("ONLINE_KEY_UNKNOWN");
  });

  test("R3: a new targets key without targets signed by it is refused", async () => {
    owner.root.keys.targets = [newKey().listed];
    expect(await code(owner.next("root"))).toBe("TARGETS_LOCKED_OUT");
  });

  test("R3: a higher threshold that the stored targets do not meet is refused", async () => {
    owner.root.keys.targets.push(newKey().listed);
    owner.root.thresholds.targets = 2;
    expect(await code(owner.next("root"))).toBe("TARGETS_LOCKED_OUT");
  });

  test("R3: a new targets key with targets signed by it is accepted", async () => {
    const key = newKey();
    owner.root.keys.targets = [key.listed];
    owner.targets.signers = [key];
    await accept(owner.next("root", "targets"));
  });

  test("R3: a further targets key that is not needed is accepted alone", async () => {
    owner.root.keys.targets.push(newKey().listed);
    await accept(owner.next("root"));
  });

  test("R6: after 50 rotations every root is served, and a reader walks from the first to the last", async () => {
    const sent = [owner.rootFile()];
    for (let i = 2; i <= 50; i++) {
      if (i % 10 === 0) {
        const previous = owner.root.signers.slice(0, 1);
        await otherRootKey();
        owner.root.signers.push(...previous);
      } else {
        owner.root.signers = owner.root.signers.slice(0, 1);
      }
      const files = owner.next("root");
      sent.push(files.get("root") as Buffer);
      await accept(files);
    }
    const reader = new TrustedSet({ format: notary, repository });
    for (const [i, bytes] of sent.entries()) {
      const { body } = await server.file(repository, `${i + 1}.root.json`);
      // The first was signed anew for this list; ECDSA signatures differ each time.
      if (i > 0) expect(body.equals(bytes), String(i + 1)).toBe(true);
      reader.addRoot(body, start);
    }
    expect(reader.root?.signed.version).toBe(50);
  });
});

describe("delegations", () => {
  test("D1: a delegated file before its delegation is refused", async () => {
    await accept(owner.first());
    owner.delegate("targets/releases");
    expect(await code(owner.files("targets/releases"))).toBe("UNDECLARED_ROLE");
  });

  test("D1: a role that is not a direct child is refused", async () => {
    const signed = signedOf(owner.targetsFile());
    const delegate = async (name: string) => {
      signed.delegations = { keys: {}, roles: [{ name, keyids: [], threshold: 1, paths: [""] }] };
      return await code(new Map(owner.first()).set("targets", signJson(signed, [owner.targetsKey])));
    };
    for (const name of [
      "targets/a/b",
      "targets",
      "root",
      "snapshot",
      "other",
      "targets/",
      "targets/A",
      "targets/../x",
    ]) {
      expect(await delegate(name), name).toBe("BAD_DELEGATION");
    }
  });

  test("D1, V13: a role that delegates to itself or upwards is refused", async () => {
    owner.delegate("targets/a");
    const signed = signedOf(owner.targetsFile("targets/a"));
    for (const name of ["targets/a", "targets", "targets/b"]) {
      signed.delegations = { keys: {}, roles: [{ name, keyids: [], threshold: 1, paths: [""] }] };
      const file = signJson(signed, owner.role("targets/a").signers);
      expect(await code(new Map(owner.first()).set("targets/a", file)), name).toBe("BAD_DELEGATION");
    }
  });

  test("D1: signed by a key revoked in the same upload is refused", async () => {
    owner.delegate("targets/releases");
    await accept(owner.first());
    (owner.targets.delegations[0] as DelegationDraft).keys = [newKey().listed];
    expect(await code(owner.next("targets", "targets/releases"))).toBe("THRESHOLD");
  });

  test("D1: a child in the same upload as its new parent is accepted", async () => {
    await accept(owner.first());
    owner.delegate("targets/a");
    owner.delegate("targets/a/b");
    owner.targets.version++;
    await accept(owner.files("targets", "targets/a", "targets/a/b"));
  });

  test("D1: a grandchild whose parent was never published is refused", async () => {
    owner.delegate("targets/a");
    owner.delegate("targets/a/b");
    await accept(owner.files("root", "targets"));
    expect(await code(owner.files("targets/a/b"))).toBe("TARGETS_MISSING");
  });

  test("a delegation's keys exchanged in targets alone: accepted, and the delegation is unavailable until signed anew", async () => {
    const releases = owner.delegate("targets/releases");
    await accept(owner.first());
    const key = newKey();
    (owner.targets.delegations[0] as DelegationDraft).keys = [key.listed];
    const { status } = await server.publish(repository, owner.next("targets"), {
      unavailable: ["targets/releases"],
    });
    expect(status).toBe(200);
    releases.signers = [key];
    await accept(owner.next("targets/releases"));
  });

  test("a child of an unavailable delegation is refused", async () => {
    owner.delegate("targets/a");
    const child = owner.delegate("targets/a/b");
    await accept(owner.first());
    (owner.targets.delegations[0] as DelegationDraft).keys = [newKey().listed];
    await server.publish(repository, owner.next("targets"), { unavailable: ["targets/a"] });
    child.version++;
    expect(await code(owner.files("targets/a/b"))).toBe("TARGETS_MISSING");
  });

  test("D2: a removed delegation keeps its entry and its file, and takes no new ones", async () => {
    owner.delegate("targets/releases");
    await accept(owner.first());
    const before = (await server.file(repository, "targets/releases.json")).body;
    owner.targets.delegations.length = 0;
    await accept(owner.next("targets"));
    const { body } = await server.file(repository, "snapshot.json");
    const { meta } = JSON.parse(body.toString()).signed;
    expect(Buffer.from(meta["targets/releases"].hashes.sha256, "base64").toString("hex")).toBe(
      facts(before).sha256,
    );
    expect((await server.file(repository, "targets/releases.json")).body).toEqual(before);
    expect(await code(owner.next("targets/releases"))).toBe("UNDECLARED_ROLE");
  });

  test("D2: declared again, its versions go on", async () => {
    owner.delegate("targets/releases");
    await accept(owner.first());
    const [delegation] = owner.targets.delegations.splice(0);
    await accept(owner.next("targets"));
    owner.targets.delegations.push(delegation as DelegationDraft);
    await accept(owner.next("targets"));
    expect(await code(owner.files("targets/releases"))).toBe("ROLLBACK");
    await accept(owner.next("targets/releases"));
  });

  test("D3: targets outside of a delegation's paths are stored", async () => {
    owner.delegate("targets/releases");
    (owner.targets.delegations[0] as DelegationDraft).paths = ["only/"];
    owner.addTarget("elsewhere/x", "targets/releases");
    await accept(owner.first());
  });

  test("D4: two delegations of one name are refused", async () => {
    owner.delegate("targets/a");
    owner.targets.delegations.push({ role: "targets/a", keys: [newKey().listed], threshold: 1, paths: [""] });
    expect(await code(owner.first())).toBe("BAD_DELEGATION");
  });

  test("D5: paths are plain prefixes, kept as they came", async () => {
    owner.delegate("targets/a");
    (owner.targets.delegations[0] as DelegationDraft).paths = ["", "*", "[a-z]", "a\\b", "**/x", "../"];
    const files = owner.first();
    await accept(files);
    expect((await server.file(repository, "targets.json")).body).toEqual(files.get("targets"));
  });

  test("D6: 1,000 delegations are accepted, 1,001 refused", async () => {
    const [key] = [newKey().listed];
    for (let i = 0; i < 1_001; i++) {
      owner.targets.delegations.push({ role: `targets/r${i}`, keys: [key], threshold: 1, paths: [] });
    }
    expect(await code(owner.files("root", "targets"))).toBe("TOO_MANY");
    owner.targets.delegations.length = 1_000;
    await accept(owner.files("root", "targets"));
  });

  test("D6: 16 levels are accepted", async () => {
    const key = newKey();
    for (let role = "targets/a"; role.split("/").length <= 16; role += "/a") owner.delegate(role, [key]);
    await accept(owner.first());
  });

  test("D6: 17 levels are refused", async () => {
    const deep = `targets${"/a".repeat(15)}`;
    const key = newKey();
    for (let role = "targets/a"; role.length <= deep.length; role += "/a") owner.delegate(role, [key]);
    owner.role(deep).delegations.push({ role: `${deep}/a`, keys: [key.listed], threshold: 1, paths: [] });
    expect(await code(owner.first())).toBe("BAD_DELEGATION");
  });
});

describe("a snapshot of the publisher's own", () => {
  beforeEach(async () => {
    owner = await server.owner(repository, "client");
    owner.delegate("targets/releases");
    await accept(owner.first());
  });

  const snapshotWith = (edit: () => void): Files => {
    edit();
    owner.snapshot.version++;
    return new Map([["snapshot", owner.snapshotFile()]]);
  };

  test("P1: alone, with everything right, is accepted", async () => {
    await accept(snapshotWith(() => {}));
  });

  test("P1: with a wrong digest of a file that was not sent is refused", async () => {
    const files = snapshotWith(() =>
      owner.snapshot.meta.set("targets/releases", facts(Buffer.from("other"))),
    );
    expect(await code(files)).toBe("HASH_MISMATCH");
  });

  test("P1: with a wrong length is refused", async () => {
    const right = owner.snapshot.meta.get("targets");
    const files = snapshotWith(() =>
      owner.snapshot.meta.set("targets", { ...facts(Buffer.from("")), ...right, length: 7 }),
    );
    expect(await code(files)).toBe("HASH_MISMATCH");
  });

  test("P1: without a length, which stock readers take for 0, is refused", async () => {
    const signed = signedOf(owner.snapshotFile());
    const entry = (signed.meta as Record<string, Record<string, Json>>).targets;
    delete entry?.length;
    const file = signJson({ ...signed, version: 2 }, owner.snapshot.signers);
    expect(await code(new Map([["snapshot", file]]))).toBe("HASH_MISMATCH");
  });

  test("C9, P1: with a right sha256 and a wrong sha512 is refused", async () => {
    const right = owner.snapshot.meta.get("targets");
    const { sha512 } = facts(Buffer.from("other"));
    const files = snapshotWith(() =>
      owner.snapshot.meta.set("targets", { ...facts(Buffer.from("")), ...right, sha512 }),
    );
    expect(await code(files)).toBe("HASH_MISMATCH");
  });

  test("P1: without a role that is declared and stored is refused", async () => {
    const files = snapshotWith(() => owner.snapshot.meta.delete("targets/releases"));
    expect(await code(files)).toBe("SNAPSHOT_INCOMPLETE");
  });

  test.each(["root", "targets"])("P1: without %s is refused", async (role) => {
    expect(await code(snapshotWith(() => owner.snapshot.meta.delete(role)))).toBe("BAD_SHAPE");
  });

  test("P1: with a role that never was is refused", async () => {
    const files = snapshotWith(() => owner.snapshot.meta.set("targets/ghost", facts(Buffer.from("ghost"))));
    expect(await code(files)).toBe("SNAPSHOT_UNKNOWN_ROLE");
  });

  test.each(["snapshot", "timestamp", "mirrors", "targets.json", "__proto__"])(
    "P1: with an entry called %s is refused",
    async (name) => {
      const signed = signedOf(owner.snapshotFile());
      const entry = JSON.stringify((signed.meta as Record<string, unknown>).root);
      const listed = JSON.parse(`{"${name}":${entry},${JSON.stringify(signed.meta).slice(1)}`);
      const file = signJson({ ...signed, version: 2, meta: listed }, owner.snapshot.signers);
      expect(await code(new Map([["snapshot", file]]))).toBe("BAD_ROLE_NAME");
    },
  );

  test("P1, V11: without a delegation that its parent no longer declares is accepted", async () => {
    owner.targets.delegations.length = 0;
    owner.snapshot.meta.delete("targets/releases");
    await accept(owner.next("targets", "snapshot"));
  });

  test("P1: of the stored version is refused", async () => {
    expect(await code(owner.files("snapshot"))).toBe("ROLLBACK");
  });

  test("P1: that does not list the targets sent with it is refused", async () => {
    owner.snapshot.version++;
    const snapshot = owner.snapshotFile();
    expect(await code(new Map(owner.next("targets")).set("snapshot", snapshot))).toBe("HASH_MISMATCH");
  });

  test("targets without a snapshot are refused in the original's words", async () => {
    const { error } = await publish(owner.next("targets"));
    expect(error?.detail).toEqual({
      Name: "ErrBadHierarchy",
      Error: {
        Missing: "snapshot",
        Msg: "no snapshot was included in update and server does not hold current snapshot key for repository",
      },
    });
  });

  test("P2: the key goes to the server and back, by root rotations", async () => {
    const own = owner.root.keys.snapshot;
    const signers = owner.snapshot.signers;
    owner.root.keys.snapshot = [await server.key(repository, "snapshot")];
    owner.snapshot.signers = [];
    await accept(owner.next("root"));
    await accept(owner.next("targets"));
    owner.root.keys.snapshot = own;
    owner.snapshot.signers = signers;
    const current = (await server.store.state(repository)).current.get("snapshot")?.version ?? 0;
    owner.snapshot.version = current;
    const stored = (await server.file(repository, "targets.json")).body;
    owner.snapshot.meta.set("targets", facts(stored));
    await accept(owner.next("root", "snapshot"));
    expect(await code(owner.next("targets"))).toBe("SNAPSHOT_MISSING");
  });

  test("P2: back to the publisher without a snapshot is refused", async () => {
    owner.root.keys.snapshot = [newKey().listed];
    expect(await code(owner.next("root"))).toBe("SNAPSHOT_MISSING");
  });
});

test("P2: a snapshot signed by anybody while the server holds the key is refused", async () => {
  await accept(owner.first());
  owner.snapshot.signers = [newKey()];
  owner.snapshot.version = 2;
  for (const role of ["root", "targets"]) {
    owner.snapshot.meta.set(role, facts((await server.file(repository, `${role}.json`)).body));
  }
  expect(await code(new Map([["snapshot", owner.snapshotFile()]]))).toBe("THRESHOLD");
});

test("a first publication without targets is refused", async () => {
  expect(await code(owner.files("root"))).toBe("TARGETS_MISSING");
});

test("targets without any root are refused", async () => {
  expect(await code(owner.files("targets"))).toBe("NO_ROOT");
});

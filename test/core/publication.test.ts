/**
 * The server's verdict on uploads: the kinds of publish that stock clients make, and roots.
 * Long, since the table of publishes is.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import type { Metadata } from "../../src/core/model.ts";
import { factsOf, storedFilesNeeded } from "../../src/core/publication.ts";
import { Publishing } from "../support/publishing.ts";
import { outcome } from "../support/refusals.ts";
import { newKey, Simulator } from "../support/simulator.ts";

const day = 86_400_000;
let p: Publishing;

beforeEach(async () => {
  p = await Publishing.create();
});

describe("the first publication", () => {
  it("root, targets and snapshot", () => {
    p.held = ["timestamp"];
    const plan = p.accept();
    expect(plan.files.map(({ role }) => role)).toEqual(["root", "targets", "snapshot"]);
    expect(plan.snapshot?.role).toBe("snapshot");
  });

  it("root and targets, where the server makes the snapshot", () => {
    const plan = p.accept();
    expect(plan.files.map(({ role }) => role)).toEqual(["root", "targets"]);
    expect([plan.snapshotKeys, plan.timestampKeys]).toEqual([
      p.sim.onlineKeys("snapshot"),
      p.sim.onlineKeys("timestamp"),
    ]);
  });

  it("with targets of any version", () => {
    p.sim.targetsOf("targets").version = 7;
    p.sim.publish();
    expect(p.code(p.files("root", "targets"))).toBe("accepted");
  });

  it("with a root of version 2", () => {
    p.sim.break.version("root", 2);
    expect(p.code(p.files("root", "targets"))).toBe("accepted");
  });

  it("with a root of version 3: ROOT_VERSION", () => {
    p.sim.break.version("root", 3);
    expect(p.code(p.files("root", "targets"))).toBe("ROOT_VERSION");
  });

  it("root only: TARGETS_MISSING", () => {
    expect(p.code(p.files("root"))).toBe("TARGETS_MISSING");
  });

  it("root and snapshot without targets: TARGETS_MISSING", () => {
    expect(p.code(p.files("root", "snapshot"))).toBe("TARGETS_MISSING");
  });

  it("targets only: NO_ROOT", () => {
    expect(p.code(p.files("targets"))).toBe("NO_ROOT");
  });

  it("nothing: EMPTY_UPLOAD", () => {
    expect(p.code([])).toBe("EMPTY_UPLOAD");
  });

  it("with delegations, in any order of the upload", () => {
    p.sim.delegate("targets/a");
    p.sim.delegate("targets/a/b");
    p.sim.publish();
    const plan = p.verdict(p.files("targets/a/b", "targets/a", "targets", "root"));
    expect(plan.files.map(({ role }) => role)).toEqual(["root", "targets", "targets/a", "targets/a/b"]);
  });
});

describe("later publications", () => {
  beforeEach(() => {
    p.accept();
  });

  it("nothing: EMPTY_UPLOAD", () => {
    expect(p.code([])).toBe("EMPTY_UPLOAD");
  });

  it("targets only, where the server makes the snapshot", () => {
    p.release();
    expect(p.accept().files.map(({ role }) => role)).toEqual(["targets"]);
  });

  it("targets only, where the client holds the snapshot key: SNAPSHOT_MISSING", () => {
    p.held = ["timestamp"];
    p.release();
    expect(p.code(p.files("targets"))).toBe("SNAPSHOT_MISSING");
  });

  it("targets five versions further", () => {
    p.sim.targetsOf("targets").version += 5;
    p.sim.publish();
    expect(p.code(p.upload())).toBe("accepted");
  });

  it.each([
    ["the same version", 1],
    ["a lower version", 0],
  ])("targets of %s: ROLLBACK", (_, step) => {
    p.sim.targetsOf("targets").version = 5;
    p.sim.publish();
    p.accept();
    p.sim.break.version("targets", 4 + step);
    expect(p.code(p.files("targets"))).toBe("ROLLBACK");
  });

  it.each([1_002, 2_147_483_647])("targets of version %d: VERSION_STEP", (version) => {
    p.sim.break.version("targets", version);
    expect(p.code(p.files("targets"))).toBe("VERSION_STEP");
  });

  it("targets a thousand versions further", () => {
    p.sim.break.version("targets", 1_001);
    expect(p.code(p.files("targets"))).toBe("accepted");
  });

  it("targets under an expired stored root: EXPIRED", () => {
    p.release();
    p.sim.now += 3_600 * day;
    p.sim.break.rewrite("targets", (signed) => {
      signed.expires = "2040-01-01T00:00:00Z";
    });
    expect(p.code(p.files("targets"))).toBe("EXPIRED");
  });

  it.each(["targets", "root"])("an expired %s: EXPIRED", (role) => {
    p.sim.break.version(role, 2);
    p.sim.break.expire(role);
    expect(p.code(p.files(role))).toBe("EXPIRED");
  });

  it.each(["flipSignature", "unsign", "tamper", "signWith"] as const)(
    "targets after %s: THRESHOLD",
    (way) => {
      p.release();
      p.sim.break[way]("targets");
      expect(p.code(p.files("targets"))).toBe("THRESHOLD");
    },
  );

  it("targets signed by the snapshot key: THRESHOLD", () => {
    p.release();
    p.sim.break.signWith("targets", p.sim.snapshot.keys);
    expect(p.code(p.files("targets"))).toBe("THRESHOLD");
  });

  it("the plan keeps the entries of what was not uploaded", () => {
    p.sim.delegate("targets/a");
    p.sim.publish();
    p.accept();
    p.release();
    const facts = (role: string) => factsOf(p.server.files.get(role) as Metadata);
    const wanted = ["root", "targets/a"].map((role) => [role, facts(role)]);
    expect([...p.verdict(p.upload()).meta]).toEqual(wanted);
  });
});

describe("roots", () => {
  beforeEach(() => {
    p.accept();
  });

  it("the next, by old and new keys", async () => {
    p.sim.root.keys = [await p.sim.rootKey()];
    p.sim.publish();
    expect(p.accept().root.signed.version).toBe(2);
  });

  it.each([0, 1, 3])("version %d after version 1: refused", (version) => {
    p.sim.break.version("root", version);
    const expected = ["BAD_VERSION", "ROLLBACK", undefined, "ROOT_VERSION"][version];
    expect(p.code(p.files("root"))).toBe(expected);
  });

  it("a version below the current: ROOT_VERSION", () => {
    for (let i = 0; i < 2; i++) {
      p.sim.root.expires -= day;
      p.sim.publish();
      p.accept();
    }
    p.sim.break.replay("root", 0);
    expect(p.code(p.files("root"))).toBe("ROOT_VERSION");
  });

  it("signed only by the new key: ROOT_NOT_SIGNED_BY_PREVIOUS", async () => {
    p.sim.root.keys = [await p.sim.rootKey()];
    p.sim.root.signers = p.sim.root.keys;
    p.sim.publish();
    expect(p.code(p.upload())).toBe("ROOT_NOT_SIGNED_BY_PREVIOUS");
  });

  it("signed only by the old key: ROOT_NOT_SELF_SIGNED", async () => {
    p.sim.root.signers = p.sim.root.keys;
    p.sim.root.keys = [await p.sim.rootKey()];
    p.sim.publish();
    expect(p.code(p.upload())).toBe("ROOT_NOT_SELF_SIGNED");
  });

  it("with the certificate of another repository: ROOT_CERTIFICATE", async () => {
    const other = await Simulator.create("example.org/team/other");
    p.sim.root.keys = other.root.keys;
    p.sim.publish();
    expect(p.code(p.upload())).toBe("ROOT_CERTIFICATE");
  });

  it("with a key that is no certificate: ROOT_CERTIFICATE", () => {
    p.sim.root.keys = [newKey()];
    p.sim.publish();
    expect(p.code(p.upload())).toBe("ROOT_CERTIFICATE");
  });

  it("that gives targets to other keys, with targets signed by them", () => {
    p.sim.targetsOf("targets").keys = [newKey()];
    p.sim.publish();
    expect([...p.upload().keys()]).toEqual(["root", "targets"]);
    expect(p.code(p.upload())).toBe("accepted");
  });

  it("that gives targets to other keys, without targets: TARGETS_LOCKED_OUT", () => {
    p.sim.targetsOf("targets").keys = [newKey()];
    p.sim.publish();
    expect(p.code(p.files("root"))).toBe("TARGETS_LOCKED_OUT");
  });

  it("that gives targets to other keys, with targets signed by the old ones: THRESHOLD", () => {
    p.sim.targetsOf("targets").signers = p.sim.targetsOf("targets").keys;
    p.sim.targetsOf("targets").keys = [newKey()];
    p.release();
    expect(p.code(p.upload())).toBe("THRESHOLD");
  });

  it("that adds a targets key, without targets", () => {
    const targets = p.sim.targetsOf("targets");
    targets.signers = [...targets.keys];
    targets.keys = [...targets.keys, newKey()];
    p.sim.publish();
    expect(p.code(p.files("root"))).toBe("accepted");
  });

  it("that lists a timestamp key which the server lacks: ONLINE_KEY_UNKNOWN", () => {
    const before = p.sim.onlineKeys(...p.held);
    p.sim.timestamp.keys = [newKey()];
    p.sim.publish();
    expect(outcome(() => p.server.examine(p.upload(), before, p.sim.now))).toBe("ONLINE_KEY_UNKNOWN");
  });

  it("that lists a snapshot key which the server lacks, without a snapshot: SNAPSHOT_MISSING", () => {
    const before = p.sim.onlineKeys(...p.held);
    p.sim.snapshot.keys = [newKey()];
    p.sim.publish();
    expect(outcome(() => p.server.examine(p.upload(), before, p.sim.now))).toBe("SNAPSHOT_MISSING");
  });

  it.each(["timestamp", "snapshot"] as const)(
    "with threshold 2 for %s and one key of the server: refused",
    (role) => {
      p.sim[role].keys = [...p.sim[role].keys, newKey()];
      p.sim[role].threshold = 2;
      p.sim.publish();
      const online = p.sim
        .onlineKeys("timestamp", "snapshot")
        .filter((id) => id !== p.sim[role].keys[1]?.listed.id);
      expect(outcome(() => p.server.examine(p.upload(), online, p.sim.now))).toBe(
        role === "timestamp" ? "ONLINE_KEY_UNKNOWN" : "SNAPSHOT_MISSING",
      );
    },
  );

  it("with threshold 2 for both and two keys of the server each", () => {
    for (const role of ["timestamp", "snapshot"] as const) {
      p.sim[role].keys = [newKey(), newKey("ed25519")];
      p.sim[role].threshold = 2;
    }
    p.sim.publish();
    const plan = p.verdict(p.upload());
    expect([plan.timestampKeys.length, plan.snapshotKeys.length]).toEqual([2, 2]);
  });

  it("that move the snapshot key to the client and back", () => {
    p.sim.snapshot.keys = [newKey()];
    p.sim.publish();
    p.held = ["timestamp"];
    expect(p.accept().snapshot).toBeDefined();
    p.sim.snapshot.keys = [newKey()];
    p.sim.publish();
    p.held = ["timestamp", "snapshot"];
    expect(p.accept().snapshotKeys).toEqual(p.sim.onlineKeys("snapshot"));
  });
});

describe("stored files that a verdict needs", () => {
  const stored = ["root", "targets", "targets/a", "targets/a/b", "snapshot", "timestamp"];
  const need = (...roles: string[]) => {
    const parsed = new Map(
      roles.map((role) => [role, notary.parse(role, p.sim.served.get(role) as Buffer)] as const),
    );
    return [...storedFilesNeeded(parsed, stored)].sort();
  };

  beforeEach(() => {
    p.sim.delegate("targets/a");
    p.sim.delegate("targets/a/b");
    p.sim.publish();
  });

  it.each<[string[], string[]]>([
    [["targets"], []],
    [["root"], ["targets"]],
    [["root", "targets"], []],
    [["targets/a/b"], ["targets", "targets/a"]],
    [["targets/a", "targets/a/b"], ["targets"]],
    [["snapshot"], []],
  ])("for %j: %j", (roles, expected) => {
    expect(need(...roles)).toEqual(expected);
  });

  it("for a snapshot that leaves a role out: its parents", () => {
    p.sim.break.vouch("targets/a/b");
    expect(need("snapshot")).toEqual(["targets", "targets/a"]);
  });
});

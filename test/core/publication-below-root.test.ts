/** The server's verdict on uploads: delegations, and snapshots that clients made. */
import { beforeEach, describe, expect, it } from "vitest";
import { Publishing } from "../support/publishing.ts";
import { newKey, someTarget } from "../support/simulator.ts";

const day = 86_400_000;
let p: Publishing;

beforeEach(async () => {
  p = await Publishing.create();
});

describe("delegations", () => {
  beforeEach(() => {
    p.accept();
    p.sim.delegate("targets/a");
    p.sim.delegate("targets/a/b");
    p.sim.publish();
    p.accept();
  });

  it("one alone, by a delegate", () => {
    p.sim.targetsOf("targets/a/b").names.set("b", someTarget("b"));
    p.sim.publish();
    expect(p.accept().files.map(({ role }) => role)).toEqual(["targets/a/b"]);
  });

  it("one that lists names outside its paths is stored", () => {
    p.sim.targetsOf("targets/a").paths = ["a/"];
    p.sim.targetsOf("targets/a").names.set("elsewhere", someTarget("x"));
    p.sim.publish();
    expect(p.code(p.upload())).toBe("accepted");
  });

  it("one that nobody declared: UNDECLARED_ROLE", () => {
    p.sim.delegate("targets/c").declared = false;
    p.sim.publish();
    expect(p.code(p.files("targets/c"))).toBe("UNDECLARED_ROLE");
  });

  it("one together with the targets that declare it", () => {
    p.sim.delegate("targets/c");
    p.sim.publish();
    expect(p.code(p.files("targets/c", "targets"))).toBe("accepted");
  });

  it("one before the targets that declare it: UNDECLARED_ROLE", () => {
    p.sim.delegate("targets/c");
    p.sim.publish();
    expect(p.code(p.files("targets/c"))).toBe("UNDECLARED_ROLE");
  });

  it("one whose parent was declared and never published: TARGETS_MISSING", () => {
    p.sim.delegate("targets/c").filed = false;
    p.sim.publish();
    p.accept();
    p.sim.delegate("targets/c/d");
    p.sim.publish();
    expect(p.code(p.files("targets/c/d"))).toBe("TARGETS_MISSING");
  });

  it("one signed by a key that the same upload revokes: THRESHOLD", () => {
    const before = p.sim.targetsOf("targets/a").keys;
    p.sim.targetsOf("targets/a").keys = [newKey()];
    p.sim.targetsOf("targets/a").signers = before;
    p.sim.targetsOf("targets/a").names.set("x", someTarget("x"));
    p.sim.publish();
    expect(p.code(p.upload())).toBe("THRESHOLD");
  });

  it("targets alone that give a delegation other keys, as the stock client sends them", () => {
    p.sim.targetsOf("targets/a").keys = [newKey()];
    p.sim.publish();
    expect(p.code(p.files("targets"))).toBe("accepted");
  });

  it("a child of one that its parent no longer satisfies: TARGETS_MISSING", () => {
    p.sim.targetsOf("targets/a").keys = [newKey()];
    p.sim.publish();
    p.server.apply(p.verdict(p.files("targets")), []);
    p.sim.targetsOf("targets/a/b").names.set("b", someTarget("b"));
    p.sim.publish();
    expect(p.code(p.files("targets/a/b"))).toBe("TARGETS_MISSING");
  });

  it("a child of one that the same upload gives up: UNDECLARED_ROLE", () => {
    p.sim.targetsOf("targets/a").declared = false;
    p.sim.targetsOf("targets/a/b").names.set("b", someTarget("b"));
    p.sim.publish();
    expect(p.code(p.files("targets", "targets/a/b"))).toBe("UNDECLARED_ROLE");
  });

  it.each([
    ["gives up: UNDECLARED_ROLE", "UNDECLARED_ROLE"],
    ["gives other keys: THRESHOLD", "THRESHOLD"],
  ])("a grandchild of one that the same upload %s", (_, expected) => {
    p.sim.delegate("targets/a/b/c");
    p.sim.publish();
    p.accept();
    if (expected === "THRESHOLD") p.sim.targetsOf("targets/a").keys = [newKey()];
    else p.sim.targetsOf("targets/a").declared = false;
    p.sim.targetsOf("targets/a/b/c").names.set("c", someTarget("c"));
    p.sim.publish();
    expect(p.code(p.files("targets", "targets/a/b/c"))).toBe(expected);
  });

  it("one with an unreachable threshold: the parent is accepted, the child refused", () => {
    p.sim.targetsOf("targets/a").threshold = 2;
    p.sim.targetsOf("targets/a").names.set("x", someTarget("x"));
    p.sim.publish();
    expect(p.code(p.files("targets"))).toBe("accepted");
    expect(p.code(p.files("targets", "targets/a"))).toBe("THRESHOLD");
  });

  it("an expired one: EXPIRED", () => {
    p.sim.break.version("targets/a", 9);
    p.sim.break.expire("targets/a");
    expect(p.code(p.files("targets/a"))).toBe("EXPIRED");
  });

  it("one given up stays in the server's snapshot", () => {
    p.sim.targetsOf("targets/a").declared = false;
    p.sim.publish();
    expect([...p.accept().meta.keys()].sort()).toEqual(["root", "targets/a", "targets/a/b"]);
  });
});

describe("uploaded snapshots", () => {
  beforeEach(() => {
    p.held = ["timestamp"];
    p.accept();
    p.sim.delegate("targets/a");
    p.sim.publish();
    p.accept();
  });

  /** The digest that an entry lists, changed. */
  const relist = (
    role: string,
    change: (entry: { hashes: Record<string, string>; length: number }) => object,
  ) =>
    p.sim.break.rewrite("snapshot", (signed) => {
      const meta = signed.meta as unknown as Record<
        string,
        { hashes: Record<string, string>; length: number }
      >;
      signed.meta = { ...meta, [role]: change(meta[role] ?? { hashes: {}, length: 0 }) } as never;
    });

  it("alone, a new one over the same files", () => {
    p.sim.snapshot.expires -= day;
    p.sim.publish();
    expect(p.accept().files.map(({ role }) => role)).toEqual(["snapshot"]);
  });

  it("signed by a stranger: THRESHOLD", () => {
    p.release();
    p.sim.break.signWith("snapshot");
    expect(p.code(p.files("targets", "snapshot"))).toBe("THRESHOLD");
  });

  it("expired: EXPIRED", () => {
    p.release();
    p.sim.break.expire("snapshot");
    expect(p.code(p.files("targets", "snapshot"))).toBe("EXPIRED");
  });

  it("of the current version: ROLLBACK", () => {
    p.release();
    p.sim.break.version("snapshot", p.sim.snapshot.version - 1);
    expect(p.code(p.files("targets", "snapshot"))).toBe("ROLLBACK");
  });

  it.each(["root", "targets", "targets/a"])(
    "with a digest of %s that is not the file's: HASH_MISMATCH",
    (role) => {
      p.release();
      relist(role, ({ hashes, length }) => ({
        hashes: { ...hashes, sha256: Buffer.alloc(32).toString("base64") },
        length,
      }));
      expect(p.code(p.files("targets", "snapshot"))).toBe("HASH_MISMATCH");
    },
  );

  it("with a wrong sha512 beside a good sha256: HASH_MISMATCH", () => {
    p.release();
    relist("targets", ({ hashes, length }) => ({
      hashes: { ...hashes, sha512: Buffer.alloc(64).toString("base64") },
      length,
    }));
    expect(p.code(p.files("targets", "snapshot"))).toBe("HASH_MISMATCH");
  });

  it("with a wrong length: HASH_MISMATCH", () => {
    p.release();
    relist("targets", ({ hashes, length }) => ({ hashes, length: length + 1 }));
    expect(p.code(p.files("targets", "snapshot"))).toBe("HASH_MISMATCH");
  });

  it("with sha256 alone", () => {
    p.release();
    relist("targets", ({ hashes, length }) => ({ hashes: { sha256: hashes.sha256 }, length }));
    expect(p.code(p.files("targets", "snapshot"))).toBe("accepted");
  });

  it("without a length, which stock readers take for 0: HASH_MISMATCH", () => {
    p.release();
    relist("targets", ({ hashes }) => ({ hashes }));
    expect(p.code(p.files("targets", "snapshot"))).toBe("HASH_MISMATCH");
  });

  it("that names older targets than are stored: HASH_MISMATCH", () => {
    p.release();
    p.accept();
    p.sim.break.replay("targets", 1);
    p.sim.break.vouch();
    expect(p.code(p.files("snapshot"))).toBe("HASH_MISMATCH");
  });

  it("that names a role never published: SNAPSHOT_UNKNOWN_ROLE", () => {
    p.release();
    p.sim.break.rewrite("snapshot", (signed) => {
      const meta = signed.meta as unknown as Record<string, never>;
      signed.meta = { ...meta, "targets/ghost": meta.targets } as never;
    });
    expect(p.code(p.files("targets", "snapshot"))).toBe("SNAPSHOT_UNKNOWN_ROLE");
  });

  it("that leaves out a declared role: SNAPSHOT_INCOMPLETE", () => {
    p.release();
    p.sim.break.vouch("targets/a");
    expect(p.code(p.files("targets", "snapshot"))).toBe("SNAPSHOT_INCOMPLETE");
  });

  it("that leaves out a role it comes with: SNAPSHOT_INCOMPLETE", () => {
    p.sim.targetsOf("targets/a").names.set("x", someTarget("x"));
    p.sim.publish();
    p.sim.break.vouch("targets/a");
    expect(p.code(p.files("targets/a", "snapshot"))).toBe("SNAPSHOT_INCOMPLETE");
  });

  it("that leaves out a role which the upload gives up, as the stock client does", () => {
    p.sim.targets.delete("targets/a");
    p.sim.publish();
    expect(p.code(p.upload())).toBe("accepted");
  });

  it("that leaves out a role declared anew after it was given up, which has no file yet", () => {
    p.sim.targets.delete("targets/a");
    p.sim.publish();
    p.accept();
    p.sim.delegate("targets/a").filed = false;
    p.sim.publish();
    expect(p.code(p.upload())).toBe("accepted");
  });

  it("that leaves out the children of a role given up", () => {
    p.sim.delegate("targets/a/b");
    p.sim.publish();
    p.accept();
    p.sim.targets.delete("targets/a");
    p.sim.targets.delete("targets/a/b");
    p.sim.publish();
    expect(p.code(p.upload())).toBe("accepted");
  });
});

/** Real collections through the server's rules, bottom up: each history is published again, step by step. */
import { describe, expect, it } from "vitest";
import { sha256Hex } from "../../src/core/bytes.ts";
import { notary } from "../../src/core/format/notary.ts";
import type { Metadata, Root, Snapshot } from "../../src/core/model.ts";
import { type Plan, snapshotEntries } from "../../src/core/publication.ts";
import { collection, currentFile, historyOf, manifest, readFixture, verifyAt } from "../support/fixtures.ts";
import { Published } from "../support/published.ts";
import { outcome } from "../support/refusals.ts";

interface Step {
  readonly version: number;
  /** What this generation brought: everything its snapshot lists that the one before did not. */
  readonly files: readonly (readonly [string, Buffer])[];
  readonly snapshot: Buffer;
}

/** The generations of a collection, as its snapshots tell them. */
function stepsOf(dir: string): Step[] {
  const byDigest = new Map(
    collection(dir).files.map(({ file, role }) => {
      const bytes = readFixture(file);
      return [`${role} ${sha256Hex(bytes)}`, bytes] as const;
    }),
  );
  let before: Snapshot["meta"] = new Map();
  return historyOf(dir, "snapshot").map((snapshot) => {
    const { meta, version } = notary.parse("snapshot", snapshot).signed as Snapshot;
    const files = [...meta].flatMap(([role, { hashes }]) => {
      const digest = hashes.get("sha256");
      if (before.get(role)?.hashes.get("sha256") === digest) return [];
      return [[role, byDigest.get(`${role} ${digest}`) ?? expect.unreachable(role)] as const];
    });
    before = meta;
    return { version, files, snapshot };
  });
}

/** IDs of the keys of online roles, under the root that a step uploads or finds. */
function keyIds(server: Published, step: Step, roles: readonly ("timestamp" | "snapshot")[]): string[] {
  const bytes = step.files.find(([role]) => role === "root")?.[1] ?? server.files.get("root")?.bytes;
  const root = notary.parse("root", bytes ?? expect.unreachable()).signed as Root;
  return roles.flatMap((role) => [...(root.roles.get(role)?.keys.keys() ?? [])]);
}

/** Publishes all generations up to `last`; the client sends the snapshots. */
function publishedBy(dir: string, last = Number.MAX_SAFE_INTEGER): Published {
  const server = new Published(collection(dir).gun);
  for (const step of stepsOf(dir).filter(({ version }) => version <= last)) {
    const upload = [...step.files, ["snapshot", step.snapshot] as const];
    server.apply(server.examine(upload, keyIds(server, step, ["timestamp"]), verifyAt), []);
  }
  return server;
}

/** Role → digest of the snapshot that a server makes of a plan. */
function listedBy(plan: Plan): Record<string, string> {
  const uploaded = plan.files.map((file) => [file.role, file.sha256] as const);
  const kept = [...plan.meta].map(([role, { sha256 }]) => [role, sha256] as const);
  return Object.fromEntries([...uploaded, ...kept].sort());
}

describe.each(manifest.collections)("publishing $dir again", ({ dir }) => {
  it("is accepted when the client makes the snapshots", () => {
    const server = publishedBy(dir);
    for (const role of ["root", "targets", "snapshot"]) {
      expect(server.files.get(role)?.bytes, role).toEqual(currentFile(dir, role));
    }
  });

  it("gives the entries of the real snapshots when the server makes them", () => {
    const server = new Published(collection(dir).gun);
    for (const step of stepsOf(dir)) {
      const plan = server.examine(step.files, keyIds(server, step, ["timestamp", "snapshot"]), verifyAt);
      const real = notary.parse("snapshot", step.snapshot) as Metadata<Snapshot>;
      const listed = [...real.signed.meta].map(([role, { hashes }]) => [role, hashes.get("sha256")]);
      expect(listedBy(plan)).toEqual(Object.fromEntries(listed.sort()));
      server.apply(plan, [real]);
    }
  });

  it("is refused a second time", () => {
    const server = publishedBy(dir);
    const step = stepsOf(dir).at(-1) ?? expect.unreachable();
    const upload = [...step.files, ["snapshot", step.snapshot] as const];
    expect(outcome(() => server.examine(upload, keyIds(server, step, ["timestamp"]), verifyAt))).toBe(
      "ROLLBACK",
    );
  });

  it("is refused when the server does not hold the timestamp key", () => {
    const [step] = stepsOf(dir);
    const upload = [...(step?.files ?? []), ["snapshot", step?.snapshot ?? expect.unreachable()] as const];
    expect(outcome(() => new Published(collection(dir).gun).examine(upload, [], verifyAt))).toBe(
      "ONLINE_KEY_UNKNOWN",
    );
  });
});

describe("invalid files, uploaded to plain", () => {
  const table = {
    "targets-tampered.json": "THRESHOLD",
    "targets-der-signature.json": "THRESHOLD",
    "targets-method-missing.json": "THRESHOLD",
    "targets-unsigned-extra-field.json": "UNSIGNED_MEMBER",
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

  it("has an expectation for every file but timestamps, which are the server's to make", () => {
    const files = manifest.invalid.filter(({ role }) => role !== "timestamp");
    expect(Object.keys(table).sort()).toEqual(files.map(({ file }) => file.replace("invalid/", "")).sort());
  });

  it.each(Object.entries(table))("%s: %s", (name, code) => {
    const bytes = readFixture(`invalid/${name}`);
    const role = name.split("-")[0] ?? expect.unreachable();
    const verdict = outcome(() => {
      // What is at its version 1 is a first root; the tampered targets come after version 2.
      const first = role === "root" && notary.parse(role, bytes).signed.version === 1;
      const server = first ? new Published(collection("plain").gun) : publishedBy("plain", 2);
      const online = keyIds(publishedBy("plain", 2), { version: 0, files: [], snapshot: bytes }, [
        "timestamp",
        "snapshot",
      ]);
      const files: [string, Buffer][] = [[role, bytes]];
      if (first) files.push(["targets", currentFile("plain", "targets")]);
      server.examine(files, online, verifyAt);
    });
    expect(verdict).toBe(code);
  });

  it("targets-indented.json is listed by the digest of exactly the bytes sent", () => {
    const bytes = readFixture("invalid/targets-indented.json");
    const server = publishedBy("plain");
    const step = { version: 0, files: [], snapshot: bytes };
    const online = keyIds(server, step, ["timestamp", "snapshot"]);
    const plan = server.examine([["targets", bytes]], online, verifyAt);
    expect(listedBy(plan).targets).toBe(sha256Hex(bytes));
    expect(plan.files[0]?.bytes).toEqual(bytes);
  });
});

it("every entry of a snapshot is a current file other than itself and the timestamp", () => {
  const facts = { length: 1, sha256: "", sha512: undefined };
  const roles = ["root", "snapshot", "targets", "targets/a", "timestamp"];
  const entries = snapshotEntries(new Map(roles.map((role) => [role, facts])));
  expect([...entries.keys()]).toEqual(["root", "targets", "targets/a"]);
});

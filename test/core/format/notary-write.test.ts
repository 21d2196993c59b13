/** The wire form: what we write of a real file's content is that file, byte for byte. */
import { describe, expect, it } from "vitest";
import { formatDate } from "../../../src/core/dates.ts";
import type { FileFacts } from "../../../src/core/format/format.ts";
import { notary } from "../../../src/core/format/notary.ts";
import type { Json } from "../../../src/core/json.ts";
import type { ListedKey } from "../../../src/core/keys.ts";
import type { FileReference, Metadata, RoleKeys, Root, Targets } from "../../../src/core/model.ts";
import { manifest, readFixture } from "../../support/fixtures.ts";

const files = manifest.collections.flatMap(({ files: all }) => all.map(({ file, role }) => ({ file, role })));
files.push({ file: "vectors/null-lists/root.json", role: "root" });
files.push({ file: "vectors/canonical-names.targets.json", role: "targets" });

it("there are files of every kind", () => {
  expect(new Set(files.map(({ role }) => role.split("/")[0]))).toEqual(
    new Set(["root", "targets", "snapshot", "timestamp"]),
  );
});

describe.each(files)("$file", ({ file, role }) => {
  const bytes = readFixture(file);
  const parsed = notary.parse(role, bytes);

  it("is sealed to the same bytes", () => {
    expect(notary.seal(parsed.message, parsed.signatures)).toEqual(bytes);
  });

  it("is encoded to the same bytes, but for the fraction of a second in its date", () => {
    const date = formatDate(parsed.signed.expires);
    const text = bytes.toString("utf8").replace(/"expires":"[^"]*"/, `"expires":"${date}"`);
    expect(notary.seal(encoded(parsed), parsed.signatures).toString("utf8")).toBe(text);
  });
});

function encoded({ signed, message }: Metadata): Buffer {
  const { version, expires } = signed;
  switch (signed.kind) {
    case "root":
      return notary.encodeRoot({ version, expires, keys: keysIn(message), roles: rolesOf(signed) });
    case "targets":
      return notary.encodeTargets({
        version,
        expires,
        targets: new Map([...signed.targetNames()].map((name) => [name, targetOf(signed, name)])),
        keys: signed.delegations.flatMap(({ keys }) => [...keys.values()]),
        delegations: signed.delegations.map((each) => ({
          role: each.role,
          paths: each.paths,
          ...contentOf(each),
        })),
      });
    case "snapshot":
      return notary.encodeSnapshot({
        version,
        expires,
        meta: new Map([...signed.meta].map(([name, reference]) => [name, factsOf(reference)])),
      });
    case "timestamp":
      return notary.encodeTimestamp({ version, expires, snapshot: factsOf(signed.snapshot) });
  }
}

/** All keys of a root, also those that no role uses, which the model leaves out. */
function keysIn(message: Uint8Array): ListedKey[] {
  const { keys } = JSON.parse(Buffer.from(message).toString("utf8")) as {
    keys: Record<string, { keytype: string; keyval: { public: string } }>;
  };
  return Object.entries(keys).map(([id, { keytype, keyval }]) => ({ id, keytype, public: keyval.public }));
}

function rolesOf({ roles }: Root) {
  const content = (role: "root" | "targets" | "snapshot" | "timestamp") =>
    contentOf(roles.get(role) as RoleKeys);
  return {
    root: content("root"),
    targets: content("targets"),
    snapshot: content("snapshot"),
    timestamp: content("timestamp"),
  };
}

function contentOf({ keys, threshold }: RoleKeys) {
  return { keyIds: [...keys.keys()], threshold };
}

function targetOf(targets: Targets, name: string): FileFacts & { custom?: Json } {
  const target = targets.target(name);
  if (target === undefined) return expect.unreachable(name);
  const facts = factsOf({ ...target, version: undefined });
  return target.custom === undefined ? facts : { ...facts, custom: target.custom as Json };
}

function factsOf({ length, hashes }: FileReference): FileFacts {
  return { length: length ?? 0, sha256: hashes.get("sha256") ?? "", sha512: hashes.get("sha512") };
}

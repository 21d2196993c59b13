import { describe, expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import { type Metadata, type Root, usedKeys } from "../../src/core/model.ts";
import { pack, unpack } from "../../src/core/portable.ts";
import { countSignatures, recall } from "../../src/core/threshold.ts";
import { rootRole } from "../../src/core/verify.ts";
import { currentFile, manifest } from "../support/fixtures.ts";

const dir = manifest.collections[0]?.dir ?? "";
const root = notary.parse("root", currentFile(dir, "root")).signed as Root;
const known = usedKeys(root);
const keys = rootRole(root, "targets");
const targets = () => notary.parse("targets", currentFile(dir, "targets"));
const crossed = (file: Metadata) => unpack(structuredClone(pack(file, known)), notary);

describe("a file that is packed", () => {
  it("can be copied, and says the same afterwards", () => {
    const [file, copy] = [targets(), crossed(targets())];
    if (file.signed.kind !== "targets" || copy.signed.kind !== "targets") return expect.unreachable();
    const entries = ({ signed }: Metadata) =>
      signed.kind === "targets" ? [...signed.targetNames()].map((name) => [name, signed.target(name)]) : [];
    expect(entries(copy)).toEqual(entries(file));
    expect([copy.signed.size, copy.signed.delegations]).toEqual([file.signed.size, file.signed.delegations]);
    expect(Buffer.compare(copy.message, file.message)).toBe(0);
  });

  it("that was not canonical keeps its message", () => {
    const text = currentFile(dir, "targets").toString().replace('"signed":{', '"signed": {');
    const file = notary.parse("targets", Buffer.from(text));
    expect(Buffer.compare(crossed(file).message, targets().message)).toBe(0);
    expect(countSignatures(crossed(file), keys).signed.length).toBe(
      countSignatures(targets(), keys).signed.length,
    );
  });

  it("has a verdict for each signature whose key is known, and for no other", () => {
    expect(pack(targets(), known).verdicts.map((verdict) => verdict?.good)).toContain(true);
    expect(pack(targets(), new Map()).verdicts.every((verdict) => verdict === undefined)).toBe(true);
  });
});

describe("a verdict that is recalled", () => {
  const bad = (): Metadata => {
    const file = targets();
    return { ...file, message: Buffer.from("something else") };
  };
  const materials = pack(targets(), known).verdicts;

  it("is not made again", () => {
    expect(countSignatures(bad(), keys).signed).toEqual([]);
    const file = bad();
    recall(file, materials);
    expect(countSignatures(file, keys).signed.length).toBeGreaterThan(0);
  });

  it("holds for its key alone", () => {
    const file = bad();
    recall(
      file,
      materials.map((verdict) => verdict && { ...verdict, material: "another" }),
    );
    expect(countSignatures(file, keys).signed).toEqual([]);
  });

  it("holds for its message alone", () => {
    const file = bad();
    recall(file, materials);
    expect(countSignatures({ ...file, message: Buffer.from("something else") }, keys).signed).toEqual([]);
  });
});

/**
 * Reading in threads gives what reading here gives: over all fixtures and what mutations make of them, one by one and as
 * uploads.
 */
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { VidimusError } from "../../src/core/errors.ts";
import { notary } from "../../src/core/format/notary.ts";
import type { ListedKey } from "../../src/core/keys.ts";
import { type Metadata, usedKeys } from "../../src/core/model.ts";
import { factsOf } from "../../src/core/publication.ts";
import { countSignatures, tryKeys } from "../../src/core/threshold.ts";
import type { NamedBytes } from "../../src/core/upload.ts";
import { readingHere } from "../../src/service/reading.ts";
import { readingInThreads } from "../../src/threads/reading.ts";
import { readingProgram } from "../../src/wire/reading.ts";
import { manifest, readFixture } from "../support/fixtures.ts";
import { mutated } from "../support/mutations.ts";
import { propertyTimeout, runs } from "../support/properties.ts";

const here = readingHere(notary);
const threads = readingInThreads({
  format: notary,
  program: readingProgram,
  threads: 2,
  waiting: 1_000,
  uploadBytes: 1_000_000,
  logger: { error: () => undefined },
  testingOnly: { largeFrom: 0 },
});
afterAll(() => threads.close());

const none = async () => new Map<string, ListedKey>();

/** Everything that anybody asks of a file. */
function seen(file: Metadata): unknown {
  const { role, bytes, sha256, message, signatures, signed } = file;
  const targets =
    signed.kind === "targets"
      ? {
          names: [...signed.targetNames()],
          entries: [...signed.targetNames()].map((name) => signed.target(name)),
        }
      : {};
  const { targetNames: _, target: __, ...said } = { targetNames: 0, target: 0, ...signed };
  return {
    role,
    bytes: bytes.toString("latin1"),
    sha256,
    message: Buffer.from(message).toString("latin1"),
    signatures: signatures.map(({ keyId, method, signature }) => [
      keyId,
      method,
      Buffer.from(signature).toString("hex"),
    ]),
    said,
    targets,
    facts: factsOf(file),
  };
}

/** What was read, or the refusal in full. */
async function outcome(work: () => Promise<Metadata | Metadata[]>): Promise<unknown> {
  try {
    return [await work()].flat().map(seen);
  } catch (error) {
    if (!(error instanceof VidimusError)) throw error;
    const { family, code, message, role, detail } = error;
    return { family, code, message, role, detail };
  }
}

/** Each gets bytes of its own: those of an upload are given away. */
async function expectSame(files: readonly NamedBytes[]): Promise<unknown> {
  const own = () => files.map(({ role, bytes }) => ({ role, bytes: Buffer.from(bytes) }));
  const expected = await outcome(() => here.upload(own(), none));
  expect(await outcome(() => threads.upload(own(), none))).toEqual(expected);
  return expected;
}

const valid = manifest.collections.flatMap(({ dir, files }) =>
  files.map(({ file, role }) => ({ dir, file, role, bytes: readFixture(file) })),
);

describe("the same as here", () => {
  it("for each file of each collection", async () => {
    for (const { role, bytes } of valid) {
      const expected = await expectSame([{ role, bytes }]);
      expect(expected).toHaveLength(role === "timestamp" ? 0 : 1);
      expect(await outcome(() => threads.stored(role, bytes))).toEqual(
        await outcome(() => here.stored(role, bytes)),
      );
    }
  });

  it("for each file that is invalid", async () => {
    for (const { file, role } of manifest.invalid) await expectSame([{ role, bytes: readFixture(file) }]);
  });

  it("for whole collections, those with a role twice among them", async () => {
    for (const { dir } of manifest.collections) {
      const all = valid.filter((each) => each.dir === dir);
      const once = [...new Map(all.map((each) => [each.role, each])).values()];
      expect(await expectSame(once)).toBeInstanceOf(Array);
      expect(await expectSame([...once, ...once.slice(0, 1)])).toMatchObject({ code: "DUPLICATE_ROLE" });
    }
  });

  it(
    "for whatever mutations make of them",
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(mutated, { minLength: 1, maxLength: 3 }), async (files) => {
          await expectSame(files);
        }),
        runs(300),
      );
    },
    propertyTimeout,
  );

  it("for nothing at all", async () => {
    expect(await expectSame([])).toEqual([]);
    await expectSame([{ role: "targets", bytes: Buffer.alloc(0) }]);
  });
});

describe("signatures", () => {
  const collection = manifest.collections[0]?.dir;
  const files = () =>
    valid
      .filter(
        ({ dir, role, file }) => dir === collection && role !== "timestamp" && file.includes("/metadata/"),
      )
      .map(({ role, bytes }) => ({ role, bytes: Buffer.from(bytes) }));

  it("are verified there by the keys that the files of an upload name, and count here", async () => {
    const read = await threads.upload(files(), none);
    const root = read.find(({ role }) => role === "root") as Metadata;
    const targets = read.find(({ role }) => role === "targets") as Metadata;
    if (root.signed.kind !== "root") return expect.unreachable();
    const keys = root.signed.roles.get("targets");
    if (keys === undefined) return expect.unreachable();
    expect(countSignatures(targets, keys).signed.length).toBeGreaterThanOrEqual(keys.threshold);
  });

  it("are verified by known keys, too, and a bad one stays bad", async () => {
    const [root, targets] = ["root", "targets"].map((wanted) => files().find(({ role }) => role === wanted));
    if (root === undefined || targets === undefined) return expect.unreachable();
    const known = usedKeys(notary.parse("root", root.bytes).signed);
    const verdicts = (file: Metadata) => tryKeys(file, known).map((verdict) => verdict?.good);
    const bad = Buffer.from(targets.bytes.toString().replace(/"version":\d+/, '"version":77'));
    for (const [bytes, good] of [
      [targets.bytes, true],
      [bad, false],
    ] as const) {
      const own = [{ role: "targets", bytes: Buffer.from(bytes) }];
      const [file] = await threads.upload(own, async () => known);
      if (file === undefined) return expect.unreachable();
      expect(verdicts(file)).toContain(good);
      expect(verdicts(notary.parse("targets", Buffer.from(bytes)))).toEqual(verdicts(file));
    }
  });
});

import { describe, expect, it } from "vitest";
import type { TrustError } from "../../../src/client/errors.ts";
import { readInput } from "../../../src/client/inputs/read.ts";
import { checkLock } from "../../../src/client/locking/check.ts";
import type { LockedImage, LockFile } from "../../../src/client/locking/lockfile.ts";
import { parseReference } from "../../../src/client/reference.ts";

const noon = Date.UTC(2026, 0, 2);
const digest = `sha256:${"a1".repeat(32)}`;
const other = `sha256:${"b2".repeat(32)}`;

function image(reference: string, changes: Partial<LockedImage> = {}): LockedImage {
  const { name, tag, digest: given } = parseReference(reference);
  return {
    name,
    tag: tag ?? (given === undefined ? "latest" : null),
    digest,
    length: 1,
    repository: name,
    target: tag ?? "latest",
    server: "https://notary.example.test",
    role: "targets",
    signers: [],
    threshold: { needed: 1, signed: 1 },
    versions: {},
    rootSha256: "c3".repeat(32),
    onlineKeyIds: { timestamp: [], snapshot: [] },
    expires: { earliest: "2026-01-03T00:00:00Z" },
    files: [],
    ...changes,
  };
}

const lock: LockFile = {
  lockedAt: "2026-01-01T00:00:00Z",
  images: [
    image("nginx"),
    image("a/one:1"),
    image(`a/two@${digest}`),
    image("a/old:1", { expires: { earliest: "2026-01-02T00:00:00Z" } }),
  ],
  unverified: [
    { reference: "open:1", files: ["a.txt", "b.txt"] },
    { reference: "@pkg:x", files: ["a.yml"] },
  ],
};

const isNamed = (file: string, names: readonly string[]) => names.includes(file);

interface Beside {
  readonly text: string | undefined;
}

async function check(text: string, beside?: Beside, file = "a.txt"): Promise<readonly string[]> {
  const input = await readInput(file, text);
  return checkLock({
    helpers: [],
    inputs: [input],
    lock,
    lockName: "vidimus.lock",
    isNamed,
    beside: new Map(beside && [[input, { name: "a.locked.txt", ...beside }]]),
    at: noon,
  }).map(({ error, text: what, line }) => {
    const { code, file: where } = error as TrustError;
    return `${code} ${where}:${line} ${what}`;
  });
}

describe("a file with its locked text", () => {
  it("is good if the lock makes the one of the other", async () => {
    const text = `nginx # web\nindex.docker.io/library/nginx:latest\na/one:1\na/two@${digest}\nopen:1\n`;
    const locked = `nginx:latest@${digest} # web\nindex.docker.io/library/nginx:latest@${digest}\na/one:1@${digest}\na/two@${digest}\nopen:1\n`;
    expect(await check(text, { text: locked })).toEqual([]);
    expect(await check(text, { text: locked.replace("# web", "# WEB") })).toEqual([
      "LOCK_DIFFERS a.locked.txt:1 a.locked.txt",
    ]);
    expect(await check(text, { text: undefined })).toEqual(["LOCK_DIFFERS a.locked.txt:1 a.locked.txt"]);
  });

  it("is not compared as a whole while single images are wrong", async () => {
    expect(await check("a/new:1\n", { text: "anything" })).toEqual(["LOCK_MISSING a.txt:1 a/new:1"]);
  });
});

describe("a locked text by itself", () => {
  it("is good with the digests of the lock", async () => {
    expect(await check(`nginx:latest@${digest}\na/one:1@${digest}\nopen:1\n`)).toEqual([]);
  });

  it("is refused with any other, or with none", async () => {
    expect(await check(`a/one:1@${other}\na/one:1\na/two@${other}\n`)).toEqual([
      `LOCK_DIFFERS a.txt:1 a/one:1@${other}`,
      "LOCK_DIFFERS a.txt:2 a/one:1",
      `LOCK_MISSING a.txt:3 a/two@${other}`,
    ]);
  });
});

it("what has expired is refused, at the very instant", async () => {
  expect(await check(`a/old:1@${digest}\n`)).toEqual([`LOCK_EXPIRED a.txt:1 a/old:1@${digest}`]);
});

it("what the lock does not know is refused, templates and nonsense too", async () => {
  const yml = 'kernel:\n  image: a/none:1\ninit:\n  - "@pkg:x"\n  - "@pkg:y"\n  - UPPER\n';
  expect(await check(yml, undefined, "a.yml")).toEqual([
    "LOCK_MISSING a.yml:2 a/none:1",
    "REFERENCE_INVALID undefined:6 UPPER",
    "LOCK_MISSING a.yml:5 @pkg:y",
  ]);
});

it("what was let through counts for the files that it was let through for", async () => {
  const inYaml = (file: string) => check('init:\n  - open:1\n  - "@pkg:x"\n', undefined, file);
  expect(await check("open:1\n", undefined, "b.txt")).toEqual([]);
  expect(await check("open:1\n", undefined, "c.txt")).toEqual(["LOCK_MISSING c.txt:1 open:1"]);
  expect(await inYaml("a.yml")).toEqual(["LOCK_MISSING a.yml:2 open:1"]);
  expect(await inYaml("c.yml")).toEqual(["LOCK_MISSING c.yml:2 open:1", "LOCK_MISSING c.yml:3 @pkg:x"]);
  const [failure] = checkLock({
    inputs: [await readInput("c.txt", "open:1\n")],
    ...{ lock, lockName: "vidimus.lock", isNamed, helpers: [], beside: new Map(), at: noon },
  });
  expect(failure?.error).toMatchObject({
    message: "vidimus.lock lets open:1 through unverified for a.txt, b.txt, and not for this file.",
  });
});

it("the failures of one file do not hide those of another", async () => {
  const bad = await readInput("bad.txt", "a/none:1\n");
  const good = await readInput("good.txt", "a/one:1\n");
  const failures = checkLock({
    helpers: [],
    inputs: [bad, good],
    lock,
    lockName: "vidimus.lock",
    isNamed,
    beside: new Map([[good, { name: "good.locked.txt", text: "changed\n" }]]),
    at: noon,
  });
  expect(failures.map(({ error }) => (error as TrustError).code)).toEqual(["LOCK_MISSING", "LOCK_DIFFERS"]);
});

describe("helpers, which no file names", () => {
  const helper = (changes: Partial<LockedImage> = {}) =>
    image("a/helper:1", { files: ["--helpers"], ...changes });
  const codes = (helpers: readonly string[], ...images: readonly LockedImage[]) =>
    checkLock({
      inputs: [],
      lock: { ...lock, images },
      lockName: "vidimus.lock",
      isNamed,
      helpers,
      beside: new Map(),
      at: noon,
    }).map(({ text, error }) => [text, (error as TrustError).code]);

  it("are fresh, or refused", () => {
    expect(codes([], helper())).toEqual([]);
    const stale = { expires: { earliest: "2026-01-02T00:00:00Z" } };
    expect(codes([], helper(stale))).toEqual([["docker.io/a/helper:1", "LOCK_EXPIRED"]]);
  });

  it("are in the lock if they are named", () => {
    expect(codes(["a/helper:1", `a/helper:1@${digest}`], helper())).toEqual([]);
    expect(codes(["a/other:1", `a/helper:1@${other}`], helper())).toEqual([
      ["a/other:1", "LOCK_MISSING"],
      [`a/helper:1@${other}`, "LOCK_MISSING"],
    ]);
  });
});

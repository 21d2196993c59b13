import { beforeEach, describe, expect, it } from "vitest";
import type { TrustError } from "../../../src/client/errors.ts";
import { readInput } from "../../../src/client/inputs/read.ts";
import { encodeLock, type LockFile, readLock } from "../../../src/client/locking/lockfile.ts";
import {
  type Locked,
  LockRefused,
  type LockRequest,
  lockInputs,
} from "../../../src/client/locking/locking.ts";
import type { Trust } from "../../../src/client/trust.ts";
import { sha256Hex } from "../../../src/core/bytes.ts";
import { type Simulator, simulatedNow, someTarget } from "../../support/simulator.ts";
import type { TrustSite } from "../../support/trust-site.ts";
import { simulated, siteOf, trusting } from "../../support/trusting.ts";

const acme = "registry.example.test/acme";
const policy = { default: "unverified", repositories: [{ match: `${acme}/**`, tofu: true }] };
let kernel: Simulator;
let init: Simulator;
let site: TrustSite;
let trust: Trust;

beforeEach(async () => {
  kernel = await simulated(`${acme}/kernel`, "1", "2", "latest");
  init = await simulated(`${acme}/init`, "1");
  site = await siteOf(kernel, init);
  trust = await trusting(site, { policy });
});

const at = (content: string) => `@sha256:${someTarget(content).sha256}`;

type Files = Readonly<Record<string, string>>;

async function lock(files: Files, wish: Partial<LockRequest> = {}): Promise<Locked & { byName: Files }> {
  const inputs = await Promise.all(Object.entries(files).map(([name, text]) => readInput(name, text)));
  const locked = await lockInputs(trust, { inputs, at: simulatedNow, ...wish });
  return {
    ...locked,
    byName: Object.fromEntries([...locked.texts].map(([{ file }, text]) => [file, text])),
  };
}

async function refusalsOf(files: Files, wish: Partial<LockRequest> = {}): Promise<readonly string[]> {
  try {
    await lock(files, wish);
  } catch (error) {
    if (!(error instanceof LockRefused)) throw error;
    return error.failures.map((each) => `${(each.error as TrustError).code} ${each.file} ${each.text}`);
  }
  throw new Error("It was not refused.");
}

const keysOf = ({ images }: LockFile) => images.map(({ name, tag, digest }) => [name, tag, digest]);

describe("a signal", () => {
  it("ends the locking early, before it has begun or under way, and nothing more is asked for", async () => {
    const ended = AbortSignal.abort(new Error("enough"));
    await expect(lock({ "b.txt": `${acme}/kernel:1\n` }, { signal: ended })).rejects.toMatchObject({
      code: "TIMEOUT",
    });
    expect(site.asked).toEqual([]);
    const ending = new AbortController();
    site.answer = () => {
      ending.abort();
      return true;
    };
    await expect(lock({ "b.txt": `${acme}/kernel:1\n` }, { signal: ending.signal })).rejects.toMatchObject({
      code: "TIMEOUT",
    });
  });

  it("that does not fire changes nothing", async () => {
    const { signal } = new AbortController();
    expect((await lock({ "b.txt": `${acme}/kernel:1\n` }, { signal })).images).toHaveLength(1);
  });
});

describe("locked texts", () => {
  it("have every verified image with its digest and nothing else changed", async () => {
    const yml = `# comment\nkernel:\n  image: ${acme}/kernel:1   # the kernel\ninit:\n  - nginx:1 # outside\n  - "${acme}/init:1"\n`;
    const txt = `${acme}/kernel # untagged\n\n# end\n`;
    const { byName } = await lock({ "a.yml": yml, "b.txt": txt });
    expect(byName).toEqual({
      "a.yml": yml.replace("kernel:1 ", `kernel:1${at("1")} `).replace("init:1", `init:1${at("1")}`),
      "b.txt": txt.replace("kernel #", `kernel:latest${at("latest")} #`),
    });
  });

  it("lose the trust block", async () => {
    const yml = `init:\n  - ${acme}/init:1\ntrust:\n  org:\n    - acme\n# end\n`;
    const { byName } = await lock({ "a.yml": yml });
    expect(byName["a.yml"]).toBe(`init:\n  - ${acme}/init:1${at("1")}\n# end\n`);
  });

  it("are the same when they are locked again", async () => {
    const { byName } = await lock({ "a.txt": `${acme}/kernel:1\n${acme}/init:1\n` });
    const again = await lock({ "a.txt": byName["a.txt"] ?? "" });
    expect(again.byName).toEqual(byName);
  });

  it("keep templates that are let through", async () => {
    const yml = `init:\n  - ${acme}/init:1\n  - "@pkg:../pkg/x"\n`;
    const { byName, unverified, lock: file } = await lock({ "a.yml": yml }, { allowLocal: true });
    expect(byName["a.yml"]).toBe(yml.replace("init:1", `init:1${at("1")}`));
    expect(unverified.map(({ text }) => text)).toEqual(["@pkg:../pkg/x"]);
    expect(file.unverified).toEqual([{ reference: "@pkg:../pkg/x", files: ["a.yml"] }]);
  });
});

describe("the lock", () => {
  it("says what stood behind every image, and can be read back", async () => {
    const { lock: made } = await lock({
      "a.txt": `${acme}/kernel:1\nnginx:1\n`,
      "b.txt": `${acme}/kernel:1\n`,
    });
    const signer = kernel.targetsOf("targets").keys[0]?.listed.id as string;
    expect(made).toEqual({
      lockedAt: new Date(simulatedNow).toISOString(),
      images: [
        {
          name: `${acme}/kernel`,
          tag: "1",
          digest: `sha256:${someTarget("1").sha256}`,
          length: 1,
          repository: `${acme}/kernel`,
          target: "1",
          server: site.url,
          role: "targets",
          signers: [signer],
          threshold: { needed: 1, signed: 1 },
          versions: { root: 1, timestamp: 2, snapshot: 2, targets: 2 },
          rootSha256: sha256Hex(kernel.served.get("root") ?? Buffer.of()),
          onlineKeyIds: {
            timestamp: kernel.onlineKeys("timestamp"),
            snapshot: kernel.onlineKeys("snapshot"),
          },
          expires: expect.objectContaining({ earliest: expect.any(String) }),
          files: ["a.txt", "b.txt"],
        },
      ],
      unverified: [{ reference: "nginx:1", files: ["a.txt"] }],
    });
    expect(readLock(encodeLock(made), "vidimus.lock")).toEqual(made);
  });

  it("names references by digest alone as such, and untagged ones as latest", async () => {
    const { lock: made } = await lock({ "a.txt": `${acme}/kernel${at("2")}\n${acme}/kernel\n` });
    expect(keysOf(made).map(([, tag]) => tag)).toEqual([null, "latest"]);
  });

  it("keeps what other files name, and drops what a file names no more", async () => {
    const first = await lock({
      "a.txt": `${acme}/kernel:1\nnginx:1\n`,
      "b.txt": `${acme}/kernel:1\n${acme}/kernel:2\nredis\n`,
    });
    const { lock: second } = await lock({ "a.txt": `${acme}/init:1\n` }, { previous: first.lock });
    expect(second.images.map(({ name, tag, files }) => [name, tag, files])).toEqual([
      [`${acme}/kernel`, "1", ["b.txt"]],
      [`${acme}/kernel`, "2", ["b.txt"]],
      [`${acme}/init`, "1", ["a.txt"]],
    ]);
    expect(second.unverified).toEqual([{ reference: "redis", files: ["b.txt"] }]);
    const { lock: third } = await lock({ "c.txt": `${acme}/kernel:2\nredis\n` }, { previous: second });
    expect(third.images.map(({ files }) => files)).toEqual([["b.txt"], ["b.txt", "c.txt"], ["a.txt"]]);
    expect(third.unverified).toEqual([{ reference: "redis", files: ["b.txt", "c.txt"] }]);
  });

  it("has helpers that no file names", async () => {
    const { lock: made, byName } = await lock(
      { "a.txt": `${acme}/kernel:1\n` },
      { helpers: [`${acme}/init:1`] },
    );
    expect(made.images.map(({ name, files }) => [name, files])).toEqual([
      [`${acme}/kernel`, ["a.txt"]],
      [`${acme}/init`, ["--helpers"]],
    ]);
    expect(Object.keys(byName)).toEqual(["a.txt"]);
  });
});

describe("a tag that moved", () => {
  const files = { "a.txt": `${acme}/kernel:1\n${acme}/kernel:1\n${acme}/init:1\n` };
  let previous: LockFile;

  beforeEach(async () => {
    previous = (await lock(files)).lock;
    kernel.targetsOf("targets").names.set("1", someTarget("moved"));
    kernel.publish();
  });

  it("is refused, at every place", async () => {
    expect(await refusalsOf(files, { previous })).toEqual([
      `MOVED a.txt ${acme}/kernel:1`,
      `MOVED a.txt ${acme}/kernel:1`,
    ]);
  });

  it("is accepted where that is asked for, and told once", async () => {
    const { moved, byName, lock: made, images } = await lock(files, { previous, update: true });
    expect(moved).toEqual([
      { reference: `${acme}/kernel:1`, from: at("1").slice(1), to: at("moved").slice(1) },
    ]);
    expect(byName["a.txt"]).toContain(`kernel:1${at("moved")}\n`);
    expect(made.images[0]?.digest).toBe(at("moved").slice(1));
    expect(images.map(({ target }) => target)).toEqual(["1", "1"]);
  });

  it("is told beside everything else that is wrong", async () => {
    const more = { ...files, "b.txt": `${acme}/kernel:none\nUPPER\n` };
    expect(await refusalsOf(more, { previous })).toEqual([
      "REFERENCE_INVALID b.txt UPPER",
      `NOT_SIGNED b.txt ${acme}/kernel:none`,
      `MOVED a.txt ${acme}/kernel:1`,
      `MOVED a.txt ${acme}/kernel:1`,
    ]);
  });

  it("is none where it was not locked", async () => {
    const { moved } = await lock({ "b.txt": `${acme}/kernel:2\n` }, { previous });
    expect(moved).toEqual([]);
  });
});

it("failures are complete: of every file, place and helper", async () => {
  kernel.break.flipSignature("timestamp");
  const files = {
    "a.yml": `kernel:\n  image: ${acme}/kernel:1\ninit:\n  - "@pkg:x"\n  - ${acme}/init:none\ntrust:\n  org: [nobody]\n`,
    "b.txt": `${acme}/absent:1\n${acme}/init:1\n`,
  };
  expect(await refusalsOf(files, { helpers: [`${acme}/init:none`, "UPPER"] })).toEqual([
    "LOCAL_TEMPLATE a.yml @pkg:x",
    "REFERENCE_INVALID --helpers UPPER",
    "TRUST_BLOCK a.yml nobody",
    `THRESHOLD a.yml ${acme}/kernel:1`,
    `NOT_SIGNED a.yml ${acme}/init:none`,
    `NO_TRUST_DATA b.txt ${acme}/absent:1`,
    `NOT_SIGNED --helpers ${acme}/init:none`,
  ]);
});

it("a digest that stands in a file is held against the signed one", async () => {
  expect(await refusalsOf({ "a.txt": `${acme}/kernel:1${at("2")}\n` })).toEqual([
    `DIGEST_MISMATCH a.txt ${acme}/kernel:1${at("2")}`,
  ]);
});

/** Every LinuxKit file of the vectors, locked with all its images signed: what a builder is given in its place. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { Input } from "../../../src/client/inputs/input.ts";
import { readInput } from "../../../src/client/inputs/read.ts";
import { lockLinuxKit } from "../../../src/client/linuxkit.ts";
import { parseReference } from "../../../src/client/reference.ts";
import { openTrust, type Trust } from "../../../src/client/trust.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { trustErrorOf } from "../../support/fetching.ts";
import { linuxkitFindings } from "../../support/linuxkit-schema.ts";
import { Simulator, simulatedNow, someTarget } from "../../support/simulator.ts";
import { startSite, type TrustSite } from "../../support/trust-site.ts";

const vectors = join(import.meta.dirname, "../../vectors/linuxkit");
const files = readdirSync(vectors).filter((name) => name.endsWith(".yml"));
const originals = new Map(files.map((name) => [name, readFileSync(join(vectors, name), "utf8")]));

let site: TrustSite;
let trust: Trust;
const locked = new Map<string, string>();

/** What is signed for an image: the digest that the file has for it, or else one made of its name. */
function signed(sims: ReadonlyMap<string, Simulator>, { images }: Input): void {
  for (const { reference } of images) {
    const { name, tag, digest } = parseReference(reference);
    const pinned = digest && { sha256: digest.slice("sha256:".length), sha512: undefined };
    const target = { ...someTarget(reference), ...pinned };
    const names = sims.get(name)?.targetsOf("targets").names;
    // A file that pins a tag and another that does not mean the same image.
    if (digest !== undefined || !names?.has(tag ?? "latest")) names?.set(tag ?? "latest", target);
  }
}

beforeAll(async () => {
  site = await startSite();
  const inputs = await Promise.all(
    [...originals].map(([name, text]) => readInput(name, text, { format: "linuxkit" })),
  );
  const names = new Set(
    inputs.flatMap(({ images }) => images.map(({ reference }) => parseReference(reference).name)),
  );
  const made = await Promise.all([...names].map((name) => Simulator.create(name)));
  const sims = new Map(made.map((sim) => [sim.repository, sim]));
  for (const input of inputs) signed(sims, input);
  for (const sim of made) {
    sim.publish();
    site.add(sim);
  }
  trust = await openTrust({
    server: site.url,
    policy: { repositories: [{ match: "**", tofu: true }] },
    cacheDir: temporaryDirectory(),
    dockerConfig: temporaryDirectory(),
    environment: {},
    now: () => simulatedNow,
  });
  for (const [name, text] of originals) {
    locked.set(name, (await lockLinuxKit(text, { trust, file: name, now: () => simulatedNow })).text);
  }
});

afterAll(async () => {
  await trust?.close();
  await site?.close();
});

describe.each(files)("%s, locked,", (name) => {
  const original = originals.get(name) as string;
  const text = () => locked.get(name) as string;

  test("is taken by LinuxKit and has no trust block", () => {
    expect(linuxkitFindings(text())).toEqual([]);
    expect(values(text())).not.toHaveProperty("trust");
  });

  test("has every image with a tag or digest as it was, and a digest", async () => {
    const [before, after] = [
      await readInput(name, original, { format: "linuxkit" }),
      await readInput(name, text(), { format: "linuxkit" }),
    ];
    expect(after.images).toHaveLength(before.images.length);
    for (const [index, { reference }] of after.images.entries()) {
      const [is, was] = [parseReference(reference), parseReference(before.images[index]?.reference ?? "")];
      expect(is.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(was.digest ?? is.digest).toBe(is.digest);
      expect({ ...is, digest: undefined }).toEqual({
        ...was,
        tag: was.tag ?? (was.digest === undefined ? "latest" : undefined),
        digest: undefined,
      });
    }
  });

  test("means the same as before in everything else", () => {
    const { trust: _, ...rest } = values(original);
    expect(values(text(), withoutDigest)).toEqual(JSON.parse(JSON.stringify(rest), withoutDigest));
  });
});

describe("beside the digests, byte for byte the same", () => {
  const plain = (text = "") =>
    text.replaceAll(/@sha256:[0-9a-f]{64}/g, "").replaceAll(/(busybox)(?::latest)?$/gm, "$1");

  test.each(files.filter((name) => name !== "spellings.yml"))("is %s", (name) => {
    expect(plain(locked.get(name))).toBe(plain(originals.get(name)));
  });

  test("is spellings.yml, but for its trust block, an alias that is an image, and an escape in another", () => {
    const before = (originals.get("spellings.yml") ?? "")
      .replace(/^"trust":\n(?: .*\n)+/m, "")
      .replace("image: *first", "image: linuxkit/init:b5506cc74a6812dc40982cacfd2f4328f8a4b12a")
      .replace("\\x2f", "/");
    expect(plain(locked.get("spellings.yml"))).toBe(before);
  });
});

test("an image that is a block of text is refused at its line", async () => {
  const text = "init:\n  - >-\n    linuxkit/init:v1\n";
  const error = await trustErrorOf(lockLinuxKit(text, { trust, file: "folded.yml" }));
  expect([error.code, error.file, error.line]).toEqual(["INPUT_INVALID", "folded.yml", 2]);
});

type Values = Readonly<Record<string, unknown>>;

function values(text: string, reviver = (_: unknown, value: unknown) => value): Values {
  return parse(text, reviver, { merge: true }) as Values;
}

/** An image without its digest, and without the tag that a reference without one means. */
function withoutDigest(_: unknown, value: unknown): unknown {
  return typeof value === "string"
    ? value.replace(/@sha256:[0-9a-f]{64}$/, "").replace(/:latest$/, "")
    : value;
}

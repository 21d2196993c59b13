import { describe, expect, it } from "vitest";
import { explain, type TrustError } from "../../../src/client/errors.ts";
import type { Input } from "../../../src/client/inputs/input.ts";
import { readInput } from "../../../src/client/inputs/read.ts";
import { type Coverage, coverageOf } from "../../../src/client/locking/coverage.ts";

const digest = `sha256:${"a1".repeat(32)}`;

interface Wish {
  readonly ruled?: "rule" | "refuse" | "unverified";
  readonly allowLocal?: boolean;
}

/** A LinuxKit file with these images, the first as its kernel, and a trust block. */
function file(name: string, images: readonly string[], trust = ""): Promise<Input> {
  const [kernel, ...init] = images;
  const lines = [
    ...(kernel === undefined ? [] : [`kernel:`, `  image: "${kernel}"`]),
    "init:",
    ...init.map((image) => `  - "${image}"`),
  ];
  return readInput(name, `${lines.join("\n")}\n${trust}`, { format: "linuxkit" });
}

function covering(
  inputs: readonly Input[],
  { ruled = "unverified", allowLocal = false }: Wish = {},
): Coverage {
  return coverageOf(inputs, {
    ruled: () => ruled,
    allowLocal,
    unruled: () => ({ hint: "", remedy: undefined }),
  });
}

const failuresOf = ({ failures }: Coverage) =>
  failures.map(({ place, line, text, error }) => `${(error as TrustError).code} ${place}:${line} ${text}`);

/** Whether one image is covered by a block; an entry that covers nothing is a failure of its own. */
async function isCovered(image: string, trust: string): Promise<boolean> {
  const { failures } = covering([await file("a.yml", [image], trust)]);
  const codes = failures.map(({ error }) => (error as TrustError).code);
  expect(codes).toHaveLength(1);
  return codes[0] === "NO_RULE";
}

describe("the next step", () => {
  const nextOf = ({ failures }: Coverage) => failures.map(({ error }) => explain(error)?.next ?? "");

  it("of an image without a rule is another for the frontend of a Dockerfile", async () => {
    const text = "# syntax=docker/dockerfile:1\nFROM nginx\n";
    const [frontend, base] = nextOf(covering([await readInput("Dockerfile", text)], { ruled: "refuse" }));
    expect(frontend).toContain("# syntax=");
    expect(base).not.toContain("# syntax=");
  });

  it("of each fault in a trust block is its own", async () => {
    const trust = "trust:\n  org:\n    - none\n    - A/b\n  image:\n    - none/x\n    - UPPER\n";
    const all = nextOf(covering([await file("a.yml", ["a/k:1"], trust)]));
    expect(all).toHaveLength(4);
    expect(new Set(all).size).toBe(4);
  });
});

describe("an image entry covers", () => {
  it.each([
    ["linuxkit/kernel:6.6", "linuxkit/kernel", true],
    ["linuxkit/kernel:6.6", "linuxkit/kernel:6.6", true],
    ["linuxkit/kernel:6.6", "linuxkit/kernel:6.5", false],
    ["linuxkit/kernel", "linuxkit/kernel:latest", true],
    [`linuxkit/kernel@${digest}`, "linuxkit/kernel:latest", false],
    ["docker.io/linuxkit/kernel:6.6", "linuxkit/kernel", true],
    ["linuxkit/kernel:6.6", "docker.io/linuxkit/kernel:6.6", true],
    ["index.docker.io/linuxkit/kernel:6.6", "linuxkit/kernel:6.6", true],
    ["nginx:1", "docker.io/library/nginx", true],
    ["library/nginx:1", "nginx", true],
    ["nginx:1", "linuxkit/nginx", false],
    ["registry.example.test:5000/a/b:1", "registry.example.test:5000/a/b", true],
    ["REGISTRY.example.test/a/b:1", "registry.example.test/a/b", true],
    ["registry.example.test/a/b:1", "registry.example.test:443/a/b", true],
    ["registry.example.test:5000/a/b:1", "registry.example.test/a/b", false],
    ["registry.example.test:5000/a/b:1", "a/b", false],
    ["linuxkit/kernels:1", "linuxkit/kernel", false],
    [`linuxkit/kernel:1@${digest}`, "linuxkit/kernel:1", true],
    [`linuxkit/kernel:1@${digest}`, `linuxkit/kernel@${digest}`, true],
    ["linuxkit/kernel:1", `linuxkit/kernel@${digest}`, false],
    [`linuxkit/kernel@${digest}`, "linuxkit/kernel:1", false],
  ])("%s by %s: %s", async (image, entry, covered) => {
    expect(await isCovered(image, `trust:\n  image: ["${entry}"]\n`)).toBe(covered);
  });
});

describe("an org entry covers", () => {
  it.each([
    ["linuxkit/kernel:6.6", "linuxkit", true],
    ["docker.io/linuxkit/kernel:6.6", "linuxkit", true],
    ["registry.example.test:5000/linuxkit/kernel:6.6", "linuxkit", true],
    ["nginx", "library", true],
    ["nginx", "nginx", false],
    ["linuxkit2/kernel", "linuxkit", false],
    ["a/linuxkit/kernel", "linuxkit", false],
    // One part alone below a host: LinuxKit took the host for the org.
    ["registry.example.test/linuxkit", "linuxkit", false],
    ["registry.example.test/linuxkit", "registry.example.test", false],
    ["docker.io/nginx", "library", true],
    ["docker.io/nginx", "docker.io", false],
    ["registry.example.test/linuxkit/os/kernel", "linuxkit", true],
  ])("%s by %s: %s", async (image, org, covered) => {
    expect(await isCovered(image, `trust:\n  org: ["${org}"]\n`)).toBe(covered);
  });

  it.each(["linuxkit/", "a/b", "LinuxKit", "registry.example.test:5000", "*"])(
    "nothing where it is no part of a name: %s",
    async (org) => {
      const coverage = covering([await file("a.yml", ["linuxkit/kernel:1"], `trust:\n  org: ["${org}"]\n`)]);
      expect(failuresOf(coverage)).toEqual([`TRUST_BLOCK trust.org:5 ${org}`]);
    },
  );
});

it("kernel, init and every other place are matched alike", async () => {
  const text = `kernel: {image: a/k:1}
init: [a/i:1]
onboot: [{name: b, image: a/b:1}]
onshutdown: [{name: s, image: a/s:1}]
services: [{name: v, image: a/v:1}]
volumes: [{name: o, image: a/o:1}]
trust: {org: [a]}
`.replace("trust: {org: [a]}", "trust:\n  org: [a]");
  const coverage = covering([await readInput("a.yml", text)]);
  expect(failuresOf(coverage)).toEqual([
    "NO_RULE kernel:1 a/k:1",
    "NO_RULE init[0]:2 a/i:1",
    "NO_RULE onboot[b]:3 a/b:1",
    "NO_RULE onshutdown[s]:4 a/s:1",
    "NO_RULE services[v]:5 a/v:1",
    "NO_RULE volumes[o]:6 a/o:1",
  ]);
});

describe("blocks of several inputs", () => {
  it("are united: each covers images of the others", async () => {
    const coverage = covering([
      await file("a.yml", ["a/one:1"], "trust:\n  org: [b]\n"),
      await file("b.yml", ["b/two:1"], "trust:\n  image: [a/one]\n"),
    ]);
    expect(failuresOf(coverage)).toEqual(["NO_RULE kernel:2 a/one:1", "NO_RULE kernel:2 b/two:1"]);
  });

  it("cover images of files that cannot have one", async () => {
    const list = await readInput("images.txt", "b/two:1\n");
    const coverage = covering([await file("a.yml", ["a/one:1"], "trust:\n  org: [b]\n"), list]);
    expect(failuresOf(coverage)).toEqual(["NO_RULE list:1 b/two:1"]);
    expect(coverage.unverified.map(({ text }) => text)).toEqual(["a/one:1"]);
  });

  it("can only add: an image that a rule speaks for stays wanted", async () => {
    const coverage = covering([await file("a.yml", ["a/one:1", "b/two:1"], "trust:\n  org: [a]\n")], {
      ruled: "rule",
    });
    expect(coverage.wanted.map(({ text }) => text)).toEqual(["a/one:1", "b/two:1"]);
    expect(coverage.failures).toEqual([]);
  });

  it("with entries that cover nothing are told, each at its line and with its file", async () => {
    const coverage = covering([
      await file("a.yml", ["a/one:1"], "trust:\n  org: [x]\n  image:\n    - y/z\n    - UPPER\n"),
      await file("b.yml", ["b/two:1"], "trust:\n  org: [z]\n"),
    ]);
    expect(failuresOf(coverage)).toEqual([
      "TRUST_BLOCK trust.image:8 UPPER",
      "TRUST_BLOCK trust.org:5 x",
      "TRUST_BLOCK trust.image:7 y/z",
      "TRUST_BLOCK trust.org:5 z",
    ]);
    expect(coverage.failures.map(({ error }) => (error as TrustError).file)).toEqual([
      "a.yml",
      "a.yml",
      "a.yml",
      "b.yml",
    ]);
  });
});

describe("an image outside of every rule", () => {
  it("is refused, or let through unverified, as the policy says", async () => {
    const input = await file("a.yml", ["a/one:1"]);
    expect(failuresOf(covering([input], { ruled: "refuse" }))).toEqual(["NO_RULE kernel:2 a/one:1"]);
    const open = covering([input], { ruled: "unverified" });
    expect(open.failures).toEqual([]);
    expect(open.unverified).toMatchObject([{ text: "a/one:1", why: "policy", line: 2, place: "kernel" }]);
  });
});

describe("a template from the local tree", () => {
  it("is refused unless it is let through, and then named", async () => {
    const input = await file("a.yml", ["a/one:1", "@pkg:../pkg/init"]);
    expect(failuresOf(covering([input], { ruled: "rule" }))).toEqual([
      "LOCAL_TEMPLATE init[0]:4 @pkg:../pkg/init",
    ]);
    const open = covering([input], { ruled: "rule", allowLocal: true });
    expect(open.failures).toEqual([]);
    expect(open.unverified).toMatchObject([{ text: "@pkg:../pkg/init", why: "local", line: 4 }]);
  });
});

it("everything that is wrong is told at once", async () => {
  const input = await file("a.yml", ["UPPER", "a/one:1", "@pkg:x"], "trust:\n  org: [z]\n");
  expect(failuresOf(covering([input], { ruled: "refuse" }))).toEqual([
    "REFERENCE_INVALID kernel:2 UPPER",
    "NO_RULE init[0]:4 a/one:1",
    "LOCAL_TEMPLATE init[1]:5 @pkg:x",
    "TRUST_BLOCK trust.org:7 z",
  ]);
});

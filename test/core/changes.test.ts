import { beforeEach, describe, expect, it } from "vitest";
import { type Change, changesBetween, type OfflineFiles, weakens } from "../../src/core/changes.ts";
import { bareKeyIdOf, stateOf } from "../support/drafting.ts";
import { newKey, Simulator, someTarget } from "../support/simulator.ts";

let sim: Simulator;

beforeEach(async () => {
  sim = await Simulator.create();
  sim.delegate("targets/releases", { paths: ["a"] });
  sim.publish();
});

function filesOf(): OfflineFiles {
  const { root, targets } = stateOf(sim);
  return {
    root: root.signed,
    targets: new Map([...targets].map(([role, { signed }]) => [role, signed])),
  };
}

/** What the next generation changes, as lines; a weakening one begins with an exclamation mark. */
async function changed(edit: () => unknown): Promise<readonly string[]> {
  const before = filesOf();
  await edit();
  sim.publish();
  return changesBetween(before, filesOf()).map(line);
}

function line({ kind, file, subject, before, after, weakens: weak }: Change): string {
  const of = subject === file ? file : `${file} ${subject}`;
  return `${weak ? "!" : ""}${kind} ${of}: ${before ?? "-"} > ${after ?? "-"}`;
}

const digest = (text: string) => `sha256:${someTarget(text).sha256}`;

it("nothing is said where nothing changed, whatever the version", async () => {
  expect(await changed(() => sim.targetsOf("targets").version++)).toEqual([]);
});

describe("targets", () => {
  it("are added, moved and removed", async () => {
    const { names } = sim.targetsOf("targets");
    expect(await changed(() => names.set("b", someTarget("b")))).toEqual([
      `target-added targets b: - > ${digest("b")}`,
    ]);
    expect(await changed(() => names.set("b", someTarget("c")))).toEqual([
      `target-moved targets b: ${digest("b")} > ${digest("c")}`,
    ]);
    expect(await changed(() => names.delete("b"))).toEqual([`target-removed targets b: ${digest("c")} > -`]);
  });

  it("of another length are moved, too", async () => {
    const { names } = sim.targetsOf("targets");
    expect(await changed(() => names.set("app", { ...someTarget("app"), length: 9 }))).toEqual([
      `target-moved targets app: ${digest("app")} > ${digest("app")}`,
    ]);
  });

  it("that are only signed again say the date, and other custom data is said whole", async () => {
    const { names } = sim.targetsOf("targets");
    const dated = (signedAt: string, more = {}) => ({
      ...someTarget("app"),
      custom: { vidimus: { signedAt }, ...more },
    });
    const [first, second] = ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"];
    expect(await changed(() => names.set("app", dated(first)))).toEqual([
      `target-dated targets app: - > ${first}`,
    ]);
    expect(await changed(() => names.set("app", dated(second)))).toEqual([
      `target-dated targets app: ${first} > ${second}`,
    ]);
    const text = (value: object) => JSON.stringify(value);
    expect(await changed(() => names.set("app", dated(second, { by: "x" })))).toEqual([
      `target-custom targets app: ${text({ vidimus: { signedAt: second } })} > ${text({ by: "x", vidimus: { signedAt: second } })}`,
    ]);
  });
});

describe("roles", () => {
  it("of root: keys and thresholds", async () => {
    const [old, more] = [sim.targetsOf("targets").keys, newKey()];
    expect(await changed(() => (sim.targetsOf("targets").keys = [...old, more]))).toEqual([
      `!key-added root targets: - > ${bareKeyIdOf(more)}`,
    ]);
    expect(await changed(() => (sim.targetsOf("targets").threshold = 2))).toEqual([
      "threshold root targets: 1 > 2",
    ]);
    expect(await changed(() => (sim.targetsOf("targets").threshold = 1))).toEqual([
      "!threshold root targets: 2 > 1",
    ]);
    expect(await changed(() => (sim.targetsOf("targets").keys = [more]))).toEqual([
      `key-removed root targets: ${bareKeyIdOf(old[0] as never)} > -`,
    ]);
  });

  it("a certificate made anew for the same key is no new key", async () => {
    const { makeRootCertificate, certificateKey, generatePrivateKey } = await import(
      "../support/bare/keys.ts"
    );
    const key = generatePrivateKey("ecdsa");
    const make = async (at: number) =>
      certificateKey(key, await makeRootCertificate(key, sim.repository, new Date(at)));
    const [first, second] = [await make(sim.now - 86_400_000), await make(sim.now)];
    sim.root.keys = [first];
    sim.publish();
    expect(await changed(() => (sim.root.keys = [second]))).toEqual([
      `certificate root: ${first.listed.id} > ${second.listed.id}`,
    ]);
  });

  it("delegations are added with keys and paths, and removed", async () => {
    const key = newKey();
    expect(await changed(() => sim.delegate("targets/x", { keys: [key], paths: ["x/", "y/"] }))).toEqual([
      "!delegation-added targets targets/x: - > targets/x",
      "threshold targets targets/x: - > 1",
      `key-added targets targets/x: - > ${bareKeyIdOf(key)}`,
      "path-added targets targets/x: - > x/",
      "path-added targets targets/x: - > y/",
      "file-added targets/x: - > targets/x",
    ]);
    expect(await changed(() => sim.targets.delete("targets/x"))).toEqual([
      "delegation-removed targets targets/x: targets/x > -",
    ]);
  });

  it("a path weakens where it is wider than those that were there", async () => {
    expect(await changed(() => (sim.targetsOf("targets/releases").paths = ["a", "ab", "c"]))).toEqual([
      "path-added targets targets/releases: - > ab",
      "!path-added targets targets/releases: - > c",
    ]);
    expect(await changed(() => (sim.targetsOf("targets/releases").paths = [""]))).toEqual([
      "!path-added targets targets/releases: - > ",
      "path-removed targets targets/releases: a > -",
      "path-removed targets targets/releases: ab > -",
      "path-removed targets targets/releases: c > -",
    ]);
  });

  it("another order of delegations weakens", async () => {
    sim.delegate("targets/x");
    sim.publish();
    expect(
      await changed(() => {
        const first = sim.targetsOf("targets/releases");
        sim.targets.delete("targets/releases");
        sim.targets.set("targets/releases", first);
      }),
    ).toEqual(["!order targets: targets/releases, targets/x > targets/x, targets/releases"]);
  });
});

it("expiry is said as dates, and weakens nothing", async () => {
  const [before, after] = [sim.targetsOf("targets").expires, sim.targetsOf("targets").expires + 86_400_000];
  expect(await changed(() => (sim.targetsOf("targets").expires = after))).toEqual([
    `expires targets: ${new Date(before).toISOString()} > ${new Date(after).toISOString()}`,
  ]);
});

it("a repository that is new weakens nothing, and says who may sign what", () => {
  const all = changesBetween({ root: undefined, targets: new Map() }, filesOf());
  expect(all.filter(({ kind }) => kind === "key-added").length).toBe(5);
  expect(weakens(all.filter(({ kind }) => kind !== "delegation-added"))).toBe(false);
  expect(all.filter(({ kind }) => kind === "file-added").map(({ file }) => file)).toEqual([
    "root",
    "targets",
    "targets/releases",
  ]);
});

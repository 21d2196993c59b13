import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { encodeLock, type LockedImage } from "../../src/client/locking/lockfile.ts";
import type { ResolvedImage } from "../../src/client/result.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { trustCodeOf, trustErrorOf } from "../support/fetching.ts";
import { newKey, type Simulator, simulatedNow, someTarget } from "../support/simulator.ts";
import { byChecksum } from "../support/trust-site.ts";
import { emptyFolder, listener, policyFor, simulated, siteOf, trusting } from "../support/trusting.ts";

const hour = 3_600_000;
const name = "registry.example.test/acme/kernel";

/** Every file of a cache by path, with its content. */
function contentsOf(cacheDir: string): ReadonlyMap<string, string> {
  const files = readdirSync(cacheDir, { recursive: true, withFileTypes: true }).filter((each) =>
    each.isFile(),
  );
  return new Map(
    files.map(({ parentPath, name: file }) => [file, readFileSync(join(parentPath, file), "utf8")]),
  );
}

function stateOf(cacheDir: string): string {
  const [folder = ""] = readdirSync(join(cacheDir, "v1"));
  return join(cacheDir, "v1", folder, "state.json");
}

const many = (count: number) =>
  Promise.all(
    Array.from({ length: count }, (_, index) => simulated(`registry.example.test/many/r${index}`, "1")),
  );

describe("many repositories", () => {
  it("are asked for in parallel, and never by more than the limit allows", async () => {
    const sims = await many(60);
    const site = await siteOf(...sims);
    const begun = new Set<string>();
    const waiting: (() => void)[] = [];
    let [now, most] = [0, 0];
    site.answer = (file, response, request) => {
      const [, repository = ""] = /^\/v2\/(.+)\/_trust/.exec(request.url ?? "") ?? [];
      if (!begun.has(repository)) {
        begun.add(repository);
        most = Math.max(most, ++now);
      }
      if (file.startsWith("targets.")) now--;
      if (begun.size > 4 || file !== "root.json") return false;
      // The first four are answered once all of them have asked.
      const bytes = sims.find((sim) => sim.repository === repository)?.roots.get(1);
      waiting.push(() => response.end(bytes));
      if (waiting.length === 4) for (const answer of waiting) answer();
      return true;
    };
    const trust = await trusting(site, { limits: { parallel: 4, connections: 64 } });
    const outcomes = await trust.resolveAll(sims.map(({ repository }) => `${repository}:1`));
    expect(outcomes.filter(({ image }) => image !== undefined)).toHaveLength(60);
    expect(most).toBe(4);
  });

  it("share so many connections to one server", async () => {
    const sims = await many(20);
    const site = await siteOf(...sims);
    const waiting: (() => void)[] = [];
    let [asked, now, most] = [0, 0, 0];
    site.answer = (file, response, request) => {
      most = Math.max(most, ++now);
      response.on("close", () => now--);
      if (++asked > 3) return false;
      // The first three are answered once all of them have asked.
      const [, repository = ""] = /^\/v2\/(.+)\/_trust/.exec(request.url ?? "") ?? [];
      const served = sims.find((sim) => sim.repository === repository)?.served.get(file.replace(".json", ""));
      waiting.push(() => response.end(served));
      if (waiting.length === 3) for (const answer of waiting) answer();
      return true;
    };
    const trust = await trusting(site, { limits: { parallel: 20, connections: 3 } });
    const outcomes = await trust.resolveAll(sims.map(({ repository }) => `${repository}:1`));
    expect(outcomes.filter(({ image }) => image !== undefined)).toHaveLength(20);
    expect(most).toBe(3);
  });

  it("are answered rightly with a memory that holds one of them, and all are on disk", async () => {
    const sims = await many(12);
    const site = await siteOf(...sims);
    const cacheDir = emptyFolder();
    const trust = await trusting(site, { cacheDir, limits: { memoryBytes: 1, parallel: 12 } });
    const references = sims.map(({ repository }) => `${repository}:1`);
    await trust.resolveAll(references);
    expect(readdirSync(join(cacheDir, "v1"))).toHaveLength(12);
    for (const folder of readdirSync(join(cacheDir, "v1"))) {
      expect(readdirSync(join(cacheDir, "v1", folder)).sort()).toEqual([
        expect.stringMatching(/^[0-9a-f]{64}\.json$/),
        "state.json",
      ]);
    }
    for (const sim of sims) {
      sim.targetsOf("targets").names.set("1", someTarget("second"));
      sim.publish();
    }
    const digests = (await trust.resolveAll(references)).map(({ image }) => image?.digest);
    expect(new Set(digests)).toEqual(new Set([`sha256:${someTarget("second").sha256}`]));
    // A floor that fell out of memory is a floor.
    for (const sim of sims) sim.break.replayAll(1);
    const codes = (await trust.resolveAll(references)).map(({ error }) => (error as { code: string }).code);
    expect(new Set(codes)).toEqual(new Set(["ROLLBACK"]));
  });
});

it("of two updates at once the newer one is remembered, though the slower one ends last", async () => {
  const sim = await simulated(name, "1");
  const site = await siteOf(sim);
  const mirror = { match: "mirror.example.test/*", trustedAs: "registry.example.test/acme/*", tofu: true };
  const policy = { repositories: [{ match: name, tofu: true }, mirror] };
  const trust = await trusting(site, { policy });
  const first = await trust.resolve(`${name}:1`);
  const renew = () => {
    sim.timestamp.expires += 1_000;
    sim.publish();
  };
  renew();
  const older = sim.served.get("timestamp");
  const held = Promise.withResolvers<() => void>();
  let isHeld = false;
  site.answer = (file, response, request) => {
    if (isHeld || file !== "timestamp.json") return byChecksum(sim)(file, response, request);
    isHeld = true;
    held.resolve(() => response.end(older));
    return true;
  };
  const slow = trust.resolve(`${name}:1`);
  const release = await held.promise;
  renew();
  const fast = await trust.resolve("mirror.example.test/kernel:1");
  release();
  const before = first.versions.timestamp ?? 0;
  expect([await slow, fast].map(({ versions }) => versions.timestamp)).toEqual([before + 1, before + 2]);
  // What the slower one has seen is not enough any more.
  sim.break.replayAll(sim.generations.length - 2);
  expect(await trustCodeOf(trust.resolve(`${name}:1`))).toBe("ROLLBACK");
});

describe("two processes at one cache", () => {
  /** Two trusts that share a cache; each has a memory of its own. */
  async function both() {
    const sim = await simulated(name, "1");
    const site = await siteOf(sim);
    const cacheDir = emptyFolder();
    const [mine, theirs] = [await trusting(site, { cacheDir }), await trusting(site, { cacheDir })];
    await mine.resolve(`${name}:1`);
    return { sim, site, cacheDir, mine, theirs };
  }

  it("do not let each other go back below what one of them has written", async () => {
    const { sim, mine, theirs } = await both();
    sim.targetsOf("targets").names.set("1", someTarget("second"));
    sim.publish();
    await theirs.resolve(`${name}:1`);
    sim.break.replayAll(sim.generations.length - 2);
    expect(await trustCodeOf(mine.resolve(`${name}:1`))).toBe("ROLLBACK");
    sim.break.replayAll(sim.generations.length - 1);
    expect((await mine.resolve(`${name}:1`)).digest).toBe(`sha256:${someTarget("second").sha256}`);
  });

  it("share the roles that one of them has seen under the same timestamp", async () => {
    const sim = await simulated(name, "1");
    sim.delegate("targets/a").names.set("a", someTarget("a"));
    sim.publish();
    const site = await siteOf(sim);
    const cacheDir = emptyFolder();
    const policy = policyFor({ lookup: ["targets/**", "targets"] });
    const [mine, theirs] = [
      await trusting(site, { cacheDir, policy: policyFor({ lookup: ["targets"] }) }),
      await trusting(site, { cacheDir, policy }),
    ];
    await mine.resolve(`${name}:1`);
    await theirs.lookUp({ repository: name, target: "a" });
    await mine.resolve(`${name}:1`);
    const written = readFileSync(stateOf(cacheDir), "utf8");
    sim.timestamp.expires += 1_000;
    sim.publish();
    await mine.resolve(`${name}:1`);
    expect(readFileSync(stateOf(cacheDir), "utf8")).not.toBe(written);
    expect(readFileSync(stateOf(cacheDir), "utf8")).toContain('"role": "targets/a"');
  });

  it("read the disk once for what the other has written, and go on from memory where nothing changed", async () => {
    const { site, mine, cacheDir } = await both();
    await mine.resolve(`${name}:1`);
    for (const file of readdirSync(join(stateOf(cacheDir), "..")).filter((each) => each !== "state.json"))
      rmSync(join(stateOf(cacheDir), "..", file));
    site.forgetRequests();
    await mine.resolve(`${name}:1`);
    expect([...site.asked].sort()).toEqual(["2.root.json", "timestamp.json"]);
  });

  it("keep in memory what somebody has taken from the disk", async () => {
    const { sim, mine, cacheDir } = await both();
    sim.timestamp.expires += 1_000;
    sim.publish();
    await mine.resolve(`${name}:1`);
    rmSync(cacheDir, { recursive: true });
    sim.break.replayAll(sim.generations.length - 2);
    expect(await trustCodeOf(mine.resolve(`${name}:1`))).toBe("ROLLBACK");
    sim.break.replayAll(sim.generations.length - 1);
    await mine.resolve(`${name}:1`);
    expect(existsSync(stateOf(cacheDir))).toBe(true);
  });

  it("refuse what one of them has damaged, whatever memory has", async () => {
    const { mine, cacheDir } = await both();
    writeFileSync(stateOf(cacheDir), "{}");
    expect(await trustCodeOf(mine.resolve(`${name}:1`))).toBe("CACHE_DAMAGED");
  });
});

describe("the cache", () => {
  it("is not written where nothing changed", async () => {
    const sim = await simulated(name, "1", "2", "3");
    const site = await siteOf(sim);
    const cacheDir = emptyFolder();
    const trust = await trusting(site, { cacheDir });
    const all = () => Promise.all(["1", "2", "3", "1", "2"].map((tag) => trust.resolve(`${name}:${tag}`)));
    await all();
    const { ino, mtimeMs } = statSync(stateOf(cacheDir));
    await all();
    expect(statSync(stateOf(cacheDir))).toMatchObject({ ino, mtimeMs });
  });

  it("holds the targets that several questions brought in", async () => {
    const sim = await simulated(name, "1");
    for (const role of ["targets/a", "targets/b", "targets/c"])
      sim.delegate(role).names.set(role, someTarget(role));
    sim.publish();
    const site = await siteOf(sim);
    const cacheDir = emptyFolder();
    const policy = policyFor({ lookup: ["targets/**"] });
    const trust = await trusting(site, { cacheDir, policy });
    await Promise.all(
      ["targets/a", "targets/b", "targets/c"].map((target) => trust.lookUp({ repository: name, target })),
    );
    site.forgetRequests();
    await (await trusting(site, { cacheDir, policy })).lookUp({ repository: name, target: "targets/c" });
    expect([...site.asked].sort()).toEqual(["2.root.json", "timestamp.json"]);
  });

  it("that is damaged refuses with its file and line, and stays as it is", async () => {
    const sim = await simulated(name, "1");
    const site = await siteOf(sim);
    const cacheDir = emptyFolder();
    await (await trusting(site, { cacheDir })).resolve(`${name}:1`);
    const file = stateOf(cacheDir);
    writeFileSync(file, readFileSync(file, "utf8").replace('"format": 1', '"format": 2'));
    const before = contentsOf(cacheDir);
    const error = await trustErrorOf((await trusting(site, { cacheDir })).resolve(`${name}:1`));
    expect(error).toMatchObject({ code: "CACHE_DAMAGED", file, line: 2 });
    expect(contentsOf(cacheDir)).toEqual(before);
  });

  it("whose targets are damaged is mended from the server", async () => {
    const sim = await simulated(name, "1");
    const site = await siteOf(sim);
    const cacheDir = emptyFolder();
    await (await trusting(site, { cacheDir })).resolve(`${name}:1`);
    const good = contentsOf(cacheDir);
    const [targets = ""] = [...good.keys()].filter((file) => file !== "state.json");
    writeFileSync(join(stateOf(cacheDir), "..", targets), "damaged");
    await (await trusting(site, { cacheDir })).resolve(`${name}:1`);
    expect(contentsOf(cacheDir)).toEqual(good);
  });

  it("keeps a verified root even where what lies below is refused", async () => {
    const sim = await simulated(name, "1");
    const site = await siteOf(sim);
    const cacheDir = emptyFolder();
    await (await trusting(site, { cacheDir })).resolve(`${name}:1`);
    sim.timestamp.keys = [newKey()];
    sim.publish();
    sim.break.flipSignature("timestamp");
    const trust = await trusting(site, { cacheDir });
    expect(await trustCodeOf(trust.resolve(`${name}:1`))).toBe("THRESHOLD");
    // The server hides the root; the old timestamp is none any more.
    sim.roots.delete(2);
    sim.break.replayAll(1);
    expect(await trustCodeOf(trust.resolve(`${name}:1`))).toBe("THRESHOLD");
    expect(await trustCodeOf((await trusting(site, { cacheDir })).resolve(`${name}:1`))).toBe("THRESHOLD");
  });

  it("is not needed by who may not write it: the answer is refused with its own code", async () => {
    const site = await siteOf(await simulated(name, "1"));
    const cacheDir = join(temporaryDirectory(), "file");
    writeFileSync(cacheDir, "");
    expect(await trustCodeOf((await trusting(site, { cacheDir })).resolve(`${name}:1`))).toBe(
      "CACHE_UNUSABLE",
    );
  });
});

describe("without the server", () => {
  const policy = policyFor({ offline: { maxAge: "6h" } });

  async function known(rule: object): Promise<{ sim: Simulator; cacheDir: string; url: string }> {
    const sim = await simulated(name, "1");
    const site = await siteOf(sim);
    const cacheDir = emptyFolder();
    await (await trusting(site, { cacheDir, policy: rule })).resolve(`${name}:1`);
    await site.close();
    return { sim, cacheDir, url: site.url };
  }

  it("everything is refused where the policy does not say otherwise", async () => {
    const { cacheDir, url } = await known(policyFor());
    expect(await trustCodeOf((await trusting({ url }, { cacheDir })).resolve(`${name}:1`))).toBe(
      "UNREACHABLE",
    );
  });

  it("the last answer is given inside the age, and says so", async () => {
    const { cacheDir, url } = await known(policy);
    const { events, onEvent } = listener();
    const now = () => simulatedNow + 6 * hour;
    const image = await (await trusting({ url }, { cacheDir, policy, now, onEvent })).resolve(`${name}:1`);
    expect([image.offline, image.checkedAt]).toEqual([true, new Date(simulatedNow).toISOString()]);
    expect(events).toContainEqual({ type: "offline", repository: name, age: 6 * hour });
  });

  it.each([
    ["outside of the age", 6 * hour + 1],
    ["with a clock that was set back", -25 * hour],
  ])("nothing is given %s", async (_, later) => {
    const { cacheDir, url } = await known(policy);
    const trust = await trusting({ url }, { cacheDir, policy, now: () => simulatedNow + later });
    const error = await trustErrorOf(trust.resolve(`${name}:1`));
    expect(error.code).toBe("OFFLINE_TOO_OLD");
    expect(error.message).toMatch(
      /checked (?:6 hours ago, at|at) 20[0-9-]+ [0-9:]+ UTC.*; the policy allows 6 hours\.$/,
    );
  });

  it("nothing is given that has expired", async () => {
    const long = policyFor({ offline: { maxAge: "60d" } });
    const { cacheDir, url } = await known(long);
    const now = () => simulatedNow + 15 * 24 * hour;
    expect(
      await trustCodeOf((await trusting({ url }, { cacheDir, policy: long, now })).resolve(`${name}:1`)),
    ).toBe("EXPIRED");
  });

  it("nothing is given that was never seen, or whose file is gone", async () => {
    const { cacheDir, url } = await known(policy);
    const trust = await trusting({ url }, { cacheDir, policy });
    expect(await trustCodeOf(trust.resolve("registry.example.test/acme/other:1"))).toBe("UNREACHABLE");
    for (const file of contentsOf(cacheDir).keys())
      if (file !== "state.json") rmSync(join(stateOf(cacheDir), "..", file));
    expect(await trustCodeOf(trust.resolve(`${name}:1`))).toBe("FILE_WITHHELD");
  });

  it("pins hold", async () => {
    const { cacheDir, url } = await known(policy);
    const pinned = {
      repositories: [{ match: "**", offline: { maxAge: "6h" }, root: { pins: { keys: ["0".repeat(64)] } } }],
    };
    const trust = await trusting({ url }, { cacheDir, policy: pinned });
    expect(await trustCodeOf(trust.resolve(`${name}:1`))).toBe("PIN_MISMATCH");
  });

  it("a server that answers with something wrong is not away", async () => {
    const sim = await simulated(name, "1");
    const site = await siteOf(sim);
    const trust = await trusting(site, { policy });
    await trust.resolve(`${name}:1`);
    site.answer = (_file, response) => {
      response.writeHead(403).end();
      return true;
    };
    expect(await trustCodeOf(trust.resolve(`${name}:1`))).toBe("FORBIDDEN");
    site.answer = (_file, response) => {
      response.writeHead(503).end();
      return true;
    };
    expect((await trust.resolve(`${name}:1`)).offline).toBe(true);
  });
});

describe("a lock", () => {
  function lockOf(image: ResolvedImage): string {
    const { signers, hashes: _h, offline: _o, checkedAt: _c, reference: _r, ...rest } = image;
    const ids = signers.map(({ keyId }) => keyId);
    const locked: LockedImage = {
      ...rest,
      name: image.repository,
      tag: image.target,
      signers: ids,
      files: ["x"],
    };
    const path = join(temporaryDirectory(), "vidimus.lock");
    const at = new Date(simulatedNow).toISOString();
    writeFileSync(path, encodeLock({ lockedAt: at, images: [locked], unverified: [] }));
    return path;
  }

  it("is a floor for an empty cache", async () => {
    const sim = await simulated(name, "1");
    const site = await siteOf(sim);
    sim.targetsOf("targets").names.set("2", someTarget("2"));
    sim.publish();
    const lock = lockOf(await (await trusting(site)).resolve(`${name}:1`));
    expect((await (await trusting(site, { lock })).resolve(`${name}:1`)).target).toBe("1");
    sim.break.replayAll(1);
    const error = await trustErrorOf((await trusting(site, { lock })).resolve(`${name}:1`));
    expect(error).toMatchObject({ code: "BELOW_LOCK", detail: { served: 2, locked: 3 } });
    expect((await (await trusting(site)).resolve(`${name}:1`)).target).toBe("1");
  });

  it("is no floor for another repository, and none any more under other online keys", async () => {
    const sim = await simulated(name, "1");
    const other = await simulated("registry.example.test/acme/other", "1");
    const site = await siteOf(sim, other);
    for (let i = 0; i < 5; i++) {
      sim.timestamp.expires += 1_000;
      sim.publish();
    }
    const lock = lockOf(await (await trusting(site)).resolve(`${name}:1`));
    expect((await (await trusting(site, { lock })).resolve(`${other.repository}:1`)).target).toBe("1");
    sim.timestamp.keys = [newKey()];
    sim.timestamp.version = 1;
    sim.publish();
    expect((await (await trusting(site, { lock })).resolve(`${name}:1`)).versions.timestamp).toBe(1);
  });

  it("that is damaged or missing opens nothing", async () => {
    const site = await siteOf();
    const path = join(temporaryDirectory(), "vidimus.lock");
    writeFileSync(path, '{\n  "format": "other"\n}\n');
    expect(await trustErrorOf(trusting(site, { lock: path }))).toMatchObject({
      code: "LOCK_INVALID",
      file: path,
      line: 2,
    });
    rmSync(path);
    expect(await trustCodeOf(trusting(site, { lock: path }))).toBe("LOCK_INVALID");
    expect(existsSync(path)).toBe(false);
  });
});

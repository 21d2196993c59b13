import { setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import { trustCodeOf, trustErrorOf } from "../support/fetching.ts";
import { newKey, type Simulator, someTarget } from "../support/simulator.ts";
import { byChecksum, type TrustSite } from "../support/trust-site.ts";
import { emptyFolder, policyFor, simulated, siteOf, trusting } from "../support/trusting.ts";

const name = "registry.example.test/acme/kernel";
let sim: Simulator;
let site: TrustSite;

beforeEach(async () => {
  sim = await simulated(name, "1", "2", "3");
  sim.delegate("targets/releases").names.set("4", someTarget("4"));
  sim.publish();
  site = await siteOf(sim);
});

/** Files asked for, without checksums, in order of their names: what goes out together comes in any order. */
function asked(): readonly string[] {
  return site.asked.map((file) => file.replace(/\.[0-9a-f]{64}\.json$/, ".SHA.json")).sort();
}

const whole = [
  "2.root.json",
  "root.json",
  "snapshot.SHA.json",
  "targets.SHA.json",
  "targets/releases.SHA.json",
  "timestamp.json",
];
const nothingNew = ["2.root.json", "timestamp.json"];

describe("what is asked for", () => {
  it("cold: each file once", async () => {
    await (await trusting(site)).resolve(`${name}:4`);
    expect(asked()).toEqual(whole);
  });

  it("cold: no role that does not count", async () => {
    const trust = await trusting(site, { policy: policyFor({ lookup: ["targets"] }) });
    await trust.resolve(`${name}:1`);
    expect(asked()).toEqual(whole.filter((file) => !file.startsWith("targets/")));
  });

  it("warm from memory: the timestamp and the next root", async () => {
    const trust = await trusting(site);
    await trust.resolve(`${name}:4`);
    site.forgetRequests();
    await trust.resolve(`${name}:4`);
    expect(asked()).toEqual(nothingNew);
  });

  it("warm from disk: the timestamp and the next root", async () => {
    const cacheDir = emptyFolder();
    await (await trusting(site, { cacheDir })).resolve(`${name}:4`);
    site.forgetRequests();
    await (await trusting(site, { cacheDir })).resolve(`${name}:4`);
    expect(asked()).toEqual(nothingNew);
  });

  it("warm: both in one round trip", async () => {
    const trust = await trusting(site);
    await trust.resolve(`${name}:4`);
    site.forgetRequests();
    const held: (() => void)[] = [];
    site.answer = (file, response) => {
      held.push(() => {
        const bytes = sim.served.get(file.replace(/\.json$/, ""));
        response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
      });
      // Nobody is answered before both have asked.
      if (held.length === 2) for (const answer of held) answer();
      return true;
    };
    await trust.resolve(`${name}:4`);
    expect(held).toHaveLength(2);
  });

  it("after a publication: what it changed", async () => {
    const trust = await trusting(site);
    await trust.resolve(`${name}:4`);
    site.forgetRequests();
    sim.targetsOf("targets/releases").names.set("5", someTarget("5"));
    sim.publish();
    expect((await trust.resolve(`${name}:5`)).role).toBe("targets/releases");
    expect(asked()).toEqual([
      "2.root.json",
      "snapshot.SHA.json",
      "targets/releases.SHA.json",
      "timestamp.json",
    ]);
  });

  it("after a renewed timestamp: nothing more", async () => {
    const trust = await trusting(site);
    await trust.resolve(`${name}:4`);
    site.forgetRequests();
    sim.timestamp.expires += 86_400_000;
    sim.publish();
    await trust.resolve(`${name}:4`);
    expect(asked()).toEqual(nothingNew);
  });

  it("after a rotation: every root on the way, and the timestamp under the new one", async () => {
    const trust = await trusting(site);
    await trust.resolve(`${name}:4`);
    for (let i = 0; i < 2; i++) {
      sim.timestamp.keys = [newKey()];
      sim.publish();
    }
    site.forgetRequests();
    expect((await trust.resolve(`${name}:4`)).versions.root).toBe(3);
    expect(asked()).toEqual([
      "2.root.json",
      "3.root.json",
      "4.root.json",
      "snapshot.SHA.json",
      // Under other keys of the timestamp nothing that lies below it is remembered.
      "targets.SHA.json",
      "targets/releases.SHA.json",
      "timestamp.json",
      "timestamp.json",
    ]);
  });

  it("for several images of one repository at once: as for one", async () => {
    const trust = await trusting(site);
    const outcomes = await trust.resolveAll(["1", "2", "3", "4"].map((tag) => `${name}:${tag}`));
    expect(outcomes.map(({ image }) => image?.target)).toEqual(["1", "2", "3", "4"]);
    expect(asked()).toEqual(whole);
  });
});

describe("a publication between two requests", () => {
  const publish = (content: string) => {
    for (const tag of ["1", "2", "3"])
      sim.targetsOf("targets").names.set(tag, someTarget(`${tag} ${content}`));
    sim.publish();
  };
  const digestsOf = (...contents: readonly string[]) =>
    new Set(contents.map((content) => `sha256:${someTarget(content).sha256}`));

  it("gives the old or the new to twenty who ask at once", async () => {
    let published = false;
    site.answer = (file, response, request) => {
      if (file.startsWith("snapshot.") && !published) {
        published = true;
        publish("new");
      }
      return byChecksum(sim)(file, response, request);
    };
    const trust = await trusting(site);
    const tags = Array.from({ length: 20 }, (_, index) => String((index % 3) + 1));
    const images = await Promise.all(tags.map((tag) => trust.resolve(`${name}:${tag}`)));
    for (const [index, { digest }] of images.entries()) {
      const tag = tags[index] as string;
      expect(digestsOf(tag, `${tag} new`)).toContain(digest);
    }
    // All of one update.
    expect(new Set(images.map(({ versions }) => versions.targets)).size).toBe(1);
    expect(digestsOf("1 new")).toContain((await trust.resolve(`${name}:1`)).digest);
  });

  it("starts the update again where the server gives the newest file whatever was asked for", async () => {
    let published = false;
    site.answer = (file) => {
      if (file.startsWith("snapshot.") && !published) {
        published = true;
        publish("new");
      }
      return false;
    };
    const trust = await trusting(site);
    expect(digestsOf("1 new")).toContain((await trust.resolve(`${name}:1`)).digest);
    expect(site.asked.filter((file) => file.startsWith("snapshot."))).toHaveLength(2);
  });

  it("starts the update again where the newest file is longer than the one asked for", async () => {
    let published = false;
    site.answer = (file) => {
      if (file.startsWith("snapshot.") && !published) {
        published = true;
        sim.delegate("targets/more").names.set("5", someTarget("5"));
        publish("new");
      }
      return false;
    };
    expect(digestsOf("1 new")).toContain((await (await trusting(site)).resolve(`${name}:1`)).digest);
  });

  it("that comes with every request ends in a refusal, after three attempts", async () => {
    let count = 0;
    site.answer = (file) => {
      if (file.startsWith("snapshot.")) publish(String(count++));
      return false;
    };
    const trust = await trusting(site);
    expect(await trustCodeOf(trust.resolve(`${name}:1`))).toBe("HASH_MISMATCH");
    expect(count).toBe(3);
  });

  it("is not assumed where the server goes on giving the same timestamp", async () => {
    sim.break.flipSignature("snapshot");
    const trust = await trusting(site);
    expect(await trustCodeOf(trust.resolve(`${name}:1`))).toBe("HASH_MISMATCH");
    expect(site.asked.filter((file) => file.startsWith("snapshot."))).toHaveLength(1);
  });

  it("by a new root after its absence was told is followed", async () => {
    const trust = await trusting(site);
    await trust.resolve(`${name}:1`);
    let rotated = false;
    site.answer = (file, response) => {
      if (file === "2.root.json" && !rotated) {
        rotated = true;
        response.writeHead(404).end();
        sim.timestamp.keys = [newKey()];
        sim.publish();
        return true;
      }
      if (file !== "timestamp.json" || rotated) return false;
      // The timestamp waits for the rotation.
      void (async () => {
        while (!rotated) await nextTurn();
        response.end(sim.served.get("timestamp"));
      })();
      return true;
    };
    expect((await trust.resolve(`${name}:1`)).versions.root).toBe(2);
  });

  it("between twenty who ask and twenty who ask again never mixes", async () => {
    site.answer = byChecksum(sim);
    const trust = await trusting(site);
    const rounds = Array.from({ length: 6 }, async (_, round) => {
      for (let turn = 0; turn < round * 3; turn++) await nextTurn();
      if (round % 2 === 1) publish(`round ${round}`);
      const all = await Promise.all(
        Array.from({ length: 20 }, () => trust.resolve(`${name}:2`).then(({ digest }) => digest)),
      );
      return new Set(all);
    });
    const known = digestsOf("2", "2 round 1", "2 round 3", "2 round 5");
    for (const digests of await Promise.all(rounds)) {
      for (const digest of digests) expect(known).toContain(digest);
    }
    expect(digestsOf("2 round 5")).toContain((await trust.resolve(`${name}:2`)).digest);
  });
});

describe("a refused update", () => {
  it("changes nothing, so that an honest answer is accepted next", async () => {
    const trust = await trusting(site);
    const before = await trust.resolve(`${name}:1`);
    sim.targetsOf("targets").names.set("1", someTarget("changed"));
    sim.publish();
    sim.break.flipSignature("timestamp");
    expect(await trustCodeOf(trust.resolve(`${name}:1`))).toBe("THRESHOLD");
    sim.break.replayAll(sim.generations.length - 2);
    expect((await trust.resolve(`${name}:1`)).digest).toBe(before.digest);
    sim.repair();
    expect((await trust.resolve(`${name}:1`)).versions.targets).toBe((before.versions.targets ?? 0) + 1);
  });

  it("says what was asked for, in which repository and role", async () => {
    sim.break.flipSignature("targets");
    sim.break.vouch();
    const error = await trustErrorOf((await trusting(site)).resolve(`${name}:1`));
    expect(error).toMatchObject({
      code: "THRESHOLD",
      reference: `${name}:1`,
      repository: name,
      role: "targets",
    });
  });
});

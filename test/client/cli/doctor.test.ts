import { writeFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import type { Diagnosis } from "../../../src/client/cli/diagnosis.ts";
import { endings } from "../../../src/client/errors.ts";
import { runClient, type Said, type World } from "../../support/client-cli.ts";
import { closeLater, deadPort, serverPair } from "../../support/fetching.ts";
import { type Folder, folderWith } from "../../support/folder.ts";
import { simulatedNow, someTarget } from "../../support/simulator.ts";
import { startSecureSite } from "../../support/trust-site.ts";
import { simulated, siteOf, trusting } from "../../support/trusting.ts";

const pinned = `server: URL\nrepositories:\n  - match: a/*\n    root: { pins: { keys: ["${"0".repeat(64)}"] } }\n`;
let folder: Folder;
let url: string;

beforeEach(async () => {
  const site = await siteOf();
  ({ url } = site);
  folder = folderWith({ "policy.yaml": pinned.replace("URL", url), "docker/config.json": "{}\n" });
});

function doctor(flags: readonly string[] = [], world: World = {}): Promise<Said> {
  const own = [
    ...["--policy", folder.at("policy.yaml"), "--cache", folder.at("cache")],
    ...["--docker-config", folder.at("docker")],
  ];
  return runClient(["doctor", ...own, ...flags], { now: Date.now, ...world });
}

async function diagnoses(flags: readonly string[] = [], world: World = {}) {
  const { code, json } = await doctor([...flags, "--json"], world);
  const { format, diagnoses: all } = json() as { format: string; diagnoses: readonly Diagnosis[] };
  expect(format).toBe("vidimus-doctor/1");
  return {
    code,
    all,
    states: all.map(({ state, subject }) => `${state} ${subject}`),
    of: (subject: string) => all.find((each) => each.subject === subject),
  };
}

describe("doctor", () => {
  it("finds everything in order", async () => {
    const { code, states } = await diagnoses();
    expect([code, states]).toEqual([0, ["ok policy", "ok cache", "ok docker", `ok ${url}`, "ok clock"]]);
  });

  it("does not guess which servers a policy names that cannot be read", async () => {
    folder.write("policy.yaml", pinned.replace("URL", url).replace("match:", "mach:"));
    const { states } = await diagnoses();
    expect(states).toEqual(["fault policy", "ok cache", "ok docker"]);
  });

  it("warns of what the policy has for nothing", async () => {
    const servers = "servers: { https://other.example.test: { tokenRealms: [] } }";
    folder.write("policy.yaml", `${servers}\n${pinned.replace("URL", url)}`);
    const { code, all } = await diagnoses();
    expect(code).toBe(0);
    expect(all.filter(({ state }) => state === "warning")).toMatchObject([
      { subject: "policy", what: expect.stringContaining("https://other.example.test") },
    ]);
  });

  it("prints a table", async () => {
    const { code, out, err } = await doctor();
    expect([code, err]).toEqual([0, ""]);
    expect(out.split("\n")[0]).toMatch(/^ +subject +what +what to do$/);
    expect(out).toMatch(/\nok +cache +/);
  });

  it("leaves nothing behind", async () => {
    const before = folder.contents();
    await doctor();
    expect(folder.contents()).toEqual(before);
  });

  it("warns about rules without pins, and about trust in the first use", async () => {
    folder.write(
      "policy.yaml",
      `server: ${url}\nrepositories:\n  - match: a/*\n  - match: b/*\n    tofu: true\n`,
    );
    const { code, all } = await diagnoses();
    expect(code).toBe(0);
    expect(all.filter(({ state }) => state === "warning").map(({ what }) => what)).toEqual([
      "no pins: a/*",
      "first use is trusted: b/*",
    ]);
  });

  it("says where no policy is named", async () => {
    const flags = ["doctor", "--server", url, "--cache", folder.at("cache"), "--json"];
    const { json, code } = await runClient(flags, { now: Date.now });
    expect(code).toBe(0);
    expect(json()).toMatchObject({ diagnoses: [{ subject: "policy", state: "ok" }, {}, {}, {}, {}] });
  });

  it.each([
    ["a policy that is damaged", () => folder.write("policy.yaml", "x: 1\n"), "policy", "policyFile"],
    [
      "a policy that is missing",
      () => {
        folder = folderWith();
      },
      "policy",
      "policyFile",
    ],
    [
      "Docker's configuration that is damaged",
      () => folder.write("docker/config.json", "{"),
      "docker",
      "input",
    ],
    ["a cache that is a file", () => writeFileSync(folder.at("cache"), ""), "cache", "cache"],
  ] as const)("finds %s", async (_, spoil, subject, ending) => {
    spoil();
    const { code, of } = await diagnoses(["--server", url]);
    expect(of(subject)).toMatchObject({ state: "fault", ending, next: expect.any(String) });
    expect(code).toBe(endings[ending].exit);
  });

  describe("tries the pins of rules without a star", () => {
    const name = "registry.example.test/acme/kernel";
    const rule = (match: string, id: string) =>
      `  - match: "${match}"\n    root: { pins: { keys: ["${id}"] } }\n`;

    async function withRepository(repository: string, ids: (id: string) => readonly string[]) {
      const sim = await simulated(repository, "1");
      const site = await siteOf(sim);
      const [key] = (await (await trusting(site)).root(repository)).keys;
      folder.write("policy.yaml", `server: ${site.url}\nrepositories:\n${ids(key?.keyId ?? "").join("")}`);
      return { sim, site };
    }

    const now = () => simulatedNow;
    const pinsOf = async () =>
      (await diagnoses([], { now })).all.filter(({ subject }) => subject.startsWith("pins of"));

    it("and says whether they hold", async () => {
      const { site } = await withRepository(name, (id) => [
        rule(name, id),
        rule("registry.example.test/**", id),
      ]);
      const before = folder.contents();
      expect(await pinsOf()).toEqual([expect.objectContaining({ subject: `pins of ${name}`, state: "ok" })]);
      expect(folder.contents()).toEqual(before);
      expect(site.asked.includes("root.json")).toBe(true);
    });

    it("and refuses others with the command that pins them", async () => {
      await withRepository(name, () => [rule(name, "0".repeat(64))]);
      const [found] = await pinsOf();
      expect(found).toMatchObject({ state: "fault", ending: "policy" });
      expect(found?.next).toContain(`vidimus-client pin add ${name} --key`);
    });

    it("also of a repository of files, without a host", async () => {
      await withRepository("acme/files", (id) => [rule("acme/files", id)]);
      expect(await pinsOf()).toEqual([expect.objectContaining({ state: "ok" })]);
    });

    it("again with what the cache remembers, which may be a stranger's root", async () => {
      const { site } = await withRepository(name, () => []);
      const cacheDir = folder.at("cache");
      const before = await trusting(site, { cacheDir });
      await before.check(name);
      const fresh = await simulated(name, "2");
      site.add(fresh);
      const [key] = (await (await trusting(site)).root(name)).keys;
      folder.write("policy.yaml", `server: ${site.url}\nrepositories:\n${rule(name, key?.keyId ?? "")}`);
      const contents = folder.contents();
      const { code, all, of } = await diagnoses([], { now });
      expect(of(`pins of ${name}`)?.state).toBe("ok");
      const fault = of(`cache of ${name}`);
      expect(fault).toMatchObject({ state: "fault", ending: "unauthentic" });
      expect(fault?.what).toMatch(/state\.json stands against what is served and pinned: /);
      const others = all.filter(({ state, subject }) => state === "fault" && subject !== "clock");
      expect(others).toEqual([fault]);
      expect(code).toBe(endings.unauthentic.exit);
      expect(folder.contents()).toEqual(contents);
      // What it says helps.
      const [, command = ""] = /: vidimus-client (pin add .*)$/.exec(fault?.next ?? "") ?? [];
      expect(command).toContain(` --replaced --cache ${cacheDir} --policy ${folder.at("policy.yaml")}`);
      expect((await runClient(command.split(" "), { answer: "yes" })).code).toBe(0);
      expect((await diagnoses([], { now })).of(`cache of ${name}`)).toBeUndefined();
    });

    it("again with what the cache remembers, which may be newer than what is served", async () => {
      const { sim, site } = await withRepository(name, (id) => [rule(name, id)]);
      sim.targetsOf("targets").names.set("2", someTarget("2"));
      sim.publish();
      await (await trusting(site, { cacheDir: folder.at("cache") })).check(name);
      expect((await diagnoses([], { now })).of(`cache of ${name}`)).toBeUndefined();
      sim.break.replayAll(1);
      const { code, of } = await diagnoses([], { now });
      expect([code, of(`cache of ${name}`)]).toEqual([
        endings.stale.exit,
        expect.objectContaining({ state: "fault", next: expect.stringContaining("older version") }),
      ]);
    });

    it("and says once that a server is away", async () => {
      const { site } = await withRepository(name, (id) => [rule(name, id)]);
      await site.close();
      const { all } = await diagnoses([], { now });
      expect(all.filter(({ state }) => state === "fault").map(({ subject }) => subject)).toEqual([site.url]);
    });

    it("but no more than 64 of them", async () => {
      const names = Array.from({ length: 70 }, (_, index) => `registry.example.test/acme/r${index}`);
      await withRepository(name, (id) => names.map((each) => rule(each, id)));
      const { all } = await diagnoses([], { now });
      expect(all.filter(({ subject }) => subject.startsWith("pins of"))).toHaveLength(64);
      expect(all.at(-1)?.what).toBe("6 more rules were not tried");
    });
  });

  it("has a next step for everything that is wrong, which is never to run doctor", async () => {
    const dead = `http://127.0.0.1:${await deadPort()}`;
    folder.write("policy.yaml", pinned.replace("URL", dead));
    folder.write("docker/config.json", "{");
    const { all } = await diagnoses();
    const wrong = all.filter(({ state }) => state !== "ok");
    expect(wrong).toHaveLength(2);
    for (const { next } of wrong) expect(next).toMatch(/^(?!.*doctor).+\.$/);
    expect(new Set(wrong.map(({ next }) => next)).size).toBe(wrong.length);
  });

  it("is content without Docker's configuration", async () => {
    const { code, of } = await diagnoses(["--docker-config", folder.at("none")]);
    expect([code, of("docker")?.state]).toEqual([0, "ok"]);
  });

  it("finds a server that is away, and one that nobody named", async () => {
    const dead = `http://127.0.0.1:${await deadPort()}`;
    folder.write("policy.yaml", pinned.replace("URL", dead));
    const away = await diagnoses();
    expect([away.code, away.of(dead)?.state]).toEqual([endings.unreachable.exit, "fault"]);
    folder.write("policy.yaml", pinned.replace("server: URL\n", ""));
    const none = await diagnoses();
    expect([none.code, none.of("server")?.state]).toEqual([endings.policyFile.exit, "fault"]);
  });

  it("finds each rule that leads nowhere, with its line", async () => {
    const policy = `repositories:\n  - { match: a/b, server: "${url}", tofu: true }\n  - { match: a/*, tofu: true }\n${"  - match: a/c\n"}`;
    const pins = `    root: { pins: { keys: ["${"0".repeat(64)}"] } }\n`;
    folder.write("policy.yaml", `${policy}${pins}`);
    const { code, all } = await diagnoses();
    const faults = all.filter(({ state }) => state === "fault");
    const file = folder.at("policy.yaml");
    expect(faults.map(({ subject, what }) => [subject, what])).toEqual([
      ["server", `${file}:3: the rule a/* leads nowhere`],
      ["server", `${file}:4: the rule a/c leads nowhere`],
    ]);
    for (const { next } of faults) expect(next).toContain("`server`");
    expect(code).toBe(endings.policyFile.exit);
    expect((await diagnoses(["--server", url])).all.filter(({ subject }) => subject === "server")).toEqual(
      [],
    );
  });

  it("finds a certificate that it does not know, and knows it by its authority", async () => {
    const pair = await serverPair();
    const secure = await startSecureSite(pair);
    closeLater(() => secure.close());
    folder.write("ca.pem", pair.ca);
    folder.write("policy.yaml", pinned.replace("server: URL\n", ""));
    const unknown = await diagnoses(["--server", secure.url]);
    expect([unknown.code, unknown.of(secure.url)?.state]).toEqual([endings.unreachable.exit, "fault"]);
    const known = await diagnoses(["--server", secure.url, "--ca", folder.at("ca.pem")]);
    expect([known.code, known.of(secure.url)?.state]).toEqual([0, "ok"]);
    const absent = await diagnoses(["--server", secure.url, "--ca", folder.at("none.pem")]);
    expect([absent.code, absent.of(secure.url)?.state]).toEqual([endings.policyFile.exit, "fault"]);
  });

  it.each([
    ["ahead", 120_000],
    ["behind", -120_000],
  ])("finds a clock that is %s", async (word, off) => {
    const { code, of } = await diagnoses([], { now: () => Date.now() + off });
    expect([code, of("clock")]).toEqual([
      endings.stale.exit,
      expect.objectContaining({ state: "fault", what: expect.stringContaining(word) }),
    ]);
  });

  it("asks every server that the policy and the options name, once", async () => {
    const second = await siteOf();
    folder.write(
      "policy.yaml",
      `server: ${url}/\nrepositories:\n  - match: a/*\n    server: ${second.url}\n    tofu: true\n`,
    );
    const { states } = await diagnoses(["--server", url]);
    expect(states.filter((each) => each.includes("http"))).toEqual([`ok ${url}`, `ok ${second.url}`]);
    expect(second.asked).toHaveLength(1);
  });
});

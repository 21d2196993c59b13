import { lstatSync, symlinkSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { usageExit } from "../../../src/client/cli/report.ts";
import { endings } from "../../../src/client/errors.ts";
import { openKey, type UsableKey } from "../../../src/core/keys.ts";
import { runClient, type Said, type World } from "../../support/client-cli.ts";
import { type Folder, folderWith } from "../../support/folder.ts";
import type { Simulator } from "../../support/simulator.ts";
import { simulated, siteOf } from "../../support/trusting.ts";

const name = "registry.example.test/acme/kernel";
const other = "0".repeat(64);
const rules = `repositories:\n  - match: registry.example.test/acme/* # all of them\n    lookup: [targets]\n`;
let policy: string;
let sim: Simulator;
let site: Awaited<ReturnType<typeof siteOf>>;
let folder: Folder;

beforeEach(async () => {
  sim = await simulated(name, "1");
  site = await siteOf(sim);
  policy = `# ours\nserver: ${site.url}\n${rules}`;
  folder = folderWith({ "policy.yaml": policy });
});

function pin(argv: readonly string[], world: World = {}): Promise<Said> {
  const flags = ["--policy", folder.at("policy.yaml"), "--cache", folder.at("cache"), "--server", site.url];
  return runClient(["pin", ...argv, ...flags], world);
}

const text = () => folder.read("policy.yaml");

async function keyId(): Promise<string> {
  return /key ID +([0-9a-f]{64})/.exec((await pin(["add", name], { answer: "no" })).err)?.[1] ?? "";
}

describe("pin add", () => {
  it("shows what has to be compared, asks, and pins after a yes", async () => {
    const { code, out, err } = await pin(["add", name], { answer: " Yes " });
    const id = /key ID +([0-9a-f]{64}) \(ecdsa\)/.exec(err)?.[1] ?? "";
    expect(code).toBe(0);
    expect(err).toContain(`repository   ${name} at ${site.url}\n`);
    expect(err).toMatch(/root +version 1, until .*; 1 of 1 keys must sign\n/);
    expect(err).toMatch(/certificate +until .*, SHA-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}\n/);
    expect(out).toBe(`${folder.at("policy.yaml")}: the rule registry.example.test/acme/* pins ${id}.\n`);
    expect(text()).toBe(`${policy}    root:\n      pins:\n        keys:\n          - ${id}\n`);
  });

  it("takes y for yes", async () => {
    const { code } = await pin(["add", name], { answer: "Y" });
    expect([code, text()]).toEqual([0, expect.stringContaining("keys:")]);
  });

  it.each(["no", "", "n", "yy", "yes please"])("pins nothing after %j", async (answer) => {
    const { code, out, err } = await pin(["add", name], { answer });
    expect([code, out, text()]).toEqual([endings.declined.exit, "", policy]);
    expect(err).toContain(`Nothing was pinned for ${name}: the answer was not yes. [DECLINED]`);
    const { json } = await pin(["add", name, "--json"], { answer });
    expect(json()).toMatchObject({ refusals: [{ code: "DECLINED", ending: "declined", who: "you" }] });
  });

  it("pins nothing where nobody can be asked, and shows what to compare", async () => {
    const { code, out, err } = await pin(["add", name]);
    expect([code, out, text()]).toEqual([usageExit, "", policy]);
    expect(err).toMatch(/key ID +[0-9a-f]{64}/);
  });

  it("pins keys that are given, and no others", async () => {
    const id = await keyId();
    const refused = await pin(["add", name, "--key", id, "--key", other]);
    expect([refused.code, text()]).toEqual([endings.policy.exit, policy]);
    const { code, json } = await pin(["add", name, "--key", id, "--json"]);
    expect(code).toBe(0);
    expect(json()).toEqual({
      format: "vidimus-pin/1",
      policy: folder.at("policy.yaml"),
      rule: "registry.example.test/acme/*",
      added: [id],
      root: expect.objectContaining({ repository: name, version: 1 }),
      forgotten: false,
    });
    expect((await pin(["add", name, "--key", id])).out).toContain("pins these keys already");
  });

  it("pins a key that the root has not yet where somebody says that this is meant, and says so", async () => {
    const id = await keyId();
    const ahead = ["add", name, "--key", id, "--key", other];
    const { json } = await pin([...ahead, "--json"]);
    expect(json()).toMatchObject({
      refusals: [{ code: "PIN_MISMATCH", who: "you", next: expect.stringContaining("give --yes") }],
    });
    const declined = await pin(ahead, { answer: "no" });
    expect([declined.code, text()]).toEqual([endings.declined.exit, policy]);
    const short = await pin(["add", name, "--key", other.slice(0, 12), "--yes"]);
    expect([short.code, text()]).toEqual([endings.policy.exit, policy]);
    const { code, err, out } = await pin([...ahead, "--yes"]);
    expect([code, out]).toEqual([0, expect.stringContaining(`pins ${id}, ${other}.`)]);
    expect(err).toContain(`${other}: no key of the root of ${name}, which has ${id}.`);
    const later = "1".repeat(64);
    expect((await pin(["add", name, "--key", later], { answer: "yes" })).code).toBe(0);
    expect(text()).toContain(later);
  });

  it("goes on without a refusal when a key is added that was pinned ahead", async () => {
    const fresh = await sim.rootKey();
    const { canonicalId } = openKey(fresh.listed) as UsableKey;
    await pin(["add", name, "--key", await keyId()]);
    await pin(["add", name, "--key", canonicalId, "--yes"]);
    sim.root.keys = [fresh];
    sim.publish();
    const flags = ["--policy", folder.at("policy.yaml"), "--cache", folder.at("cache")];
    expect((await runClient(["resolve", `${name}:1`, ...flags])).code).toBe(0);
  });

  it("makes the policy where there is none, after which the repository resolves", async () => {
    const id = await keyId();
    folder = folderWith();
    const { code } = await pin(["add", name, "--key", id]);
    expect(code).toBe(0);
    expect(text()).toContain(`server: ${site.url}\n`);
    expect(text()).toContain(`  - match: ${name}\n    root:\n`);
    const flags = ["--policy", folder.at("policy.yaml"), "--cache", folder.at("cache")];
    expect((await runClient(["resolve", `${name}:1`, ...flags])).code).toBe(0);
  });

  it("writes to what a link leads to, and leaves the link", async () => {
    const id = await keyId();
    symlinkSync("policy.yaml", folder.at("link.yaml"));
    const flags = ["--policy", folder.at("link.yaml"), "--cache", folder.at("cache"), "--server", site.url];
    expect((await runClient(["pin", "add", name, "--key", id, ...flags])).code).toBe(0);
    expect(text()).toContain(id);
    expect(lstatSync(folder.at("link.yaml")).isSymbolicLink()).toBe(true);
  });

  it("pins nothing at another server than the one that was named", async () => {
    const id = await keyId();
    const elsewhere = ["--policy", folder.at("policy.yaml"), "--server", "https://127.0.0.1:1"];
    const { code, err } = await runClient(["pin", "add", name, "--key", id, ...elsewhere]);
    expect([code, text()]).toEqual([usageExit, policy]);
    expect(err).toContain(site.url);
  });

  it("keeps what somebody wrote into the policy while a person was asked", async () => {
    const tightened = policy.replace("lookup: [targets]", "lookup: [targets]\n    require: [targets]");
    const id = await keyId();
    const world: World = {
      answer: () => {
        folder.write("policy.yaml", tightened);
        return "yes";
      },
    };
    expect((await pin(["add", name], world)).code).toBe(0);
    expect(text()).toContain(id);
    expect(text()).toContain("require: [targets]");
  });

  it("loses none of several that are added at the same time", async () => {
    const others = ["a", "b", "c", "d"].map((each) => `registry.example.test/${each}/**`);
    const ends = await Promise.all(others.map((each) => pin(["add", each, "--key", other])));
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    for (const each of others) expect(text()).toContain(each);
  });

  it("writes nothing where the repository cannot be seen", async () => {
    sim.break.expire("root");
    const { code } = await pin(["add", name], { answer: "yes" });
    expect([code, text()]).toEqual([endings.stale.exit, policy]);
    expect((await pin(["add", "registry.example.test/acme/absent"], { answer: "yes" })).code).toBe(
      endings.unsigned.exit,
    );
    await site.close();
    expect((await pin(["add", name], { answer: "yes" })).code).toBe(endings.unreachable.exit);
    expect(Object.keys(folder.contents()).filter((each) => !each.startsWith("cache/"))).toEqual([
      "policy.yaml",
    ]);
  });

  it("leaves a damaged policy as it is", async () => {
    folder.write("policy.yaml", "repositories: {}\n");
    const { code, err } = await pin(["add", name], { answer: "yes" });
    expect([code, text()]).toEqual([endings.policyFile.exit, "repositories: {}\n"]);
    expect(err).toContain(`${folder.at("policy.yaml")}:1: `);
  });

  it("never offers the key of a root that is remembered and not served any more", async () => {
    folder.write("policy.yaml", `repositories:\n  - { match: "registry.example.test/**", tofu: true }\n`);
    const flags = ["--policy", folder.at("policy.yaml"), "--cache", folder.at("cache"), "--server", site.url];
    expect((await runClient(["resolve", `${name}:1`, ...flags])).code).toBe(0);
    const old = await keyId();
    site.add(await simulated(name, "2"));
    folder.write("policy.yaml", policy);
    const served = await keyId();
    expect(served).not.toBe(old);
    const { code, err } = await pin(["add", name, "--key", served]);
    expect(code).toBe(endings.unauthentic.exit);
    expect(err).toContain("--replaced");
    expect(err).not.toContain(old);
    expect((await pin(["add", name, "--key", served, "--replaced"])).code).toBe(0);
  });

  it("accepts a repository that was made anew, and forgets the old one", async () => {
    await pin(["add", name], { answer: "yes" });
    const anew = await simulated(name, "2");
    site.add(anew);
    const resolve = () =>
      runClient([
        ...["resolve", `${name}:2`, "--server", site.url],
        ...["--policy", folder.at("policy.yaml"), "--cache", folder.at("cache")],
      ]);
    expect((await resolve()).code).not.toBe(0);
    const unsaid = await pin(["add", name], { answer: "yes" });
    expect([unsaid.code, unsaid.out]).toEqual([
      endings.unauthentic.exit,
      expect.not.stringContaining("is forgotten"),
    ]);
    expect((await resolve()).code).not.toBe(0);
    const { code, out } = await pin(["add", name, "--replaced"], { answer: "yes" });
    expect([code, out]).toEqual([0, expect.stringContaining("is forgotten")]);
    expect((await resolve()).code).toBe(0);
  });

  it("forgets nothing where an old root is served again, unless it is asked for", async () => {
    const id = await keyId();
    await pin(["add", name, "--key", id]);
    sim.timestamp.keys = [await sim.rootKey()];
    sim.publish();
    const flags = ["--policy", folder.at("policy.yaml"), "--cache", folder.at("cache"), "--server", site.url];
    const resolve = () => runClient(["resolve", `${name}:1`, ...flags]);
    expect((await resolve()).code).toBe(0);
    sim.roots.delete(2);
    sim.break.replayAll(1);
    const { code, err } = await pin(["add", name, "--key", id], { columns: 60 });
    expect(code).toBe(endings.unauthentic.exit);
    expect(err).toMatch(
      /^It is pinned, and cannot be used yet:\n[^\n]+ \[THRESHOLD\]\nserver operator: [^\n]+\.\n$/,
    );
    expect((await resolve()).code).toBe(endings.unauthentic.exit);
  });
});

describe("pin add of a pattern", () => {
  const pattern = "registry.example.test/acme/**";

  it("needs keys, and pins them without asking the server", async () => {
    expect((await pin(["add", pattern], { answer: "yes" })).code).toBe(usageExit);
    expect((await pin(["add", pattern, "--key", "short"])).code).toBe(usageExit);
    expect((await pin(["add", pattern, "--key", other, "--replaced"])).code).toBe(usageExit);
    expect(text()).toBe(policy);
    await site.close();
    const { code, out } = await pin(["add", pattern, "--key", other]);
    expect([code, out]).toEqual([0, `${folder.at("policy.yaml")}: the rule ${pattern} pins ${other}.\n`]);
    expect(text()).toContain(`  - match: ${pattern}\n`);
  });

  it("goes to the rule that matches the same names", async () => {
    const same = "REGISTRY.example.test:443/acme/*";
    expect((await pin(["add", same, "--key", other, "--json"])).json()).toEqual({
      format: "vidimus-pin/1",
      policy: folder.at("policy.yaml"),
      rule: "registry.example.test/acme/*",
      added: [other],
    });
    const { code } = await pin(["remove", same, "--all"]);
    expect([code, text()]).toEqual([0, policy]);
  });

  it("that is none is refused", async () => {
    expect((await pin(["add", "a/b*", "--key", other])).code).toBe(endings.input.exit);
  });
});

describe("a name without a host", () => {
  const files = "acme/files";

  beforeEach(async () => {
    site.add(await simulated(files, "1"));
  });

  it("is an image's, unless it is said to hold files", async () => {
    const image = await pin(["add", files], { answer: "yes" });
    expect([image.code, image.err]).toEqual([
      endings.unsigned.exit,
      expect.stringContaining(`docker.io/acme/files has no trust data`),
    ]);
    expect(image.err).toContain("pin add --files acme/files");
    const { code, err } = await pin(["add", "--files", files], { answer: "yes" });
    expect([code, err]).toEqual([0, expect.stringContaining(`repository   ${files} at `)]);
    expect(text()).toContain(`  - match: ${files}\n`);
  });

  it("is told in the command of a refusal as it has to be given", async () => {
    folder.write("policy.yaml", `${policy}  - match: acme/files\n`);
    const flags = ["--policy", folder.at("policy.yaml"), "--cache", folder.at("cache"), "--server", site.url];
    folder.write("a", "1");
    const argv = ["verify", folder.at("a"), "--repository", files, "--target", "1", ...flags];
    // However narrow the terminal is, the command is a line.
    const { code, err } = await runClient(argv, { columns: 60 });
    expect(code).toBe(endings.policy.exit);
    expect(err.replaceAll(/\s+/g, "")).toContain("run:see(1)below");
    const [, command = ""] = /\n\(1\)\nvidimus-client (.*)\n$/.exec(err) ?? [];
    expect(command).toMatch(/^pin add --files acme\/files --key [0-9a-f]{64} --policy \S+$/);
    expect((await runClient([...command.split(" "), "--cache", folder.at("cache")])).code).toBe(0);
    expect((await runClient(argv)).code).toBe(0);
  });
});

describe("pin list", () => {
  it("prints every pin", async () => {
    expect((await pin(["list"])).out).toBe(`${folder.at("policy.yaml")} pins nothing.\n`);
    const pins = `{ keys: ["${other}"], certificates: ["${other}"], ca: ca.pem }`;
    folder.write("policy.yaml", `repositories:\n  - match: a/*\n    root: { pins: ${pins} }\n`);
    const { code, out } = await pin(["list"]);
    expect(code).toBe(0);
    expect(out.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
      ["repositories", "what", "pin"],
      ["a/*", "key", other],
      ["a/*", "certificate", other],
      ["a/*", "CA", "ca.pem"],
      [""],
    ]);
    expect((await pin(["list", "--json"])).json()).toEqual({
      format: "vidimus-pins/1",
      policy: folder.at("policy.yaml"),
      pins: [{ match: "a/*", keys: [other], certificates: [other], ca: "ca.pem" }],
    });
  });

  it("refuses a policy that is not there", async () => {
    folder = folderWith();
    const { code, err } = await pin(["list"]);
    expect(code).toBe(endings.policyFile.exit);
    expect(err).toContain("The policy is not there. [POLICY_INVALID]");
    expect(err).toContain(`\nvidimus-client pin add NAME --policy ${folder.at("policy.yaml")}\n`);
  });
});

describe("pin remove", () => {
  beforeEach(async () => {
    await pin(["add", name], { answer: "yes" });
  });

  it("removes all, and gives back the policy of before", async () => {
    const { code, out } = await pin(["remove", name, "--all"]);
    expect([code, text()]).toEqual([0, policy]);
    expect(out).toBe(
      `${folder.at("policy.yaml")}: 1 pin was removed from the rule registry.example.test/acme/*.\n` +
        "Now every name that registry.example.test/acme/* matches and no more specific rule speaks for is refused (NO_PIN).\n",
    );
  });

  it("says what it means for all names of a rule with a star", async () => {
    const [, id = ""] = /- ([0-9a-f]{64})/.exec(text()) ?? [];
    await pin(["add", "registry.example.test/acme/*", "--key", other]);
    expect((await pin(["remove", name, "--key", other])).out).toContain(
      "a root that fits none of the 1 pin left",
    );
    folder.write("policy.yaml", text().replace("    lookup", "    tofu: true\n    lookup"));
    expect((await pin(["remove", name, "--key", id])).out).toContain("the first root that is met is trusted");
    folder.write(
      "policy.yaml",
      `repositories:\n  - match: ${name}\n    root: { pins: { keys: ["${id}"] } }\n`,
    );
    expect((await pin(["remove", name, "--all"])).out.split("\n")).toHaveLength(2);
  });

  it("removes one", async () => {
    const [, id = ""] = /- ([0-9a-f]{64})/.exec(text()) ?? [];
    const wrong = await pin(["remove", name, "--key", other]);
    expect([wrong.code, wrong.err]).toEqual([
      endings.policyFile.exit,
      expect.stringContaining(`it pins ${id}`),
    ]);
    expect((await pin(["remove", name, "--key", id, "--json"])).json()).toEqual({
      format: "vidimus-pin/1",
      policy: folder.at("policy.yaml"),
      rule: "registry.example.test/acme/*",
      removed: [id],
      left: 0,
    });
    expect(text()).toBe(policy);
  });

  it("wants to be told what, and a rule", async () => {
    const before = text();
    expect((await pin(["remove", name])).code).toBe(usageExit);
    expect((await pin(["remove", name, "--all", "--key", other])).code).toBe(usageExit);
    expect((await pin(["remove", "nginx", "--all"])).code).toBe(endings.policy.exit);
    expect((await pin(["remove", "UPPER", "--all"])).code).toBe(endings.input.exit);
    expect(text()).toBe(before);
  });
});

it("pin by itself is a mistake", async () => {
  expect((await runClient(["pin"])).code).toBe(usageExit);
});

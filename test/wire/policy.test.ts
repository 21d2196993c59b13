import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pino from "pino";
import { beforeEach, describe, expect, it } from "vitest";
import { type Config, loadConfig } from "../../src/config.ts";
import type { StartError } from "../../src/serve/errors.ts";
import type { PolicySource } from "../../src/serve/told-policy.ts";
import { openPolicySource, retellPolicy, tellPolicy } from "../../src/wire/policy.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { makeCertificate } from "../support/forgery.ts";

const policyFor = (match: string, more = "") => `repositories:\n  - match: ${match}\n${more}`;
let folder: string;
let file: string;
let log: string[];

beforeEach(() => {
  folder = temporaryDirectory();
  file = join(folder, "policy.yaml");
  log = [];
});

function configOf(path: string | undefined): Config {
  const flags = path === undefined ? [] : [{ flag: "--policy", key: "policy.file", text: path }];
  return loadConfig({ flags, env: {}, readFile: () => "" }).config;
}

async function open(text: string): Promise<PolicySource> {
  writeFileSync(file, text);
  return await openPolicySource(
    configOf(file),
    pino({ level: "info" }, { write: (line: string) => void log.push(line) }),
  );
}

/** The patterns of the policy in force, as another process is told it. */
async function patterns(source: PolicySource): Promise<readonly string[]> {
  const { current } = await tellPolicy(configOf(file), structuredClone(source.told()));
  return current.file?.policy.rules.map(({ match }) => match.text) ?? [];
}

const lines = () => log.map((line) => JSON.parse(line));

it("a reload says whether the file has changed", async () => {
  const source = await open(policyFor("a.test/**"));
  await source.reload();
  writeFileSync(file, policyFor("b.test/**"));
  await source.reload();
  expect(lines().map(({ msg }) => msg)).toEqual([
    "the policy was read again and has not changed",
    "the policy was read again and is in force",
  ]);
});

describe("at the start", () => {
  it("without policy.file nothing more is demanded than ever, and a reload changes nothing", async () => {
    const source = await openPolicySource(configOf(undefined), pino({ enabled: false }));
    await source.reload();
    const { current, fault } = await tellPolicy(configOf(undefined), source.told());
    expect([current, fault]).toEqual([
      { allowExampleKeys: false, allowKeyReuseAcrossRoles: false, file: undefined },
      undefined,
    ]);
  });

  it("the file is what every process is told", async () => {
    expect(await patterns(await open(policyFor("a.test/**")))).toEqual(["a.test/**"]);
  });

  it.each<[string, string, RegExp]>([
    ["a key that nothing knows", policyFor("a.test/**", "    tofuu: true\n"), /policy\.yaml:3: .*tofuu/],
    ["YAML that is none", "repositories: [", /policy\.yaml:1: /],
    [
      "two mirrors of one place",
      policyFor("a.test/**\n    trustedAs: c.test/**", "  - match: b.test/**\n    trustedAs: c.test/**\n"),
      /policy\.yaml:5: .*trustedAs/,
    ],
    [
      "a CA that is not there",
      policyFor("a.test/**", "    root: { pins: { ca: absent.pem } }\n"),
      /policy\.yaml:3: .*absent\.pem/,
    ],
  ])("%s is refused at its line", async (_, text, words) => {
    const error = (await open(text).catch((thrown: unknown) => thrown)) as StartError;
    expect(error).toMatchObject({ name: "StartError", code: "POLICY_UNUSABLE" });
    expect(error.message).toMatch(words);
  });

  it("a file that is not there is refused", async () => {
    const opening = openPolicySource(configOf(file), pino({ enabled: false }));
    await expect(opening).rejects.toMatchObject({ code: "POLICY_UNUSABLE" });
  });

  it("authorities are found beside the policy, and go along with it", async () => {
    const ca = await makeCertificate(Date.now(), { name: "An authority", ca: true });
    mkdirSync(join(folder, "tls"));
    writeFileSync(join(folder, "tls/ca.pem"), ca.pem);
    const source = await open(policyFor("a.test/**", "    root: { pins: { ca: tls/ca.pem } }\n"));
    rmSync(join(folder, "tls"), { recursive: true });
    const { current } = await tellPolicy(configOf(file), structuredClone(source.told()));
    const pins = current.file?.pins.get("repositories[0]");
    expect(pins?.authorities.map((each) => each.toString().trim())).toEqual([ca.pem.trim()]);
  });
});

describe("a reload", () => {
  it("takes the newer file", async () => {
    const source = await open(policyFor("a.test/**"));
    const inForce = await tellPolicy(configOf(file), source.told());
    writeFileSync(file, policyFor("b.test/**"));
    await source.reload();
    await retellPolicy(inForce, configOf(file), source.told());
    expect(inForce.current.file?.policy.rules[0]?.match.text).toBe("b.test/**");
    expect(inForce.fault).toBeUndefined();
  });

  it.each<[string, string | undefined, string]>([
    ["is wrong", policyFor("b.test/**", "    tofuu: true\n"), "policy.yaml:3: "],
    ["is gone", undefined, "policy.yaml: The policy is not there."],
  ])("keeps the old policy when the newer one %s, and says where and why", async (_, text, words) => {
    const source = await open(policyFor("a.test/**"));
    const inForce = await tellPolicy(configOf(file), source.told());
    if (text === undefined) rmSync(file);
    else writeFileSync(file, text);
    await source.reload();
    await retellPolicy(inForce, configOf(file), source.told());
    expect(inForce.current.file?.policy.rules[0]?.match.text).toBe("a.test/**");
    expect(inForce.fault).toMatch(/earlier one/);
    expect(inForce.fault).not.toContain(folder);
    expect(lines()).toMatchObject([{ level: 50, file, reason: expect.stringContaining(words) }]);
    // Whoever starts now is told the old one, and that it is not the newest.
    expect(await patterns(source)).toEqual(["a.test/**"]);
    expect((await tellPolicy(configOf(file), source.told())).fault).toBe(inForce.fault);
  });

  it("makes up for an earlier one that failed", async () => {
    const source = await open(policyFor("a.test/**"));
    const inForce = await tellPolicy(configOf(file), source.told());
    for (const text of ["nonsense: 1", policyFor("c.test/**")]) {
      writeFileSync(file, text);
      await source.reload();
      await retellPolicy(inForce, configOf(file), source.told());
    }
    expect([inForce.fault, await patterns(source)]).toEqual([undefined, ["c.test/**"]]);
  });

  it("that comes in the middle of another waits for it", async () => {
    const source = await open(policyFor("a.test/**"));
    const first = source.reload();
    writeFileSync(file, policyFor("d.test/**"));
    await Promise.all([first, source.reload()]);
    expect(await patterns(source)).toEqual(["d.test/**"]);
  });
});

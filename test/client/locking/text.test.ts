import { beforeAll, describe, expect, it } from "vitest";
import { lockCompose } from "../../../src/client/compose.ts";
import { lockDockerfile } from "../../../src/client/dockerfile.ts";
import { lockLinuxKit } from "../../../src/client/linuxkit.ts";
import { lockList } from "../../../src/client/list.ts";
import type { Trust } from "../../../src/client/trust.ts";
import { type Simulator, simulatedNow, someTarget } from "../../support/simulator.ts";
import { simulated, siteOf, trusting } from "../../support/trusting.ts";

const name = "registry.example.test/acme/app";
const now = () => simulatedNow;
let sim: Simulator;
let trust: Trust;

beforeAll(async () => {
  sim = await simulated(name, "1", "2");
  const policy = { default: "unverified", repositories: [{ match: `${name}`, tofu: true }] };
  trust = await trusting(await siteOf(sim), { policy });
});

const at = (content: string) => `@sha256:${someTarget(content).sha256}`;

describe("one call locks", () => {
  it("a LinuxKit yaml", async () => {
    const text = `kernel:\n  image: ${name}:1\ntrust:\n  image:\n    - ${name}\n`;
    const locked = await lockLinuxKit(text, { trust, now });
    expect(locked.text).toBe(`kernel:\n  image: ${name}:1${at("1")}\n`);
    expect(locked.lock.images.map(({ files }) => files)).toEqual([["-"]]);
    expect(locked.lock.lockedAt).toBe(new Date(simulatedNow).toISOString());
  });

  it("a Dockerfile with arguments", async () => {
    const text = `ARG TAG\nFROM ${name}:\${TAG} AS build\nFROM scratch\nCOPY --from=build /a /a\nCOPY --from=${name}:1 /b /b\n`;
    const locked = await lockDockerfile(text, { trust, now, args: { TAG: "2" }, file: "Dockerfile" });
    expect(locked.text).toContain(`FROM ${name}:2${at("2")} AS build`);
    expect(locked.text).toContain(`COPY --from=${name}:1${at("1")} /b /b`);
    expect(locked.images.map(({ target }) => target)).toEqual(["2", "1"]);
  });

  it("a Compose file", async () => {
    const text = `services:\n  app:\n    image: ${name}:1\n  open:\n    image: nginx:1\n`;
    const locked = await lockCompose(text, { trust, now });
    expect(locked.text).toBe(text.replace(`${name}:1`, `${name}:1${at("1")}`));
    expect(locked.unverified).toEqual(["nginx:1"]);
  });

  it("a list, with helpers", async () => {
    const locked = await lockList(`${name}:1\n`, { trust, now, helpers: [`${name}:2`] });
    expect(locked.text).toBe(`${name}:1${at("1")}\n`);
    expect(locked.lock.images.map(({ tag }) => tag)).toEqual(["1", "2"]);
  });
});

describe("one call refuses", () => {
  it("with everything that is wrong", async () => {
    const refused = lockList(`${name}:none\nUPPER\n`, { trust, file: "images.txt" });
    await expect(refused).rejects.toMatchObject({
      name: "LockRefused",
      failures: [{ text: "UPPER" }, { text: `${name}:none`, line: 1 }],
    });
  });

  it("a text that cannot be read, with its name and line", async () => {
    const refused = lockLinuxKit("kernel:\n  image: a\nservice: []\n", { trust, file: "x.yml" });
    await expect(refused).rejects.toMatchObject({ code: "INPUT_INVALID", file: "x.yml", line: 3 });
  });

  it("templates and moved tags, unless told", async () => {
    const pkg = 'init:\n  - "@pkg:x"\n';
    await expect(lockLinuxKit(pkg, { trust })).rejects.toMatchObject({ name: "LockRefused" });
    expect((await lockLinuxKit(pkg, { trust, allowLocal: true })).unverified).toEqual(["@pkg:x"]);
    const { lock: previous } = await lockList(`${name}:1\n`, { trust });
    sim.targetsOf("targets").names.set("1", someTarget("moved"));
    sim.publish();
    await expect(lockList(`${name}:1\n`, { trust, previous })).rejects.toMatchObject({ name: "LockRefused" });
    const { moved } = await lockList(`${name}:1\n`, { trust, previous, update: true });
    expect(moved).toHaveLength(1);
  });
});

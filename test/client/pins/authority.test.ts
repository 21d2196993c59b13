/** An authority vouches for what stands in a certificate: not for whoever has one for another repository. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { openTrust } from "../../../src/client/index.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { bundleKey, type Certificate, makeCertificate } from "../../support/forgery.ts";
import { Simulator, simulatedNow } from "../../support/simulator.ts";
import { startSite } from "../../support/trust-site.ts";

const repository = "registry.example.test/team/app";
let ca: Certificate;
let caFile: string;
let sim: Simulator;

beforeAll(async () => {
  ca = await makeCertificate(simulatedNow, { name: "An authority", ca: true });
  caFile = join(temporaryDirectory(), "ca.pem");
  writeFileSync(caFile, ca.pem);
});

beforeEach(async () => {
  sim = await Simulator.create(repository);
});

const under = (name: string, wish: Parameters<typeof makeCertificate>[1] = {}) =>
  makeCertificate(simulatedNow, { name, issuer: ca, ...wish }).then((certificate) => bundleKey(certificate));

/** A repository that begins with a root of these keys, all of which sign. */
async function begin(...keys: Awaited<ReturnType<typeof under>>[]): Promise<void> {
  const fresh = await Simulator.create(repository);
  sim = fresh;
  sim.root.keys = keys;
  sim.root.signers = keys;
  sim.root.version = 1;
  sim.publish();
}

async function ask(root: object = {}) {
  const site = await startSite(sim);
  const trust = await openTrust({
    server: site.url,
    cacheDir: temporaryDirectory(),
    dockerConfig: temporaryDirectory(),
    policy: { repositories: [{ match: "**", root: { pins: { ca: caFile }, ...root } }] },
    now: () => simulatedNow,
  });
  onTestFinished(async () => {
    await trust.close();
    await site.close();
  });
  const pinned = (await trust.root(repository)).pinned;
  const code = await trust.resolve(`${repository}:app`).then(
    () => "accepted",
    (error: { code: string }) => error.code,
  );
  return { pinned, code };
}

describe("a root under a pinned authority", () => {
  it("is trusted with a certificate for this repository", async () => {
    await begin(await under(repository));
    expect(await ask()).toEqual({ pinned: true, code: "accepted" });
  });

  it("is refused with one for another repository, beside somebody's own for this one", async () => {
    const own = bundleKey(await makeCertificate(simulatedNow, { name: repository }));
    await begin(own, await under("registry.example.test/other/app"));
    expect(await ask()).toEqual({ pinned: false, code: "PIN_MISMATCH" });
  });

  it("is refused with one that has expired, beside somebody's own", async () => {
    const own = bundleKey(await makeCertificate(simulatedNow, { name: repository }));
    const over = await under(repository, { from: simulatedNow - 2_000, to: simulatedNow - 1_000 });
    await begin(own, over);
    expect(await ask()).toEqual({ pinned: false, code: "PIN_MISMATCH" });
  });

  it("needs as many as the policy demands, and one that has expired is none of them", async () => {
    const over = await under(repository, { from: simulatedNow - 2_000, to: simulatedNow - 1_000 });
    await begin(await under(repository), over);
    expect((await ask({ minThreshold: 2 })).code).not.toBe("accepted");
    await begin(await under(repository), await under(repository));
    expect((await ask({ minThreshold: 2 })).code).toBe("accepted");
  });
});

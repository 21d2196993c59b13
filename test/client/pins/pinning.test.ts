import type { KeyObject } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { bareKey, certificateKey, generatePrivateKey } from "../../support/bare/keys.ts";
import { certificate } from "../../support/certificates.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { trustCodeOf, trustErrorOf } from "../../support/fetching.ts";
import { newKey, type Simulator } from "../../support/simulator.ts";
import type { TrustSite } from "../../support/trust-site.ts";
import { emptyFolder, simulated, siteOf, trusting } from "../../support/trusting.ts";

type Three = [KeyObject, KeyObject, KeyObject];
const name = "registry.example.test/acme/kernel";
const other = "0".repeat(64);
let sim: Simulator;
let site: TrustSite;
/** The root key as the metadata names it, and as the stock clients' command line does. */
let certificateId: string;
let keyId: string;

beforeEach(async () => {
  sim = await simulated(name, "1");
  site = await siteOf(sim);
  ({ keyId, certificateId } = await idsOf());
});

async function idsOf() {
  const trust = await trusting(site);
  const [key] = (await trust.root(name)).keys;
  return { keyId: key?.keyId ?? "", certificateId: key?.certificateId ?? "" };
}

const pinning = (pins: object | undefined, root: object = {}) => ({
  repositories: [{ match: "**", root: { ...root, ...(pins && { pins }) } }],
});

async function codeWith(policy: object, options: object = {}): Promise<string> {
  const trust = await trusting(site, { policy, ...options });
  return await trust.check(name).then(
    () => "accepted",
    () => trustCodeOf(trust.check(name)),
  );
}

async function rotate(): Promise<void> {
  sim.root.keys = [await sim.rootKey()];
  sim.publish();
}

describe("a first contact", () => {
  it("without a pin is refused with the IDs to compare", async () => {
    const trust = await trusting(site, { policy: pinning(undefined) });
    expect(await trustErrorOf(trust.check(name))).toMatchObject({
      code: "NO_PIN",
      repository: name,
      role: "root",
      detail: {
        keyIds: [keyId],
        command: `vidimus-client pin add ${name} --key ${keyId} --server ${site.url}`,
      },
    });
  });

  it("that the pins refuse is told with the rule, its line, what is pinned, and the whole command", async () => {
    const policy = join(temporaryDirectory(), "our trust.yaml");
    writeFileSync(
      policy,
      `repositories:\n  - match: "registry.example.test/**"\n    root: { pins: { keys: ["${other}"] } }\n`,
    );
    const error = await trustErrorOf((await trusting(site, { policy })).check(name));
    const command = `vidimus-client pin add ${name} --key ${keyId} --policy '${policy}' --server ${site.url}`;
    expect(error).toMatchObject({
      code: "PIN_MISMATCH",
      file: policy,
      line: 2,
      detail: { keyIds: [keyId], pinnedIds: [other], command },
    });
    for (const part of ["the rule registry.example.test/** pins", other, keyId])
      expect(error.message).toContain(part);
    expect(error.remedy).toEqual({
      who: "policy owner",
      next: `If the publisher confirms this key on another way than the network, run: ${command}`,
    });
    writeFileSync(policy, `repositories:\n\n  - match: "registry.example.test/**"\n`);
    expect(await trustErrorOf((await trusting(site, { policy })).check(name))).toMatchObject({
      code: "NO_PIN",
      file: policy,
      line: 3,
      detail: { command },
    });
  });

  it("is told with the flags that are needed to ask the same server again, and no others", async () => {
    const command = async (policy: object, options: object) => {
      const error = await trustErrorOf((await trusting(site, { policy, ...options })).check(name));
      return String(error.detail?.command).replace(/.* --key [0-9a-f]{64}/, "");
    };
    const named = { server: site.url, ...pinning(undefined) };
    expect(await command(named, {})).toBe("");
    expect(await command(pinning(undefined), {})).toBe(` --server ${site.url}`);
    const ca = join(temporaryDirectory(), "our ca.pem");
    writeFileSync(ca, await certificate({ key: generatePrivateKey("ecdsa"), cn: ["CA"], ca: true }));
    expect(await command(named, { ca })).toBe(` --server ${site.url} --ca '${ca}'`);
  });

  it.each([
    ["the key's ID", () => ({ keys: [other, keyId] })],
    ["the ID of its certificate among keys", () => ({ keys: [certificateId] })],
    ["the ID of its certificate among certificates", () => ({ certificates: [certificateId] })],
  ])("is accepted with %s", async (_, pins) => {
    expect(await codeWith(pinning(pins()))).toBe("accepted");
  });

  it.each([
    ["another key", () => ({ keys: [other] })],
    ["the bare key among certificates", () => ({ certificates: [keyId] })],
  ])("is refused with %s", async (_, pins) => {
    expect(await codeWith(pinning(pins()))).toBe("PIN_MISMATCH");
  });

  it("is refused where two signatures are demanded and one is there", async () => {
    expect(await codeWith({ repositories: [{ match: "**", tofu: true, root: { minThreshold: 2 } }] })).toBe(
      "POLICY_THRESHOLD",
    );
  });

  it("is refused where two are demanded and one of two signers is pinned", async () => {
    sim.root.keys.push(await sim.rootKey());
    sim.publish();
    expect(await codeWith(pinning({ keys: [keyId] }))).toBe("accepted");
    expect(await codeWith(pinning({ keys: [keyId] }, { minThreshold: 2 }))).toBe("PIN_MISMATCH");
  });
});

it("a cache of the time of a pin, or of a first use, is no pin", async () => {
  const cacheDir = emptyFolder();
  const before = await trusting(site, { policy: pinning({ keys: [keyId] }), cacheDir });
  await before.check(name);
  const after = await trusting(site, { policy: pinning(undefined), cacheDir });
  expect(await trustCodeOf(after.check(name))).toBe("NO_PIN");
});

describe("an authority", () => {
  it("vouches for certificates that lead to it, from a file beside the policy", async () => {
    const [authority, stranger, key] = [1, 2, 3].map(() => generatePrivateKey("ecdsa")) as Three;
    const issuer = { key: authority, cn: "Authority" };
    const leaf = await certificate({ key, cn: [name], issuer });
    sim.root.keys = [certificateKey(key, leaf)];
    sim.publish();
    const folder = temporaryDirectory();
    const policy = join(folder, "trust.yaml");
    writeFileSync(policy, 'repositories:\n  - match: "**"\n    root:\n      pins: { ca: authority.pem }\n');
    const give = async (ca: KeyObject) =>
      writeFileSync(
        join(folder, "authority.pem"),
        await certificate({ key: ca, cn: ["Authority"], ca: true }),
      );
    await give(authority);
    await (await trusting(site, { policy })).check(name);
    await give(stranger);
    expect(await trustCodeOf((await trusting(site, { policy })).check(name))).toBe("PIN_MISMATCH");
  });

  it.each([
    ["that is missing", undefined, "POLICY_INVALID"],
    ["that holds no certificate", "nothing\n", "POLICY_INVALID"],
    [
      "that holds a broken one",
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      "POLICY_INVALID",
    ],
  ])("%s is refused with its file", async (_, content, code) => {
    const ca = join(temporaryDirectory(), "authority.pem");
    if (content !== undefined) writeFileSync(ca, content);
    const error = await trustErrorOf((await trusting(site, { policy: pinning({ ca }) })).check(name));
    expect(error).toMatchObject({ code, file: ca });
  });
});

it("a root whose signatures the policy's algorithms leave out is told so", async () => {
  const policy = { repositories: [{ match: "**", tofu: true, algorithms: ["ed25519"] }] };
  expect(await trustErrorOf((await trusting(site, { policy })).check(name))).toMatchObject({
    code: "POLICY_THRESHOLD",
    detail: { needed: 1, signed: 0, notAllowed: 1, algorithms: ["ecdsa-p256"] },
  });
});

describe("a rotation", () => {
  it("outside of the pins is refused with both IDs and the command, on every update", async () => {
    const trust = await trusting(site, { policy: pinning({ keys: [keyId] }) });
    await trust.check(name);
    await rotate();
    const fresh = (await idsOf()).keyId;
    const refusal = {
      code: "PIN_ROTATED",
      detail: {
        oldKeyIds: [keyId],
        newKeyIds: [fresh],
        command: `vidimus-client pin add ${name} --key ${fresh} --server ${site.url}`,
      },
    };
    expect(await trustErrorOf(trust.check(name))).toMatchObject(refusal);
    expect(await trustErrorOf(trust.check(name))).toMatchObject(refusal);
    // Also for who comes new, since the chain tells.
    const cold = await trusting(site, { policy: pinning({ keys: [keyId] }) });
    expect(await trustErrorOf(cold.check(name))).toMatchObject(refusal);
  });

  it("is none where pinned keys sign, only too few: PIN_MISMATCH with how many, and the keys that are not pinned", async () => {
    const trust = await trusting(site, { policy: pinning({ keys: [keyId] }) });
    await trust.check(name);
    sim.root.keys.push(await sim.rootKey());
    sim.root.threshold = 2;
    sim.publish();
    const current = await trusting(site);
    const ids = (await current.root(name)).keys.map((key) => key.keyId);
    const fresh = ids.find((id) => id !== keyId);
    const refusal = {
      code: "PIN_MISMATCH",
      message: expect.stringMatching(`needs 2 signatures by keys that .* pins and has 1, by ${keyId};`),
      detail: {
        keyIds: ids,
        pinnedIds: [keyId],
        needed: 2,
        signed: 1,
        command: `vidimus-client pin add ${name} --key ${fresh} --server ${site.url}`,
      },
    };
    expect(await trustErrorOf(trust.check(name))).toMatchObject(refusal);
    const cold = await trusting(site, { policy: pinning({ keys: [keyId] }) });
    expect(await trustErrorOf(cold.check(name))).toMatchObject(refusal);
    expect(await codeWith(pinning({ keys: ids }))).toBe("accepted");
    expect(await codeWith(pinning({ keys: [keyId] }, { onRotation: "anchor" }))).toBe("accepted");
  });

  it("to a pinned key is followed", async () => {
    const keys = [keyId];
    await rotate();
    keys.push((await idsOf()).keyId);
    await rotate();
    keys.push((await idsOf()).keyId);
    expect(await codeWith(pinning({ keys }))).toBe("accepted");
  });

  it("is followed from an anchor, warm and cold", async () => {
    const policy = pinning({ keys: [keyId] }, { onRotation: "anchor" });
    const cacheDir = emptyFolder();
    const trust = await trusting(site, { policy, cacheDir });
    await trust.check(name);
    await rotate();
    await trust.check(name);
    await (await trusting(site, { policy, cacheDir })).check(name);
    expect(await codeWith(policy)).toBe("accepted");
  });

  it("that no root before it signed is never followed, anchor or not", async () => {
    sim.root.keys = [await sim.rootKey()];
    sim.root.signers = [...sim.root.keys];
    sim.publish();
    expect(await codeWith(pinning({ keys: [keyId] }, { onRotation: "anchor" }))).toBe("PIN_MISMATCH");
  });

  it("cannot be followed through a root that is withheld", async () => {
    await rotate();
    await rotate();
    sim.roots.delete(2);
    expect(await codeWith(pinning({ keys: [keyId] }, { onRotation: "anchor" }))).toBe("PIN_MISMATCH");
  });

  it("of nothing but online keys changes no pin", async () => {
    const trust = await trusting(site, { policy: pinning({ keys: [keyId] }) });
    await trust.check(name);
    sim.timestamp.keys = [newKey()];
    sim.publish();
    await trust.check(name);
  });

  it("is bounded in its number of roots", async () => {
    for (let i = 0; i < 4; i++) await rotate();
    expect(
      await codeWith(pinning({ keys: [keyId] }, { onRotation: "anchor" }), { limits: { roots: 3 } }),
    ).toBe("TOO_MANY_ROOTS");
  });
});

describe("Notary's configuration", () => {
  async function codeWithNotary(pinned: object, policy: object = pinning(undefined)): Promise<string> {
    const notaryConfig = join(temporaryDirectory(), "config.json");
    writeFileSync(notaryConfig, JSON.stringify({ trust_pinning: pinned }));
    return await codeWith(policy, { notaryConfig });
  }

  it("pins where the policy does not", async () => {
    expect(await codeWithNotary({ certs: { [name]: [certificateId] } })).toBe("accepted");
    expect(await codeWithNotary({ certs: { [name]: [other] } })).toBe("PIN_MISMATCH");
    expect(await codeWithNotary({ certs: { "registry.example.test/acme/*": [certificateId] } })).toBe(
      "accepted",
    );
    expect(await codeWithNotary({ certs: { "registry.example.test/other": [certificateId] } })).toBe(
      "NO_PIN",
    );
  });

  it("does not override a pin of the policy", async () => {
    expect(await codeWithNotary({ certs: { [name]: [other] } }, pinning({ keys: [keyId] }))).toBe("accepted");
  });

  it("is enough without any policy", async () => {
    const notaryConfig = join(temporaryDirectory(), "config.json");
    writeFileSync(notaryConfig, JSON.stringify({ trust_pinning: { certs: { [name]: [certificateId] } } }));
    const trust = await trusting(site, { notaryConfig, policy: pinning(undefined) });
    await trust.check(name);
  });

  it("that cannot be read opens nothing", async () => {
    const notaryConfig = join(temporaryDirectory(), "config.json");
    writeFileSync(notaryConfig, "{");
    expect(await trustErrorOf(trusting(site, { notaryConfig }))).toMatchObject({
      code: "POLICY_INVALID",
      file: notaryConfig,
    });
  });
});

describe("the root as it is shown", () => {
  it("has what has to be compared", async () => {
    const trust = await trusting(site, { policy: pinning({ keys: [keyId] }) });
    expect(await trust.root(name)).toEqual({
      repository: name,
      server: site.url,
      version: 1,
      expires: expect.stringMatching(/Z$/),
      threshold: 1,
      keys: [
        {
          keyId,
          certificateId,
          algorithm: "ecdsa",
          fingerprint: expect.stringMatching(/^[0-9A-F]{2}(:[0-9A-F]{2}){31}$/),
          certificateEnds: expect.stringMatching(/Z$/),
        },
      ],
      pinned: true,
    });
  });

  it("is shown without a rule, and says where pins do not fit", async () => {
    expect((await (await trusting(site, { policy: {} })).root(name)).pinned).toBeUndefined();
    const misfit = await trusting(site, { policy: pinning({ keys: [other] }) });
    expect((await misfit.root(name)).pinned).toBe(false);
  });

  it("is refused where it does not verify, has expired or is not there", async () => {
    const trust = await trusting(site);
    expect(await trustCodeOf(trust.root("registry.example.test/nobody"))).toBe("NO_TRUST_DATA");
    sim.break.expire("root");
    expect(await trustCodeOf(trust.root(name))).toBe("EXPIRED");
    sim.repair();
    sim.break.signWith("root", [bareKey(generatePrivateKey("ecdsa"))]);
    expect(await trustCodeOf(trust.root(name))).toBe("ROOT_NOT_SELF_SIGNED");
  });
});

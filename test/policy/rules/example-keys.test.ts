import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { notary } from "../../../src/core/format/notary.ts";
import { openKey } from "../../../src/core/keys.ts";
import type { Metadata } from "../../../src/core/model.ts";
import { evaluate } from "../../../src/policy/evaluate.ts";
import { defaultPolicy } from "../../../src/policy/policy.ts";
import { exampleMaterials } from "../../../src/policy/rules/example-keys.ts";
import { makeRoot } from "../../support/bare/collection.ts";
import {
  bareKey,
  certificateKey,
  generatePrivateKey,
  makeRootCertificate,
  type PublisherKey,
  readPrivateKey,
} from "../../support/bare/keys.ts";
import { sealWith } from "../../support/bare/seal.ts";
import { examined } from "../../support/judging.ts";

const folder = resolve(import.meta.dirname, "../../../keys-example");
const files = readdirSync(folder).filter((name) => name.endsWith(".pem"));
const repository = "registry.example.test/team/app";
const later = Date.UTC(2090, 0, 1);

const exampleKey = (file: string) => readPrivateKey(readFileSync(resolve(folder, file), "utf8"));
const fresh = () => bareKey(generatePrivateKey("ed25519"));

async function rootWith(targets: PublisherKey, rootKey = generatePrivateKey("ecdsa")): Promise<Metadata> {
  const certificate = await makeRootCertificate(rootKey, repository, new Date());
  const root = { keys: [certificateKey(rootKey, certificate)], threshold: 1 };
  const online = { timestamp: fresh().listed, snapshot: fresh().listed };
  const edition = { version: 1, expires: later };
  return notary.parse(
    "root",
    makeRoot(edition, { root, targets: { keys: [targets], threshold: 1 } }, online),
  );
}

function targetsDelegatingTo(key: PublisherKey): Metadata {
  const canonical = notary.encodeTargets({
    version: 1,
    expires: later,
    targets: new Map(),
    keys: [key.listed],
    delegations: [{ role: "targets/releases", paths: [""], keyIds: [key.listed.id], threshold: 1 }],
  });
  return notary.parse("targets", sealWith(notary, canonical, [fresh()]));
}

const codes = (file: Metadata, policy = defaultPolicy) =>
  evaluate(examined([file]), policy).map(({ code, severity }) => `${severity} ${code}`);

describe("files of keys-example", () => {
  it("are a handful, and as many as the list", () => {
    expect(files.length).toBeGreaterThan(2);
    expect(exampleMaterials.size).toBe(files.length);
  });

  it.each(files)("%s says that it is to be thrown away", (file) => {
    expect(file).toContain("THROW-AWAY");
    expect(readFileSync(resolve(folder, file), "utf8")).toMatch(/^THROW-AWAY /);
  });

  it.each(files)("%s is on the list", (file) => {
    const material = openKey(bareKey(exampleKey(file)).listed)?.material;
    expect(exampleMaterials.has(material ?? "")).toBe(true);
  });
});

describe("a publication", () => {
  it.each(files)("that gives targets %s is refused", async (file) => {
    expect(codes(await rootWith(bareKey(exampleKey(file))))).toEqual(["refuse EXAMPLE_KEY"]);
  });

  it("that wraps an example key in a certificate for root is refused", async () => {
    const root = await rootWith(fresh(), exampleKey("THROW-AWAY-root.pem"));
    expect(codes(root)).toEqual(["refuse EXAMPLE_KEY"]);
  });

  it("that delegates to an example key is refused", () => {
    const key = bareKey(exampleKey("THROW-AWAY-delegation-1.pem"));
    expect(codes(targetsDelegatingTo(key))).toEqual(["refuse EXAMPLE_KEY"]);
  });

  it("with an example key is only a warning where the switch is set", () => {
    const key = bareKey(exampleKey("THROW-AWAY-delegation-2.pem"));
    const policy = { ...defaultPolicy, allowExampleKeys: true };
    expect(codes(targetsDelegatingTo(key), policy)).toEqual(["warn EXAMPLE_KEY"]);
  });

  it("with other keys has no finding", async () => {
    expect(codes(await rootWith(fresh()))).toEqual([]);
  });
});

/** `vidimus expiring` lists whatever can end: one of each kind, on one server. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { expiryKinds } from "../../src/service/expiry/expiry-service.ts";
import { generatePrivateKey } from "../support/bare/keys.ts";
import { certificate } from "../support/certificates.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { Person } from "../support/person.ts";
import { told } from "../support/publications.ts";
import { newRootKey } from "../support/publisher.ts";
import { runningServer } from "../support/running-server.ts";
import { startServer } from "../support/server.ts";

const app = "registry.acme.example/app";
const later = 5.5 * 86_400_000;

/** A repository whose owner signs the snapshot, with a delegation whose key is a certificate; and a machine's token. */
async function dataOf(directory: string): Promise<void> {
  const server = await startServer({ backEnd: "sqlite", at: Date.now() });
  try {
    const owner = await server.owner(app, "client");
    owner.delegate("targets/releases", [await newRootKey("releases.example.test", Date.now())]);
    await server.publish(app, owner.first());
    const token = {
      ...{ name: "ci", digest: "c".repeat(64), owner: "carol", scopes: [] },
      ...{ createdAt: Date.now(), expiresAt: Date.now() + later, revokedAt: undefined },
    };
    await server.store.access.addMachineToken({ token, audit: told("", { kind: "token.created" }) });
    const database = new Database(join(server.directory ?? "", "vidimus.sqlite"), { readonly: true });
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(join(directory, "vidimus.sqlite"), database.serialize(), { mode: 0o600 });
    database.close();
    const key = `vidimus-kek-v1:${Buffer.from(server.secret).toString("base64")}\n`;
    writeFileSync(join(directory, "kek"), key, { mode: 0o600 });
  } finally {
    await server.close();
  }
}

it("each kind of what can end is there, with its end, as text, document and comma-separated values", async () => {
  const folder = temporaryDirectory();
  const data = join(folder, "data");
  await dataOf(data);
  writeFileSync(
    join(folder, "ca.pem"),
    await certificate({ key: generatePrivateKey("ecdsa"), cn: ["Acme CA"], ca: true }),
  );
  const policy = "repositories:\n  - { match: other.example/**, root: { pins: { ca: ca.pem } } }\n";
  writeFileSync(join(folder, "policy.yaml"), `default: unverified\n${policy}`);
  const settings = { data, "store.kind": "sqlite", "policy.file": join(folder, "policy.yaml") };
  const server = await runningServer(settings);
  const alice = new Person(server);
  alice.home.write("trust.yaml", "default: refuse\n");
  const flags = ["--within", "99999d", ...alice.trusted()];
  const { expiring } = (await alice.well("expiring", ...flags, "--json")).json() as {
    expiring: { kind: string; expires: string; name: string }[];
  };
  expect(new Set(expiring.map(({ kind }) => kind))).toEqual(new Set(expiryKinds));
  for (const { expires } of expiring) expect(Date.parse(expires)).toBeGreaterThan(Date.now());
  const csv = (await alice.well("expiring", ...flags, "--csv")).out.split("\r\n");
  const text = (await alice.well("expiring", ...flags)).out;
  for (const kind of expiryKinds) {
    expect(
      csv.some((line) => line.split(",")[1] === kind),
      kind,
    ).toBe(true);
    expect(text, kind).toMatch(new RegExp(`^\\d+d +\\d{4}-\\d\\d-\\d\\d +${kind} `, "m"));
  }
}, 60_000);

import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Issued, makeAuthority } from "../../src/serve/authority.ts";
import { readKeyPair } from "../../src/serve/key-pair.ts";

let directory: string;
let first: Issued;
let second: Issued;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "vidimus-pair-"));
  first = await makeAuthority(Date.now());
  second = await makeAuthority(Date.now());
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function read(certificate: string | undefined, key: string | undefined): ReturnType<typeof readKeyPair> {
  const paths = { certificate: join(directory, "c.pem"), key: join(directory, "k.pem") };
  for (const [path, content] of [
    [paths.certificate, certificate],
    [paths.key, key],
  ] as const) {
    if (content === undefined) rmSync(path, { force: true });
    else writeFileSync(path, content);
  }
  return readKeyPair(paths);
}

it("reads a pair that belongs together", () => {
  expect(read(first.certificate, first.key).certificate).toBe(first.certificate);
});

it("accepts a chain after the certificate", () => {
  expect(read(first.certificate + second.certificate, first.key).key).toBe(first.key);
});

it.each([
  ["CERTIFICATE_UNREADABLE", "absent certificate", () => read(undefined, first.key)],
  ["CERTIFICATE_UNREADABLE", "empty certificate", () => read(" \n", first.key)],
  ["CERTIFICATE_UNREADABLE", "huge certificate", () => read("x".repeat(1_048_577), first.key)],
  ["CERTIFICATE_BAD", "certificate that is none", () => read("x", first.key)],
  ["KEY_UNREADABLE", "absent key", () => read(first.certificate, undefined)],
  ["KEY_UNREADABLE", "empty key", () => read(first.certificate, "")],
  ["KEY_BAD", "key that is none", () => read(first.certificate, "x")],
  ["KEY_BAD", "key under a passphrase", () => read(first.certificate, encryptedKey())],
  ["KEY_MISMATCH", "key of another certificate", () => read(first.certificate, second.key)],
  ["KEY_MISMATCH", "chain in the wrong order", () => read(second.certificate + first.certificate, first.key)],
])("%s: %s", (code, _name, action) => {
  expect(action).toThrow(expect.objectContaining({ code }));
});

function encryptedKey(): string {
  return generateKeyPairSync("ec", {
    namedCurve: "P-256",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" },
  }).privateKey;
}

it("never repeats what is in the key file", () => {
  const canary = "canary7f3a9c";
  expect(() => read(first.certificate, canary)).toThrow(expect.not.stringContaining(canary));
});

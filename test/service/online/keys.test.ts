/** What a signer that does not answer costs. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { notary } from "../../../src/core/format/notary.ts";
import { OnlineKeys } from "../../../src/service/online/keys.ts";
import type { Signer } from "../../../src/signer/signer.ts";
import { openMemory } from "../../../src/store/memory.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const key = {
  keyId: "id",
  repository: "a/b",
  role: "timestamp" as const,
  keytype: "ed25519",
  publicKey: "",
  reference: new Uint8Array(1),
  createdAt: 0,
};
const keysOf = (sign: Signer["sign"]) =>
  new OnlineKeys(
    openMemory(),
    {
      sign,
      generate: () => expect.unreachable(),
      adopt: () => expect.unreachable(),
      check: async () => undefined,
      close: async () => undefined,
    },
    notary,
    { now: () => 0 },
    { algorithm: "ecdsa", mostPending: 1, pendingLifetime: 1 },
  );

it("a signature that takes more than ten seconds is SIGNER_UNAVAILABLE", async () => {
  const signing = keysOf(() => new Promise(() => undefined)).sign(key, new Uint8Array());
  const outcome = expect(signing).rejects.toMatchObject({ code: "SIGNER_UNAVAILABLE" });
  await vi.advanceTimersByTimeAsync(10_000);
  await outcome;
});

it("a signature in time leaves no timer behind", async () => {
  await keysOf(async () => new Uint8Array(64)).sign(key, new Uint8Array());
  expect(vi.getTimerCount()).toBe(0);
});

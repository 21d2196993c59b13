import { expect, it } from "vitest";
import { SignerError, StoreError } from "../../src/core/errors.ts";
import { writersDesk } from "../../src/remote/desk.ts";
import { absentSigner } from "../../src/signer/absent.ts";
import type { Store } from "../../src/store/contract/store.ts";
import { openMemory } from "../../src/store/memory.ts";
import { publication } from "../support/publications.ts";

const faults: string[] = [];
const desk = (changes: Partial<Store>) => {
  faults.length = 0;
  return writersDesk({ ...openMemory(), ...changes }, absentSigner, (operation) => faults.push(operation));
};
const failing = (error: Error) => desk({ commit: () => Promise.reject(error) });

it("answers with what the store says", async () => {
  const value = { revision: 1, incarnation: 1 };
  expect(await desk({})("store.commit", publication("a"))).toEqual({ kind: "done", value });
});

it("tells a refusal without what lay underneath, which is logged here", async () => {
  const cause = new Error("/var/lib/vidimus: canary");
  const ask = failing(
    new StoreError("STORE_CORRUPT", "Restore.", { role: "root", detail: { pid: 1 }, cause }),
  );
  expect(await ask("store.commit", publication("a"))).toEqual({
    kind: "refused",
    code: "STORE_CORRUPT",
    message: "Restore.",
    role: "root",
    detail: { pid: 1 },
  });
  expect(faults).toEqual(["store.commit"]);
});

it("logs no lost race", async () => {
  const ask = failing(new StoreError("CONFLICT", "Read again."));
  expect(await ask("store.commit", publication("a"))).toMatchObject({ kind: "refused", code: "CONFLICT" });
  expect(faults).toEqual([]);
});

it("logs a check that fails when it begins to, and again for another reason or after a success", async () => {
  let error: Error | undefined = new StoreError("STORE_UNAVAILABLE", "Later.");
  const ask = desk({
    check: async () => {
      if (error !== undefined) throw error;
    },
  });
  const checks = async (times: number) => {
    for (let i = 0; i < times; i++) await ask("store.check", undefined);
    return faults.length;
  };
  expect(await checks(3)).toBe(1);
  error = new Error("canary");
  expect(await checks(3)).toBe(2);
  error = undefined;
  expect(await checks(1)).toBe(2);
  error = new Error("canary");
  expect(await checks(3)).toBe(3);
});

it("logs every change that fails", async () => {
  const ask = failing(new StoreError("STORE_UNAVAILABLE", "Later."));
  for (let i = 0; i < 3; i++) await ask("store.commit", publication("a"));
  expect(faults).toHaveLength(3);
});

it("tells of anything else only that its outcome is lost", async () => {
  expect(await failing(new Error("canary"))("store.commit", publication("a"))).toEqual({ kind: "lost" });
  expect(faults).toEqual(["store.commit"]);
});

it.each(["store.close", "store.state", "__proto__", ""])("does not do %j", async (operation) => {
  expect(await desk({})(operation, undefined)).toEqual({ kind: "lost" });
});

it("passes on what the signer refuses", async () => {
  const { code } = new SignerError("SIGNER_UNAVAILABLE", "");
  const answer = await desk({})("signer.sign", { key: undefined, message: Buffer.alloc(0) });
  expect(answer).toMatchObject({ kind: "refused", code });
});

/** A key on its way into a file. */
import { expect, it } from "vitest";
import { exportKey } from "../../../src/publisher/custody/export.ts";
import { makePrivateKey } from "../../../src/publisher/custody/private-key.ts";

it.each([
  ["is written", undefined],
  ["cannot be written", new Error("the disk is full")],
])("a key that %s is not left in memory in the clear", async (_, fault) => {
  const taken = {
    info: { id: "a" } as never,
    key: makePrivateKey("ecdsa"),
    name: "release",
    role: undefined,
    repository: undefined,
    secret: undefined,
  };
  let given: Buffer | undefined;
  let text = "";
  const give = async (bytes: Buffer) => {
    [given, text] = [bytes, bytes.toString("latin1")];
    if (fault !== undefined) throw fault;
  };
  const done = exportKey(taken, { format: "pkcs8", role: undefined, secret: undefined }, give);
  expect(
    await done.then(
      () => undefined,
      (error: unknown) => error,
    ),
  ).toBe(fault);
  expect(text).toContain("BEGIN PRIVATE KEY");
  expect(given?.every((byte) => byte === 0)).toBe(true);
});

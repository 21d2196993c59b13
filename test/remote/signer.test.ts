import { expect, it } from "vitest";
import type { Answer } from "../../src/remote/answer.ts";
import { remoteSigner } from "../../src/remote/signer.ts";
import { signerContract } from "../contract/signer.ts";
import { otherProcess } from "../support/other-process.ts";
import { codeOf } from "../support/refusal.ts";

const other = otherProcess();

signerContract("a reader's signer", async () => {
  const desk = await other.open();
  return { signer: desk.signer(), reopen: async () => desk.signer() };
});

const key = {
  repository: "a",
  role: "timestamp",
  keytype: "ecdsa",
  publicKey: Buffer.from("public"),
  reference: Buffer.from("sealed"),
};

it.each<[string, Answer, string]>([
  ["lost", { kind: "lost" }, "SIGNER_UNAVAILABLE"],
  ["not sent", { kind: "unsent" }, "SIGNER_UNAVAILABLE"],
  ["no refusal of a signer", { kind: "refused", code: "NOT_A_CODE", message: "" }, "SIGNER_UNAVAILABLE"],
  [
    "the writer's refusal",
    { kind: "refused", code: "SEALED_KEY_DAMAGED", message: "" },
    "SEALED_KEY_DAMAGED",
  ],
])("a request that is %s is told as such", async (_, answer, code) => {
  const signer = remoteSigner(async () => answer);
  expect(await codeOf(signer.sign(key, Buffer.from("message")))).toBe(code);
  expect(await codeOf(signer.generate("ecdsa", key))).toBe(code);
  expect(await codeOf(signer.adopt(Buffer.from("pkcs8"), key))).toBe(code);
  expect(await codeOf(signer.check())).toBe(code);
});

it("sends what a signer needs of a key and nothing else", async () => {
  let sent: unknown;
  const signer = remoteSigner(async (_, argument) => {
    sent = argument;
    return { kind: "done", value: Buffer.alloc(64) };
  });
  await signer.sign({ ...key, createdAt: 5 } as typeof key, Buffer.from("message"));
  expect(sent).toEqual({ key, message: Buffer.from("message") });
});

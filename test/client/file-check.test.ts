import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import type { Trust } from "../../src/client/trust.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { trustCodeOf, trustErrorOf } from "../support/fetching.ts";
import { simulated, siteOf, trusting } from "../support/trusting.ts";

const question = { repository: "registry.example.test/acme/kernels", target: "6.6/kernel.tar" };
let trust: Trust;

beforeAll(async () => {
  trust = await trusting(await siteOf(await simulated(question.repository, question.target)));
});

function file(content: string): string {
  const path = join(temporaryDirectory(), "kernel.tar");
  writeFileSync(path, content);
  return path;
}

it("a file that is the signed one is vouched for", async () => {
  const signed = await trust.verifyFile(file("6.6/kernel.tar"), question);
  expect([signed.target, signed.length]).toEqual(["6.6/kernel.tar", 14]);
});

it.each([
  ["a shorter one", "6.6/kernel.ta"],
  ["a longer one", "6.6/kernel.tar."],
  ["an empty one", ""],
  ["one of the same length", "6.6/kernel.taz"],
])("%s is not", async (_, content) => {
  const path = file(content);
  expect(await trustErrorOf(trust.verifyFile(path, question))).toMatchObject({
    code: "FILE_MISMATCH",
    file: path,
    role: "targets",
  });
});

it("what cannot be read is told with its name", async () => {
  const path = join(temporaryDirectory(), "absent");
  expect(await trustErrorOf(trust.verifyFile(path, question))).toMatchObject({
    code: "FILE_UNREADABLE",
    file: path,
  });
  expect(await trustCodeOf(trust.verifyFile(temporaryDirectory(), question))).toBe("FILE_UNREADABLE");
});

it("a name that is not signed is refused before the file is looked at", async () => {
  const absent = join(temporaryDirectory(), "absent");
  expect(await trustCodeOf(trust.verifyFile(absent, { ...question, target: "other" }))).toBe("NOT_SIGNED");
});

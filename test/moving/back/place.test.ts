/** What goes wrong at a server that repositories go back to: with one of them, or with the whole. */
import { expect, it } from "vitest";
import { TrustError } from "../../../src/client/errors.ts";
import { UnauthenticError } from "../../../src/core/errors.ts";
import { readingAt } from "../../../src/moving/back/place.ts";
import { type SourceCode, SourceError } from "../../../src/moving/errors.ts";

const origin = "https://notary.example.org";
const late = () => new SourceError("SOURCE_FAILING", "Too late.", new TrustError("TIMEOUT", "x"));
const codeOf = (reading: ReturnType<typeof readingAt>, error: Error) =>
  reading("a/b", () => Promise.reject(error)).catch(({ code }) => code);

it.each<[SourceCode, string]>([
  ["SOURCE_FAILING", "EXPORT_UNREADABLE"],
  ["SOURCE_FORBIDDEN", "EXPORT_UNREADABLE"],
  ["SOURCE_ENDLESS", "EXPORT_UNREADABLE"],
  ["SOURCE_UNREACHABLE", "EXPORT_PLACE"],
  ["SOURCE_REALM", "EXPORT_PLACE"],
])("%s is %s", async (code, refusal) => {
  expect(await codeOf(readingAt(origin), new SourceError(code, "x"))).toBe(refusal);
});

it("what does not verify is named with the server, the repository and the reason", async () => {
  const task = () => Promise.reject(new UnauthenticError("THRESHOLD", "Too few."));
  await expect(readingAt(origin)("a/b", task)).rejects.toMatchObject({
    code: "EXPORT_UNREADABLE",
    message: expect.stringContaining(`What ${origin} has of a/b does not verify (THRESHOLD: Too few):`),
  });
});

it("twenty repositories one after the other without an answer in time are a server that is away", async () => {
  const reading = readingAt(origin);
  for (let each = 0; each < 19; each++) expect(await codeOf(reading, late())).toBe("EXPORT_UNREADABLE");
  expect(await reading("a/b", async () => "heard")).toBe("heard");
  for (let each = 0; each < 19; each++) expect(await codeOf(reading, late())).toBe("EXPORT_UNREADABLE");
  expect(await codeOf(reading, late())).toBe("EXPORT_PLACE");
});

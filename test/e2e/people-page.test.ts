/** The path of docs/access.md from `npm start` to an organisation, as far as it needs no program of somebody else. */
import { expect, it } from "vitest";
import { temporaryDirectory } from "../support/directory.ts";
import { playPeople } from "../support/people-page.ts";

it("leads from nothing to two people, a machine and an administrator", { timeout: 300_000 }, async () => {
  const isOurs = ({ needs }: { needs: readonly string[] }) => needs.every((need) => need === "people");
  expect(await playPeople(temporaryDirectory(), isOurs)).toBe(2);
});

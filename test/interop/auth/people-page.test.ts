/** The path of docs/access.md from `npm start` to an organisation, with the real notary client. */
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, it } from "vitest";
import { playPeople } from "../../support/people-page.ts";

it.skipIf(!inject("notary"))("alice and a machine publish with the stock client", async () => {
  expect(await playPeople(mkdtempSync(join(inject("scratch"), "people-")), () => true)).toBe(3);
});

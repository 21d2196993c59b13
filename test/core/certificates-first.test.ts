import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startChild } from "../support/child.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { makeCertificate } from "../support/forgery.ts";

it("a process that takes a certificate apart first can still use TLS", async () => {
  const path = join(temporaryDirectory(), "certificate.pem");
  const { pem } = await makeCertificate(Date.UTC(2026, 10, 24), { name: "example.org/team/app" });
  writeFileSync(path, pem);
  const child = startChild("certificate-first.ts", [path]);
  expect(await child.ended).toBe(0);
  expect(child.output()).toBe("example.org/team/app function\n");
});

/** A source that tells of 100,000 repositories and has none of them: a finding each, and no memory to speak of. */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import type { Report } from "../../src/moving/report.ts";
import { vidimus } from "../support/import-command.ts";
import { Daemon } from "./support/daemon.ts";

const count = 100_000;
const page = 1_000;
const MiB = 1_024 * 1_024;

let daemon: Daemon;
let site: Server;
let asked = 0;
beforeEach(async () => {
  daemon = new Daemon();
  site = createServer(({ url = "" }, answer) => {
    if (!url.startsWith("/v2/_trust/changefeed")) {
      asked++;
      return void answer.writeHead(404).end();
    }
    const after = Number(new URL(url, "http://unused.test").searchParams.get("change_id") || 0);
    const records = Array.from({ length: Math.min(page, count - after) }, (_, i) => ({
      ID: String(after + i + 1),
      GUN: `example.test/a-repository-of-many/${after + i}`,
      Category: "update",
    }));
    answer.end(JSON.stringify({ count: records.length, records }));
  });
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
});
afterEach(async () => {
  site.closeAllConnections();
  site.close();
  await daemon.dispose();
});

test("100,000 names that lead nowhere are asked for timestamp and root, once each, and named in the report", async () => {
  const { port } = await daemon.start();
  const from = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  const flags = ["--rate", "10000", "--in-flight", "64", "--server", `http://127.0.0.1:${port}`];
  const { code, out, err, memory } = await vidimus("import", "notary", from, ...flags, "--json");
  expect(code).toBe(exitCodes.importInPart.code);
  // How far it is, every ten seconds, and nothing else.
  expect(err).toMatch(/^(\d+ repositor(y|ies) done: [^\n]*\n|reading [^\n]*\n)*$/);
  const { repositories } = JSON.parse(out) as { repositories: Report[] };
  expect(repositories).toHaveLength(count);
  expect(new Set(repositories.map(({ outcome }) => outcome))).toEqual(new Set(["absent"]));
  // One alone would be half of a repository, and another finding.
  expect(asked).toBe(2 * count);
  console.info(`import of ${count} names: ${Math.round(memory / MiB)} MiB`);
  // 100 MiB and more are Node's and the command's own.
  expect(memory).toBeLessThan(500 * MiB);
});

/**
 * A year without anybody, read by the real client. No library sets this client's clock: it asks the kernel itself. So the
 * year is one that ends now, with the server's clock set, and the client comes afterwards, to a server on the true clock.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../support/directory.ts";
import { year } from "../../support/publisher.ts";
import { startServer } from "../../support/server.ts";
import { lasting, passAYear, publishForAYear } from "../../support/simulated-year.ts";
import { namesAndRoles, notaryPerson } from "../support/notary.ts";
import { startVidimus } from "../support/vidimus-server.ts";

test("after a year without anybody the stock client lists what was published before it", async () => {
  const directory = temporaryDirectory();
  const data = join(directory, "data");
  mkdirSync(data, { mode: 0o700 });
  const server = await startServer({ backEnd: "sqlite", refreshInterval: 1, at: Date.now() - year });
  try {
    await publishForAYear(server);
    await passAYear([server], async () => {});
    const database = new Database(join(server.directory ?? "", "vidimus.sqlite"), { readonly: true });
    writeFileSync(join(data, "vidimus.sqlite"), database.serialize(), { mode: 0o600 });
    database.close();
    const key = `vidimus-kek-v1:${Buffer.from(server.secret).toString("base64")}\n`;
    writeFileSync(join(data, "kek"), key, { mode: 0o600 });
  } finally {
    await server.close();
  }
  const real = await startVidimus(directory);
  try {
    const reader = notaryPerson(real, join(directory, "reader"));
    for (const name of lasting) {
      expect(namesAndRoles(await reader.do(["list", name]))).toEqual(["one@targets"]);
    }
  } finally {
    await real.stop();
  }
}, 180_000);

/** Publishes to three repositories at once, for ever. Prints `name version` when a publication was acknowledged. */
import { writeSync } from "node:fs";
import { openSqlite } from "../../../src/store/sqlite.ts";
import { publishNext } from "../publications.ts";

const store = await openSqlite({ directory: process.argv[2] ?? "" });

async function publishForEver(repository: string): Promise<void> {
  for (;;) {
    const { metadata } = await publishNext(store, repository, ["targets", "timestamp"]);
    writeSync(1, `${repository} ${metadata[0]?.version}\n`);
  }
}

await Promise.all(["a", "b", "c"].map(publishForEver));

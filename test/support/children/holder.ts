/** Holds a data directory until it is killed. Prints `open`, or the code of the refusal. */
import { VidimusError } from "../../../src/core/errors.ts";
import { openSqlite } from "../../../src/store/sqlite.ts";

const [directory = "", testingOnlyMigrations] = process.argv.slice(2);
try {
  await openSqlite({ directory, ...(testingOnlyMigrations === undefined ? {} : { testingOnlyMigrations }) });
  console.log("open");
  setInterval(() => {}, 60_000);
} catch (error) {
  console.log(error instanceof VidimusError ? error.code : String(error));
}

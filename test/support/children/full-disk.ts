/**
 * Meets a file that cannot grow, by a limit of the operating system that it sets for itself (`prlimit`). Prints
 * what each step gave, as one JSON object.
 */
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { VidimusError } from "../../../src/core/errors.ts";
import { openSqlite } from "../../../src/store/sqlite.ts";
import { file, publication } from "../publications.ts";

const directory = process.argv[2] ?? "";
const store = await openSqlite({ directory });
const page = 4_096;

function limitFiles(bytes: number | "unlimited"): void {
  execFileSync("prlimit", ["--pid", String(process.pid), `--fsize=${bytes}:unlimited`]);
}

function logSize(): number {
  return statSync(join(directory, "vidimus.sqlite-wal")).size;
}

async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "done";
  } catch (error) {
    return error instanceof VidimusError ? error.code : String(error);
  }
}

const commit = (version: number, expectedRevision: number, length: number) => {
  const metadata = [file("timestamp", version, "x".repeat(length))];
  return outcome(store.commit(publication("a", { metadata, expectedRevision })));
};
const version = async () => (await store.current("a", "timestamp"))?.version;

const before = await commit(1, 0, 10);
limitFiles(logSize());
const noRoom = await commit(2, 1, 10);
const checkWithoutRoom = await outcome(store.check());
const readWithoutRoom = await version();
limitFiles(logSize() + 20 * page);
const tooLarge = await commit(2, 1, 100 * page);
const readAfterTooLarge = await version();
const small = await commit(2, 1, 10);
limitFiles("unlimited");
const check = await outcome(store.check());
const after = await commit(3, 2, 100 * page);
await store.close();
console.log(
  JSON.stringify({
    before,
    noRoom,
    checkWithoutRoom,
    readWithoutRoom,
    tooLarge,
    readAfterTooLarge,
    small,
    check,
    after,
  }),
);

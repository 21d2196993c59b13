/** Making backups of a real store without a command. */
import { readFileSync } from "node:fs";
import { type CreateOptions, createBackup } from "../../src/backup/create.ts";
import { writeBackup } from "../../src/backup/streams.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { temporaryDirectory } from "./directory.ts";
import { onlineKey, publication, told } from "./publications.ts";
import { realStore } from "./real-store.ts";
import type { AgePair } from "./sealed-bytes.ts";

/** A stopped server's data directory: two repositories and a key. */
export async function dataDirectory(): Promise<string> {
  const directory = temporaryDirectory();
  const store = await openSqlite({ directory });
  await store.createKeyring(Buffer.from("a record"));
  await store.addPendingKey(onlineKey("a"), { most: 10, endOfLife: 0, mayGiveWay: 0 }, told("a"));
  await store.commit(publication("a", { activateKeys: ["key-timestamp"] }));
  await store.commit(publication("b"));
  await store.close();
  return directory;
}

export interface Making extends Partial<CreateOptions> {
  readonly directory: string;
  readonly to: string;
  readonly pair: AgePair;
}

export function make({ to, pair, ...options }: Making) {
  return createBackup({
    store: realStore,
    sealing: { recipients: [pair.recipient] },
    place: options.directory,
    settings: [{ key: "server.port", value: 4443 }],
    now: () => Date.UTC(2030, 0, 1),
    version: "0.1.0",
    write: (content) => writeBackup(to, content),
    ...options,
  });
}

/** A whole file, in one piece. */
export async function* wholeFile(path: string) {
  yield new Uint8Array(readFileSync(path));
}

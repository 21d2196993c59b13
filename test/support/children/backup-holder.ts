/** Takes the copy of a backup and stays at work until it is killed. Prints `copied` when the copy lies there. */
import { createBackup } from "../../../src/backup/create.ts";
import { realStore } from "../real-store.ts";
import { agePair } from "../sealed-bytes.ts";

const directory = process.argv[2] ?? "";
const { recipient } = await agePair();
await createBackup({
  directory,
  place: directory,
  store: realStore,
  sealing: { recipients: [recipient] },
  settings: [],
  now: Date.now,
  version: "0.1.0",
  write: () => {
    console.log("copied");
    return new Promise(() => setInterval(() => {}, 60_000));
  },
});

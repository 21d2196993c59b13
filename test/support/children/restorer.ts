/** Restores a backup with an identity; `inside`: as into a directory that cannot be exchanged. */
import { backupBytes } from "../../../src/backup/streams.ts";
import { restoreBackup } from "../../../src/wire/backup.ts";

const [file = "", identity = "", into = "", how] = process.argv.slice(2);
await restoreBackup({
  content: backupBytes(file),
  opening: { identities: [identity] },
  into,
  ...(how === "inside" && { testingOnlyInside: true }),
});

import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { makeFolder } from "../../src/backup/folders.ts";
import { takeLock } from "../../src/store/sqlite/lock.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { backupCode } from "../support/sealed-bytes.ts";

let place: string;
beforeEach(() => {
  place = temporaryDirectory();
});

const leftover = (name: string, mode = 0o700) => {
  const path = join(place, name);
  mkdirSync(path);
  writeFileSync(join(path, "vidimus.sqlite"), "of a killed process");
  chmodSync(path, mode);
  return path;
};

describe("a folder for a backup", () => {
  it("is for its owner alone, and gone when it is removed, once or twice", () => {
    const umask = process.umask(0);
    const folder = makeFolder(place, takeLock);
    process.umask(umask);
    expect(statSync(folder.path).mode & 0o777).toBe(0o700);
    writeFileSync(join(folder.path, "file"), "x");
    folder.remove();
    folder.remove();
    expect(readdirSync(place)).toEqual([]);
  });

  it("is gone at the end of the process, whatever else is forgotten", () => {
    const before = process.listeners("exit");
    const folder = makeFolder(place, takeLock);
    const [listener] = process.listeners("exit").filter((each) => !before.includes(each));
    (listener as () => void)();
    expect(existsSync(folder.path)).toBe(false);
    expect(process.listeners("exit")).toEqual(before);
  });

  it("takes the place of what killed processes left, and of nothing else", () => {
    leftover("vidimus-backup-abcdef");
    const kept = [
      leftover("vidimus-backup-abc"),
      leftover("vidimus-backups"),
      leftover("other-backup-abcdef"),
    ];
    makeFolder(place, takeLock).remove();
    expect(readdirSync(place).sort()).toEqual(kept.map((path) => path.slice(place.length + 1)).sort());
  });

  it("leaves one at work alone", () => {
    const [first, second] = [makeFolder(place, takeLock), makeFolder(place, takeLock)];
    expect(readdirSync(place)).toHaveLength(2);
    first.remove();
    second.remove();
  });

  it("touches no folder that others may write to, and follows no link, in a place that is everybody's", () => {
    const open = leftover("vidimus-backup-opened", 0o777);
    const elsewhere = temporaryDirectory();
    chmodSync(elsewhere, 0o700);
    symlinkSync(elsewhere, join(place, "vidimus-backup-linked"));
    makeFolder(place, takeLock).remove();
    expect(readdirSync(open)).toEqual(["vidimus.sqlite"]);
    expect(readdirSync(elsewhere)).toEqual([]);
    expect(readdirSync(place).sort()).toEqual(["vidimus-backup-linked", "vidimus-backup-opened"]);
  });

  it("is refused where none can be made, and nothing is left where it cannot be held", async () => {
    expect(await backupCode((async () => makeFolder(join(place, "missing"), takeLock))())).toBe(
      "BACKUP_UNWRITABLE",
    );
    const busy = () => {
      throw new Error("held by somebody else");
    };
    expect(await backupCode((async () => makeFolder(place, busy))())).toBe("BACKUP_UNWRITABLE");
    expect(readdirSync(place)).toEqual([]);
  });
});

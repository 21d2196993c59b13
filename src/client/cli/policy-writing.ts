/** The file of a policy, read and changed by `pin`. */
import { realpath, stat } from "node:fs/promises";
import { whileWriting } from "../cache/lock.ts";
import { TrustError } from "../errors.ts";
import { readText } from "../files/read-file.ts";
import { replaceFile } from "../files/replace-file.ts";
import type { PinChange } from "../policy/edit.ts";
import { largestPolicy, parsePolicy } from "../policy/file.ts";
import { UsageError } from "./report.ts";
import { unwritable } from "./unwritable.ts";

/** Its text, if it is there; it is a good policy then. Throws `POLICY_INVALID`. */
export async function readIfThere(path: string): Promise<string | undefined> {
  if ((await stat(path).catch(() => undefined)) === undefined) return undefined;
  const text = await readText(path, "policy", largestPolicy, "POLICY_INVALID");
  await parsePolicy(text, path);
  return text;
}

/**
 * Changes the policy as it is now, one at a time: what somebody wrote into it while a person was asked, or while the server
 * was, stays. It keeps its mode; a new one is readable to all. A link stays one: what it leads to is replaced.
 */
export async function edit(path: string, change: (text: string) => Promise<PinChange>): Promise<PinChange> {
  try {
    const there = await stat(path).catch(() => undefined);
    const place = there === undefined ? path : await realpath(path);
    return await whileWriting(place, async (held) => {
      const before = (await readIfThere(path)) ?? "";
      const changed = await change(before);
      const mode = (there?.mode ?? 0o644) & 0o777;
      if (changed.text !== before) await replaceFile(place, Buffer.from(changed.text, "utf8"), mode, held);
      return changed;
    });
  } catch (cause) {
    if (cause instanceof TrustError || cause instanceof UsageError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === undefined) throw cause;
    throw unwritable(cause, { what: "The policy", file: path, locked: path });
  }
}

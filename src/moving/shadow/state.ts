/**
 * What is remembered between comparisons: how far both changefeeds were read, and since when which repository differs or cannot be
 * compared.
 */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { replaceFile } from "../../client/files/replace-file.ts";
import { type ShadowCode, ShadowError } from "../errors.ts";
import { differenceCodes, uncomparedCodes } from "./difference.ts";

/** Entries that are remembered. */
export const mostOpen = 100_000;

const feeds = z.object({ here: z.string().max(20), there: z.string().max(20) });
const shape = z.object({
  format: z.literal("vidimus-shadow/1"),
  here: z.string(),
  there: z.string(),
  /** Entries of the feeds up to which everything was compared. */
  read: feeds,
  /** A comparison that has not ended: the names up to here are done, of what the feeds told up to these entries. */
  under: z.object({ upTo: z.string(), read: feeds }).optional(),
  open: z
    .array(
      z.object({
        repository: z.string(),
        role: z.string().optional(),
        code: z.enum([...differenceCodes, ...uncomparedCodes]),
        /** Milliseconds since 1970. */
        since: z.number(),
      }),
    )
    .max(mostOpen),
});

export type ShadowState = z.output<typeof shape>;

export function freshState(here: string, there: string): ShadowState {
  return { format: "vidimus-shadow/1", here, there, read: { here: "", there: "" }, open: [] };
}

/** A fresh one if there is no file. Throws `SHADOW_STATE`. */
export async function readState(path: string, here: string, there: string): Promise<ShadowState> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return freshState(here, there);
    throw new ShadowError("SHADOW_STATE", `${path} cannot be read: check its name and rights.`, error);
  }
  const read = shape.safeParse(parsed(text));
  if (!read.success) {
    throw new ShadowError(
      "SHADOW_STATE",
      `${path} is no state of vidimus shadow: name another file, or a new one.`,
    );
  }
  if (read.data.here !== here || read.data.there !== there) {
    throw new ShadowError(
      "SHADOW_STATE",
      `${path} is about ${read.data.here} and ${read.data.there}: name another file for these two servers.`,
    );
  }
  return read.data;
}

/** Whole, or as it was. Throws `SHADOW_STATE`. */
export async function writeState(path: string, state: ShadowState): Promise<void> {
  await written("SHADOW_STATE", path, `${JSON.stringify(state)}\n`);
}

/** Likewise, and whatever collects metrics may read it. Throws `SHADOW_METRICS`. */
export async function writeMetrics(path: string, text: string): Promise<void> {
  await written("SHADOW_METRICS", path, text, 0o644);
}

async function written(code: ShadowCode, path: string, text: string, mode?: number): Promise<void> {
  try {
    await replaceFile(path, Buffer.from(text), mode);
  } catch (error) {
    throw new ShadowError(code, `${path} cannot be written: check its folder, rights and free space.`, error);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * The answers of a server as files, for those that have nothing but answers to give: nginx serves the folder, the bare
 * ones read `answers.json`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Sender } from "./sender.ts";

export interface SiteAnswer {
  readonly path: string;
  readonly file: string;
  /** Names and values in turn. */
  readonly headers: readonly string[];
}

/** Of the connection or of the moment: whoever answers adds its own. */
const left = new Set(["date", "connection", "keep-alive"]);

export async function writeSite(folder: string, sender: Sender, paths: readonly string[]): Promise<void> {
  const answers: SiteAnswer[] = [];
  for (const path of paths) {
    const { status, headers, bytes } = await sender.get(path);
    if (status !== 200) throw new Error(`no answer to copy for ${path}: ${status}`);
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
    writeFileSync(`${file}.gz`, gzipSync(bytes));
    const kept = Object.entries(headers).filter(([name]) => !left.has(name));
    answers.push({ path, file, headers: kept.flatMap(([name, value]) => [name, String(value)]) });
  }
  writeFileSync(join(folder, "answers.json"), JSON.stringify(answers));
}

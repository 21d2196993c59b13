/** Reading an input of any format. */
import { readCompose } from "./compose.ts";
import { detectFormat } from "./detect.ts";
import { readDockerfile } from "./dockerfile.ts";
import type { Input, InputFormat, ReadOptions } from "./input.ts";
import { readLinuxkit } from "./linuxkit.ts";
import { readList } from "./list.ts";
import { Source } from "./source.ts";

export interface InputOptions extends Partial<ReadOptions> {
  /** Detected if not given. */
  readonly format?: InputFormat | undefined;
}

/**
 * Reads the text of a file. `file` is its name as it was given, `-` for standard input.
 *
 * Throws `INPUT_INVALID`, `VARIABLE`, both with file and line. What is wrong with a `trust` block is in the input (`TRUST_BLOCK`).
 */
export async function readInput(file: string, text: string, options: InputOptions = {}): Promise<Input> {
  const { format = detectFormat(file === "-" ? undefined : file, text), args = new Map<string, string>() } =
    options;
  const source = new Source(file, text);
  switch (format) {
    case "linuxkit":
      return readLinuxkit(source);
    case "compose":
      return readCompose(source, { args });
    case "dockerfile":
      return readDockerfile(source, { args });
    case "list":
      return readList(source);
  }
}

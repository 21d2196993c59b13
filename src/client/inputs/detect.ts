/** Which format a file has: by its name if that says it, otherwise by what is in it. */
import { isAlias, isMap, isSeq } from "yaml";
import { TrustError } from "../errors.ts";
import type { InputFormat } from "./input.ts";
import { Source } from "./source.ts";
import { pairsOf, readYaml, type Yaml } from "./yaml.ts";

const linuxkitKeys = new Set(["kernel", "init", "onboot"]);

/** `fileName` is undefined for standard input. Throws `INPUT_INVALID` if more or less than one format fits. */
export function detectFormat(fileName: string | undefined, text: string): InputFormat {
  const name = (fileName ?? "").split(/[/\\]/).at(-1)?.toLowerCase() ?? "";
  const isYaml = /\.ya?ml$/.test(name);
  if (isYaml && /^(?:docker-)?compose/.test(name)) return "compose";
  if (!isYaml && (/^(?:dockerfile|containerfile)/.test(name) || name.endsWith(".dockerfile")))
    return "dockerfile";
  if (/\.(?:txt|list)$/.test(name)) return "list";
  const source = new Source(fileName ?? "-", text);
  const format = isYaml ? yamlFormat(readYaml(source)) : byContent(source);
  if (format) return format;
  throw new TrustError("INPUT_INVALID", "The format of the file is not clear; say it with --format.", {
    file: source.file,
  });
}

function byContent(source: Source): InputFormat | undefined {
  const lines = source.text
    .slice(source.begin)
    .split("\n")
    .map((line) => line.replace(/(?:^|[ \t])#.*|\r$/, "").trim())
    .filter((line) => line !== "");
  const yaml = yamlOf(source);
  const fit: InputFormat[] = yaml ? [yaml] : [];
  if (/^(?:FROM|ARG)\s/i.test(lines[0] ?? "") && lines.some((line) => /^FROM\s/i.test(line)))
    fit.push("dockerfile");
  if (lines.length > 0 && lines.every((line) => /^[A-Za-z0-9[](?:\S*[^\s:])?$/.test(line))) fit.push("list");
  return fit.length === 1 ? fit[0] : undefined;
}

function yamlOf(source: Source): InputFormat | undefined {
  try {
    return yamlFormat(readYaml(source));
  } catch (error) {
    if (error instanceof TrustError) return undefined;
    throw error;
  }
}

function yamlFormat({ root, aliases }: Yaml): InputFormat | undefined {
  const fit = new Set<InputFormat>();
  for (const { key, value } of pairsOf(root)) {
    const node = isAlias(value) ? aliases.get(value) : value;
    if (linuxkitKeys.has(String(key.value)) || (key.value === "services" && isSeq(node))) fit.add("linuxkit");
    if (key.value === "services" && isMap(node)) fit.add("compose");
  }
  return fit.size === 1 ? [...fit][0] : undefined;
}

/**
 * `build` of a Compose service: what the builder pulls besides what the Dockerfile names.
 *
 * Contexts `docker-image://…` are images. What would make the builder fetch something that no lock covers is refused: a
 * Dockerfile inside of the file, caches other than local ones, a scanner for an SBOM, another frontend by argument.
 */
import type { ComposeFile } from "./compose-file.ts";
import { buildKeys } from "./compose-keys.ts";
import type { Value } from "./yaml-tree.ts";

const scheme = "docker-image://";

/** Whether the service is built. */
export function composeBuild(file: ComposeFile, service: string, build: Value | undefined): boolean {
  if (build === undefined) return false;
  const place = `${service}.build`;
  file.note(`${service} is built locally: lock its Dockerfile too.`);
  if (file.tree.isText(build)) {
    context(file, build, place);
    return true;
  }
  const entries = file.entries(build, place, buildKeys);
  const given = (key: string) => file.given(entries.get(key));
  const inline = given("dockerfile_inline");
  if (inline)
    throw file.invalid(
      inline,
      `${place}.dockerfile_inline is not read; write it to a file and name that in dockerfile.`,
    );
  context(file, given("context"), `${place}.context`);
  contexts(file, given("additional_contexts"), `${place}.additional_contexts`);
  caches(file, given("cache_from"), `${place}.cache_from`);
  frontend(file, given("args"), `${place}.args`);
  scanner(file, given("sbom"), `${place}.sbom`);
  return true;
}

function context(file: ComposeFile, value: Value | undefined, place: string): void {
  if (value && /^docker-image:/i.test(file.textOf(value, place))) {
    throw file.invalid(value, `${place} cannot be an image; name it in additional_contexts.`);
  }
}

/** Texts of a mapping or of a list of `key=value`, with the key; what is no text names nothing. */
function pairs(
  file: ComposeFile,
  value: Value,
  place: string,
): readonly (readonly [key: string, value: Value, inList: boolean])[] {
  if (!file.tree.isList(value))
    return [...file.tree.entries(value, place)].map(([key, each]) => [key, each, false] as const);
  return file.tree.items(value, place).map((item) => {
    const text = file.tree.text(item, place);
    return [text.split("=", 1)[0] as string, item, true] as const;
  });
}

function contexts(file: ComposeFile, value: Value | undefined, place: string): void {
  if (value === undefined) return;
  for (const [key, each, inList] of pairs(file, value, place)) {
    const at = `${place}[${key}]`;
    if (key.startsWith("x-"))
      throw file.invalid(each, `${at} is an extension to Compose, which leaves it out; rename it.`);
    const before = inList ? `${key}=` : "";
    const resolved = file.textOf(each, at);
    if (!resolved.startsWith(before))
      throw file.invalid(each, `${at} has a variable in its name; write the name out.`);
    const named = resolved.slice(before.length);
    if (named.startsWith(scheme)) file.use(each, at, `${before}${scheme}`);
    else if (/^\s*docker-image/i.test(named)) {
      throw file.invalid(each, `${at} names an image in a way that is not read; write ${scheme}NAME.`);
    }
  }
}

function caches(file: ComposeFile, value: Value | undefined, place: string): void {
  if (value === undefined) return;
  for (const item of file.tree.items(value, place)) {
    const text = file.textOf(item, place);
    const types = text.split(",").filter((field) => /^\s*type\s*=/i.test(field));
    if (types.length === 1 && types[0] === "type=local" && !text.includes('"')) continue;
    throw file.invalid(
      item,
      `${place} takes layers that nobody verifies; remove it, or use a cache of type=local.`,
    );
  }
}

function frontend(file: ComposeFile, value: Value | undefined, place: string): void {
  if (value === undefined) return;
  for (const [key, each, inList] of pairs(file, value, place)) {
    // Compose puts variables into items of a list, but not into keys of a mapping.
    if (inList && key.includes("$"))
      throw file.invalid(each, `${place} has a variable in a name; write the name out.`);
    if (key !== "BUILDKIT_SYNTAX") continue;
    throw file.invalid(
      each,
      `${place} has BUILDKIT_SYNTAX, an image that is run; write it as # syntax= in the Dockerfile.`,
    );
  }
}

function scanner(file: ComposeFile, value: Value | undefined, place: string): void {
  if (value === undefined) return;
  const { node } = value;
  if (node && "value" in node && (node.value === false || node.value === "false")) return;
  throw file.invalid(value, `${place} runs a scanner's image that nobody verifies; remove it.`);
}

/**
 * LinuxKit's build files.
 *
 * Images are named in `kernel.image`, `init[]`, and `image` of each entry of `onboot`, `onshutdown`, `services` and
 * `volumes`. Keys that LinuxKit's schema does not have are refused, as LinuxKit refuses them, at the top and where an
 * image may be left out: a key that is read wrongly there would hide one. Merge keys are followed below the top level;
 * where one would change what the map itself says, old and new LinuxKit differ, so that is refused.
 */

import { meant } from "../../core/nearest.ts";
import type { ImageUse, Input, LocalUse } from "./input.ts";
import { mostImages, type Source } from "./source.ts";
import { trustBlock } from "./trust-block.ts";
import { shown } from "./words.ts";
import { pairsOf, readYaml } from "./yaml.ts";
import { type Value, YamlTree } from "./yaml-tree.ts";

const lists = ["onboot", "onshutdown", "services", "volumes"] as const;
const known: readonly string[] = ["kernel", "init", ...lists, "trust", "files"];
/** Where an image may be left out. */
const keysOf: ReadonlyMap<string, readonly string[]> = new Map([
  ["kernel", ["image", "cmdline", "binary", "tar", "ucode"]],
  ["volumes", ["name", "image", "readonly", "format", "platforms"]],
]);

/** What no LinuxKit file says (docs/client.md has the images). */
const helperNote =
  "formats other than tar, docker, kernel+initrd and tar-kernel-initrd run images of LinuxKit's own, by tag; " +
  "verify those you use with --helpers.";

/** Throws `INPUT_INVALID`. */
export function readLinuxkit(source: Source): Input {
  const tree = new YamlTree(readYaml(source));
  const top = topLevel(tree);
  const found = new Found(tree);
  found.kernel(top.get("kernel"));
  found.init(top.get("init"));
  for (const list of lists) found.list(list, top.get(list));
  const { block, removed, faults } = trustBlock(tree, top.get("trust"));
  const { images, local } = found;
  return {
    format: "linuxkit",
    file: source.file,
    text: source.text,
    images,
    local,
    trust: block,
    removed,
    written: [],
    faults,
    notes: [helperNote],
  };
}

function topLevel(tree: YamlTree): ReadonlyMap<string, Value> {
  const { source, root } = tree.yaml;
  for (const { key } of pairsOf(root)) {
    const name = String(key.value);
    if (name === "<<")
      throw source.invalid(
        key.range[0],
        "A merge key at the top of a LinuxKit file is not read; write its keys out.",
      );
    demandKnown(source, key.range[0], name, known);
  }
  return tree.entries(tree.root(), "The file");
}

function demandKnown(source: Source, offset: number, name: string, keys: readonly string[]): void {
  if (keys.includes(name)) return;
  throw source.invalid(offset, `LinuxKit has no key ${shown(name)} here${meant(name, keys)}`);
}

class Found {
  readonly images: ImageUse[] = [];
  readonly local: LocalUse[] = [];
  readonly #tree: YamlTree;

  constructor(tree: YamlTree) {
    this.#tree = tree;
  }

  kernel(value: Value | undefined): void {
    if (value === undefined || this.#tree.isNull(value)) return;
    const image = this.#entries(value, "kernel", "kernel").get("image");
    if (image && !this.#empty(image)) this.#use(image, "kernel");
  }

  init(value: Value | undefined): void {
    if (value === undefined || this.#tree.isNull(value)) return;
    for (const [index, item] of this.#tree.items(value, "init").entries()) this.#use(item, `init[${index}]`);
  }

  list(name: (typeof lists)[number], value: Value | undefined): void {
    if (value === undefined || this.#tree.isNull(value)) return;
    for (const [index, item] of this.#tree.items(value, name).entries()) {
      const entries = this.#entries(item, `${name}[${index}]`, name);
      const called = entries.get("name");
      const place = `${name}[${called && this.#tree.isText(called) ? this.#tree.text(called, name) : index}]`;
      const image = entries.get("image");
      if (name === "volumes" && (image === undefined || this.#empty(image))) continue;
      if (image === undefined)
        throw this.#tree.yaml.source.invalid(item.offset, `${place} has no image; name one.`);
      this.#use(image, place);
    }
  }

  #empty(value: Value): boolean {
    return this.#tree.isNull(value) || (this.#tree.isText(value) && this.#tree.text(value, "image") === "");
  }

  #entries(value: Value, place: string, section: string): ReadonlyMap<string, Value> {
    const entries = this.#tree.entries(value, place, "image");
    const keys = keysOf.get(section);
    if (keys === undefined) return entries;
    for (const [key, { offset }] of entries) demandKnown(this.#tree.yaml.source, offset, key, keys);
    return entries;
  }

  #use(value: Value, place: string): void {
    const { source } = this.#tree.yaml;
    const { text, span, quote, line } = this.#tree.place(value, `The image of ${place}`);
    if (text === "" || /\s/.test(text))
      throw source.invalid(value.offset, `The image of ${place} is no image reference.`);
    if (text.startsWith("@pkg:")) {
      this.local.push({ place, line, text });
    } else if (text.startsWith("@")) {
      throw source.invalid(
        value.offset,
        `${shown(text)} is a template that is not read here; write the image out, or @pkg:DIRECTORY.`,
      );
    } else {
      this.images.push({ place, line, reference: text, span, quote });
    }
    if (this.images.length > mostImages)
      throw source.invalid(value.offset, `The file names more than ${mostImages} images.`);
  }
}

/**
 * Dockerfiles, as BuildKit reads them.
 *
 * The builder pulls the image of every `FROM` that names no earlier stage, of `COPY --from` and of `RUN --mount=…,from=`
 * that name no stage, and the frontend of `# syntax=`. Names of stages have no case; `scratch` is nothing. Where a variable
 * of `FROM` stands for one of these, the locked file has it written out: with another value it would be an image. The file
 * is read a second time by another parser, and where the two differ it is refused.
 */

import { meant } from "../../core/nearest.ts";
import { GlobalArgs } from "./dockerfile-args.ts";
import { readDirectives } from "./dockerfile-directives.ts";
import type { Flag } from "./dockerfile-flags.ts";
import { type Instruction, readInstructions } from "./dockerfile-lines.ts";
import { agree } from "./dockerfile-second.ts";
import { type ImageUse, type Input, plainInput, type ReadOptions, type Span, type Written } from "./input.ts";
import { interpolate, Unresolved } from "./interpolate.ts";
import { bare } from "./quote.ts";
import { mostImages, type Source } from "./source.ts";
import { shown } from "./words.ts";

const flagsOf: Readonly<Record<string, readonly string[]>> = {
  FROM: ["platform"],
  COPY: ["from", "chown", "chmod", "link", "exclude", "parents"],
  ADD: ["chown", "chmod", "link", "keep-git-dir", "checksum", "unpack", "exclude"],
  RUN: ["mount", "network", "security", "device"],
};
const stageName = /^[a-z][a-z0-9_.-]*$/;
const referenceText = /^[A-Za-z0-9[][A-Za-z0-9._/:@[\]-]*$/;

/** Throws `INPUT_INVALID`, `VARIABLE`. */
export async function readDockerfile(source: Source, options: ReadOptions): Promise<Input> {
  const directives = readDirectives(source);
  const instructions = readInstructions(source, directives.escapeChar);
  await agree(source, directives, instructions);
  const reader = new Reader(source, directives.escapeChar, options, instructions);
  if (directives.syntax) reader.syntax(directives.syntax);
  for (const instruction of instructions) reader.read(instruction);
  if (reader.stages === 0) throw source.invalid(source.begin, "The file has no FROM.");
  const { images, written } = reader;
  const { file, text } = source;
  return plainInput({ format: "dockerfile", file, text, images, written });
}

class Reader {
  readonly images: ImageUse[] = [];
  readonly written: Written[] = [];
  stages = 0;
  readonly #source: Source;
  readonly #escape: "\\" | "`";
  readonly #args: GlobalArgs;
  /** Names of the stages before the one under way, and its own. */
  readonly #before = new Set<string>();
  #current: string | undefined;
  /** Names of all stages of the file, later ones too. */
  readonly #names: ReadonlySet<string>;

  constructor(source: Source, escapeChar: "\\" | "`", options: ReadOptions, all: readonly Instruction[]) {
    this.#source = source;
    this.#escape = escapeChar;
    this.#args = new GlobalArgs(options.args);
    const froms = all.filter(({ keyword }) => keyword === "FROM");
    this.#names = new Set(froms.flatMap(({ args }) => args.split(/[ \t]+/)[2]?.toLowerCase() ?? []));
  }

  syntax({ text, span }: { readonly text: string; readonly span: Span }): void {
    if (!referenceText.test(text))
      throw this.#source.invalid(span.start, `The frontend ${shown(text)} is no image reference.`);
    this.#use("syntax", text, span);
  }

  read(instruction: Instruction): void {
    const { keyword, offset, trigger } = instruction;
    this.#known(trigger ?? instruction);
    if (trigger) this.#trigger(trigger);
    else if (keyword === "FROM") this.#from(instruction);
    else if (this.stages > 0) this.#inStage(instruction);
    else if (keyword === "ARG") this.#args.declare(instruction.args, this.#escape);
    else throw this.#source.invalid(offset, `Before the first FROM there may only be ARG, not ${keyword}.`);
  }

  #known({ keyword, offset, flags }: Instruction): void {
    const known = flagsOf[keyword] ?? [];
    for (const { name } of flags) {
      if (known.includes(name)) continue;
      const flag = `--${name}`;
      const guess = meant(
        flag,
        known.map((each) => `--${each}`),
      );
      throw this.#source.invalid(offset, `${keyword} has no flag ${shown(flag)}${guess}`);
    }
  }

  /** What a later build does with it is not known here, so it may not name an image or a stage. */
  #trigger(trigger: Instruction): void {
    const names = trigger.flags.some(
      ({ name, value }) => name === "from" || (name === "mount" && /from/i.test(value ?? "")),
    );
    if (!names) return;
    throw this.#source.invalid(
      trigger.offset,
      "ONBUILD takes from an image or a stage of another build; write it without ONBUILD.",
    );
  }

  #from(instruction: Instruction): void {
    const { args, argsStart, offset } = instruction;
    const [base = "", as, name, ...more] = args.split(/[ \t]+/);
    if (
      base === "" ||
      more.length > 0 ||
      (as !== undefined && (as.toLowerCase() !== "as" || name === undefined))
    ) {
      throw this.#source.invalid(offset, "FROM is written as FROM IMAGE or FROM IMAGE AS NAME.");
    }
    if (this.#current !== undefined) this.#before.add(this.#current);
    const called = name?.toLowerCase();
    if (called !== undefined && !stageName.test(called)) {
      throw this.#source.invalid(
        offset,
        `The stage's name ${shown(called)} may only have letters, digits, and - _ . between them.`,
      );
    }
    const image = this.#resolved(base, offset);
    if (!referenceText.test(image))
      throw this.#source.invalid(offset, `FROM ${shown(base)} is no image reference.`);
    const pulled = image !== "scratch" && !this.#before.has(image.toLowerCase());
    if (pulled) this.#use("FROM", image, this.#span(instruction, argsStart, base));
    else if (base !== image) this.written.push({ ...this.#span(instruction, argsStart, base), text: image });
    this.#current = called;
    this.stages += 1;
  }

  #resolved(base: string, offset: number): string {
    if (/["'\\`]/.test(base))
      throw this.#source.invalid(offset, "FROM has quotes or an escape; write the image without.");
    try {
      return interpolate(base, this.#args.lookup);
    } catch (error) {
      if (!(error instanceof Unresolved)) throw error;
      throw this.#source.refusal("VARIABLE", offset, error.message);
    }
  }

  #inStage(instruction: Instruction): void {
    for (const flag of instruction.flags) {
      if (flag.name === "from") this.#copyFrom(instruction, flag);
      if (flag.name === "mount") this.#mountFrom(instruction, flag);
    }
    if (instruction.flags.filter(({ name }) => name === "from").length > 1) {
      throw this.#source.invalid(instruction.offset, "COPY has --from twice.");
    }
  }

  #copyFrom(instruction: Instruction, { value = "", valueStart, plain }: Flag): void {
    if (/^\d+$/.test(value)) {
      // The stage under way is the last of `stages`.
      if (Number(value) < this.stages - 1) return;
      throw this.#source.invalid(instruction.offset, `COPY --from=${value} names no stage before this one.`);
    }
    this.#taken(instruction, "COPY --from", value, valueStart, plain);
  }

  #mountFrom(instruction: Instruction, { value = "", valueStart, plain }: Flag): void {
    if (!/from/i.test(value)) return;
    let at = valueStart;
    const sources: [text: string, start: number][] = [];
    for (const field of value.split(",")) {
      const [, key = "", text = ""] = /^\s*([^=]*)=?(.*)$/s.exec(field) ?? [];
      if (key.trim().toLowerCase() === "from") sources.push([text, at + field.length - text.length]);
      at += field.length + 1;
    }
    if (sources.length > 1 || value.includes('"')) {
      throw this.#source.invalid(
        instruction.offset,
        "RUN --mount is written in a way that is not read here; write it without quotes, from once.",
      );
    }
    for (const [text, start] of sources) {
      if (/^\d+$/.test(text))
        throw this.#source.invalid(
          instruction.offset,
          "RUN --mount takes no number of a stage; write its name.",
        );
      this.#taken(instruction, "RUN --mount from", text, start, plain);
    }
  }

  /** A name that is a stage or an image. */
  #taken(instruction: Instruction, place: string, text: string, start: number, plain: boolean): void {
    const { offset } = instruction;
    if (text.includes("$")) {
      throw this.#source.invalid(
        offset,
        `${place} takes no variables; name a stage with FROM and take from that.`,
      );
    }
    if (!plain || !referenceText.test(text))
      throw this.#source.invalid(offset, `${place} ${shown(text)} is no stage and no image reference.`);
    const name = text.toLowerCase();
    if (name === this.#current || (this.#names.has(name) && !this.#before.has(name))) {
      throw this.#source.invalid(
        offset,
        `${place} ${shown(text)} names a stage that is not before this one.`,
      );
    }
    if (text === "scratch" || this.#before.has(name)) return;
    this.#use(place, text, this.#span(instruction, start, text));
  }

  #span(instruction: Instruction, start: number, text: string): Span {
    const span = instruction.place(start, start + text.length);
    if (span) return span;
    throw this.#source.invalid(instruction.offset, `${shown(text)} is split over lines; write it on one.`);
  }

  #use(place: string, reference: string, span: Span): void {
    if (this.images.length === mostImages) {
      throw this.#source.invalid(span.start, `The file names more than ${mostImages} images.`);
    }
    this.images.push({ place, line: this.#source.lineOf(span.start), reference, span, quote: bare });
  }
}

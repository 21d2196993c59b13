/**
 * A second reading of a Dockerfile, by a parser that has nothing to do with the first.
 *
 * The two must find the same instructions on the same lines, the same escape character and the same images in `FROM`
 * and `COPY --from`. Where they differ, one of them is not the builder's reading, and nobody can tell which.
 */
import type { Copy, From } from "dockerfile-ast";
import type { Directives } from "./dockerfile-directives.ts";
import type { Instruction } from "./dockerfile-lines.ts";
import type { Source } from "./source.ts";

/** The parser is loaded here, so that other formats do not pay for it. Throws `INPUT_INVALID`. */
export async function agree(
  source: Source,
  { escapeChar, syntax }: Directives,
  instructions: readonly Instruction[],
): Promise<void> {
  const { DockerfileParser } = await import("dockerfile-ast");
  const other = DockerfileParser.parse(source.text);
  const differ = (offset: number) =>
    source.invalid(
      offset,
      "This can be read in more than one way; write it plainly: one instruction a line, without odd continuations.",
    );
  const itsSyntax = other.getDirectives().find((each) => each.getName().toLowerCase() === "syntax");
  if (other.getEscapeCharacter() !== escapeChar || itsSyntax?.getValue() !== syntax?.text)
    throw differ(source.begin);
  const others = other.getInstructions();
  for (const [index, instruction] of instructions.entries()) {
    const its = others[index];
    const line = its?.getRange().start.line;
    const same = its?.getKeyword() === instruction.keyword && line === source.lineOf(instruction.offset) - 1;
    if (!same || !sameImage(instruction, its)) throw differ(instruction.offset);
  }
  const extra = others[instructions.length]?.getRange().start.line;
  if (extra !== undefined) throw differ(source.offsetOf(extra + 1));
}

function sameImage({ keyword, args, flags }: Instruction, its: unknown): boolean {
  if (keyword === "FROM") return (its as From).getImage() === args.split(/[ \t]+/, 1)[0];
  if (keyword !== "COPY") return true;
  const from = flags.find(({ name }) => name === "from")?.value;
  const itsFrom = (its as Copy).getFlags().find((flag) => flag.getName() === "from");
  return (itsFrom?.getValue() ?? undefined) === from;
}

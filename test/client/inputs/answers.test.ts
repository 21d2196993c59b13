/**
 * The readers against the programs that build: what each names in the same file (test/vectors/inputs).
 *
 * Of what a reader takes it must find what the real parser finds, place by place. It may refuse more than that one does.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { TrustError } from "../../../src/client/errors.ts";
import type { InputFormat } from "../../../src/client/inputs/input.ts";
import { readInput } from "../../../src/client/inputs/read.ts";

/** The kind of a place, and what is named there. */
type Use = readonly [kind: string, reference: string];

interface Case {
  readonly name: string;
  readonly text: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly answer: "error" | readonly Use[];
  /** What the reader names although the real one does not use it. */
  readonly beyond?: readonly Use[];
  /** The code with which the reader refuses. */
  readonly refused?: string;
}

const formats = ["dockerfile", "compose", "linuxkit"] as const;

function casesOf(format: InputFormat): readonly Case[] {
  const file = new URL(`../../vectors/inputs/${format}/answers.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8"));
}

function kindOf(format: InputFormat, place: string): string {
  if (format === "dockerfile") return place;
  if (format === "linuxkit") return place.replace(/\[.*/s, "");
  if (/\.additional_contexts\[[^[]*\]$/.test(place)) return "context";
  if (/\.volumes\[\d+\]$/.test(place)) return "mount";
  return /\.pre_start\[\d+\]$/.test(place) ? "hook" : "image";
}

/** Sorted. Compose hands an image on from service to service (`extends`), so that there it counts once. */
function listed(format: InputFormat, uses: readonly Use[]): readonly string[] {
  const all = uses.map((use) => use.join(" ")).sort();
  return format === "compose" ? [...new Set(all)] : all;
}

async function outcome(format: InputFormat, { text, args = {} }: Case) {
  try {
    const { images, local } = await readInput("build.file", text, {
      format,
      args: new Map(Object.entries(args)),
    });
    const uses = [...images, ...local.map((use) => ({ ...use, reference: use.text }))];
    return { uses: uses.map(({ place, reference }): Use => [kindOf(format, place), reference]) };
  } catch (error) {
    if (error instanceof TrustError) return { refused: error.code };
    throw error;
  }
}

describe.each(formats)("the reader of a %s file", (format) => {
  const cases = casesOf(format);
  const refused = cases.filter((each) => each.refused !== undefined);
  const taken = cases.filter((each) => each.refused === undefined);

  it.each(taken.filter(({ answer }) => answer !== "error"))("finds what is used: $name", async (each) => {
    const { uses = [] } = await outcome(format, each);
    expect(listed(format, uses)).toEqual(
      listed(format, [...(each.answer as readonly Use[]), ...(each.beyond ?? [])]),
    );
  });

  it.each(taken.filter(({ answer }) => answer === "error"))("is not stricter here: $name", async (each) => {
    expect(await outcome(format, each)).not.toHaveProperty("refused");
  });

  it.each(refused)("refuses: $name", async (each) => {
    expect(await outcome(format, each)).toEqual({ refused: each.refused });
  });
});

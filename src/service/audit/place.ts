/** Where an answer goes on, as one word: behind a repository, or behind a version in it. */
import { parseJson } from "../../core/json.ts";
import { bad } from "./questions.ts";

export interface Place {
  readonly repository: string;
  readonly within: readonly [role: string, version: number] | undefined;
}

const longest = 2_048;

export function placeOf(repository: string, within: Place["within"]): string {
  return Buffer.from(JSON.stringify([repository, ...(within ?? [])]), "utf8").toString("base64url");
}

/** Throws `BAD_PARAMETER` for what no answer said. */
export function readPlace(text: string): Place {
  const refused = () => bad("after: give what the answer before said as next");
  if (text.length > longest) throw refused();
  let value: unknown;
  try {
    ({ value } = parseJson(Buffer.from(text, "base64url"), { controlCharacters: false }));
  } catch {
    throw refused();
  }
  if (!Array.isArray(value)) throw refused();
  const [repository, role, version] = value as readonly unknown[];
  if (typeof repository !== "string") throw refused();
  if (value.length === 1) return { repository, within: undefined };
  if (value.length !== 3 || typeof role !== "string" || !Number.isSafeInteger(version)) throw refused();
  return { repository, within: [role, version as number] };
}

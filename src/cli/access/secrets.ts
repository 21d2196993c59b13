/** Passwords: from a file, an open descriptor or a person, and never from an argument, which every user of the machine sees. */
import { readFileSync } from "node:fs";
import type { CliContext } from "../output.ts";
import { AccessError } from "./errors.ts";

const longest = 4_096;

export interface SecretSource {
  readonly file?: string | undefined;
  readonly descriptor?: string | undefined;
  /** Ask a person again, and compare. */
  readonly twice?: boolean;
}

/** Without the line end. Throws `ACCESS_REFUSED`. */
export async function readSecret(
  question: string,
  { file, descriptor, twice = false }: SecretSource,
  { askHidden }: CliContext,
): Promise<string> {
  if (file !== undefined && descriptor !== undefined) throw bad("Give a file or a descriptor, not both.");
  if (descriptor !== undefined && !/^[0-9]{1,4}$/.test(descriptor))
    throw bad("A descriptor is a number from 0 to 9999.");
  if (file !== undefined || descriptor !== undefined) return read(file ?? Number(descriptor));
  if (askHidden === undefined) throw bad("Nobody can be asked for the password: name a file that holds it.");
  const answer = await askHidden(question);
  if (twice && (await askHidden("Once more: ")) !== answer)
    throw bad("The two are not the same: nothing was done.");
  return answer;
}

function read(place: string | number): string {
  const named = typeof place === "string" ? `The password file ${place}` : `Descriptor ${place}`;
  let text: string;
  try {
    text = readFileSync(place, "utf8").replace(/\r?\n$/, "");
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new AccessError(
      "ACCESS_REFUSED",
      `${named} cannot be read (${why}): name one that is there and that you may read.`,
      cause,
    );
  }
  if (text === "") throw bad(`${named} is empty: write the password into it, as its only line.`);
  if (text.includes("\n"))
    throw bad(`${named} has several lines: leave the password alone in it, as its only line.`);
  if (text.length > longest)
    throw bad(`${named} has a line of more than ${longest} characters, which is no password.`);
  return text;
}

function bad(sentence: string): AccessError {
  return new AccessError("ACCESS_REFUSED", sentence);
}

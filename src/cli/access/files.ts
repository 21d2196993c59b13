/** Files by which these commands know a server, and say who asks. What they hold is in no message. */
import { readFileSync } from "node:fs";
import { AccessError } from "./errors.ts";

/** In the data directory of a server that knows its callers itself. */
export const operatorToken = "operator-token";
/** What a header can carry. */
const tokenForm = /^[\x21-\x7e]{1,16384}$/;

/** Without the line end. Throws `AccessError`. */
export function tokenIn(path: string): string {
  const token = readText(path).trim();
  if (tokenForm.test(token)) return token;
  throw new AccessError(
    "ACCESS_REFUSED",
    `The file ${path} must hold one line, a token: make one with vidimus token create.`,
  );
}

/** Throws `ACCESS_DENIED`. */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new AccessError(
      "ACCESS_DENIED",
      `The file ${path} cannot be read (${why}): run this where the server's data lies, as its user, while it runs with auth.mode builtin; or give --server with --login or --token-file.`,
      cause,
    );
  }
}

/** Where no operator's token is to be had, and none was to be expected. */
export function noPeople(mode: "none" | "token", data: string): AccessError {
  const people =
    mode === "none"
      ? "with which everybody may do everything, and nobody is a user"
      : "whose users are those of another service and administered there";
  return new AccessError(
    "ACCESS_DENIED",
    `This configuration has auth.mode ${mode}, ${people}; and no server with auth.mode builtin has left its ${operatorToken} in ${data}: give the --config and --data that it was started with, or --server with --login or --token-file.`,
  );
}

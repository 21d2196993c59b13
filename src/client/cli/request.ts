/**
 * Requests of other programs: JSON on standard input, asked for with `-`.
 *
 *     { "format": "vidimus-request/1", "references": ["registry.example.test/app:1"],
 *       "files": [{ "path": "app.tar", "repository": "registry.example.test/files", "target": "1/app.tar" }] }
 *
 * `files` are for `verify`; to resolve is to ask for digests of images.
 */
import { isObject, type Json, member } from "../../core/json.ts";
import { JsonFile, listOf, string } from "../files/json-file.ts";
import type { ClientContext } from "./context.ts";

export interface Request {
  readonly references: readonly string[];
  readonly files: readonly RequestedFile[];
}

export interface RequestedFile {
  readonly path: string;
  readonly repository: string;
  readonly target: string;
}

/** What a request may hold. */
export type RequestKind = "references" | "references and files";

const format = "vidimus-request/1";
const largest = 4 * 1_048_576;
const most = 10_000;

/** Arguments as they are, or what standard input says where the only one is `-`. Throws `INPUT_INVALID`. */
export async function readRequest(
  given: readonly string[],
  context: ClientContext,
  kind: RequestKind,
): Promise<Request> {
  if (given.length !== 1 || given[0] !== "-") return { references: given, files: [] };
  const json = new JsonFile(await context.stdin(largest), "-", "INPUT_INVALID", "request");
  const object = json.object();
  json.read(object, "format", (value) => (value === format ? true : undefined), `must be "${format}"`);
  json.only(object, ["format", "references", "files"]);
  const listed = <T>(name: string, as: (value: Json) => T | undefined, things: string): readonly T[] =>
    member(object, name) === undefined
      ? []
      : json.read(
          object,
          name,
          (value) => listOf(value, most, as),
          `must be a list of at most ${most} ${things}`,
        );
  const files = listed(
    "files",
    fileOf,
    "objects with the texts path, repository and target, and nothing else",
  );
  if (kind === "references" && files.length > 0)
    throw json.fault(object, "files", "is for `verify -`: `resolve -` takes references alone");
  return { references: listed("references", string, "texts"), files };
}

function fileOf(value: Json): RequestedFile | undefined {
  if (!isObject(value) || Object.keys(value).length !== 3) return undefined;
  const [path, repository, target] = ["path", "repository", "target"].map((name) =>
    string(member(value, name)),
  );
  return path === undefined || repository === undefined || target === undefined
    ? undefined
    : { path, repository, target };
}

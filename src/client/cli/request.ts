/**
 * Requests of other programs: JSON on standard input, asked for with `-`.
 *
 *     { "format": "vidimus-request/1", "references": ["registry.example.test/app:1"],
 *       "files": [{ "path": "app.tar", "repository": "registry.example.test/files", "target": "1/app.tar" }] }
 */
import { isObject, type Json, member } from "../../core/json.ts";
import { JsonFile, listOf, string } from "../json-file.ts";
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

const largest = 4 * 1_048_576;
const most = 10_000;

/** Arguments as they are, or what standard input says where the only one is `-`. Throws `INPUT_INVALID`. */
export async function readRequest(given: readonly string[], context: ClientContext): Promise<Request> {
  if (given.length !== 1 || given[0] !== "-") return { references: given, files: [] };
  const json = new JsonFile(await context.stdin(largest), "-", "INPUT_INVALID", "request");
  const object = json.object();
  json.read(object, "format", (value) => (value === "vidimus-request/1" ? true : undefined));
  const listed = <T>(name: string, as: (value: Json) => T | undefined): readonly T[] =>
    member(object, name) === undefined ? [] : json.read(object, name, (value) => listOf(value, most, as));
  json.only(object, ["format", "references", "files"]);
  return { references: listed("references", string), files: listed("files", fileOf) };
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

/** The changefeed's parameters and records (notary-protocol.md 1.5). */
import { MalformedError } from "../core/errors.ts";
import type { ChangeQuery, ChangeRecord } from "../service/service.ts";

const maxPage = 1_000;
const defaultPage = 100;
const maxInt32 = 2_147_483_647;

/**
 * `records`: 1 … 1000 forwards, negative backwards, 0 or absent 100. `change_id`: exclusive start; negative: from the
 * newest, backwards. Throws `BAD_PARAMETER`.
 */
export function changeQuery(repository: string | undefined, search: string): ChangeQuery {
  const parameters = new URLSearchParams(search);
  const records = int32(parameters, "records") ?? 0;
  const from = int32(parameters, "change_id");
  const backwards = records < 0 || (from !== undefined && from < 0);
  return {
    ...(repository !== undefined && { repository }),
    ...(from !== undefined && from >= 0 && { from }),
    direction: backwards ? "backwards" : "forwards",
    limit: Math.min(Math.abs(records) || defaultPage, maxPage),
  };
}

function int32(parameters: URLSearchParams, name: string): number | undefined {
  const values = parameters.getAll(name);
  const [text = ""] = values;
  if (values.length > 1) throw bad(name);
  if (text === "") return undefined;
  const value = Number(text);
  if (!/^[+-]?\d{1,10}$/.test(text) || value > maxInt32 || value < -maxInt32 - 1) throw bad(name);
  return value;
}

function bad(name: string): MalformedError {
  return new MalformedError("BAD_PARAMETER", `invalid ${name} parameter: give one integer of 32 bits`);
}

/** The body of an answer, in the original's words and order. */
export function changeBody(records: readonly ChangeRecord[]): string {
  return JSON.stringify({
    count: records.length,
    records: records.map(({ id, at, repository, version, sha256, category }) => ({
      ID: String(id),
      CreatedAt: new Date(at).toISOString(),
      GUN: repository,
      Version: version,
      SHA256: sha256,
      Category: category,
    })),
  });
}

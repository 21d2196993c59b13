/** The columns of the register of keys, for `columns.test.ts`. */
import type { Row } from "./proposal-columns.ts";

const any = "1 = 1";
const lifted = "lifted_at IS NOT NULL";
const noKey = "replace(key_id, 'b', 'x')";

export const registerRows: readonly Row[] = [
  ["registered_key.key_id", "none", "replace(key_id, 'a', 'x')", any, ["REGISTER_WRONG"]],
  ["registered_key.until", "before it began", "0", any, ["REGISTER_WRONG"]],
  ["registered_key.owner", "nobody", "''", any, ["REGISTER_WRONG"]],
  ["registered_key.registered_by", "nobody", "''", any, ["REGISTER_WRONG"]],
  ["denied_key.key_id", "none", noKey, lifted, ["REGISTER_WRONG"]],
  ["denied_key.denied_at", "after it was lifted", "lifted_at + 1", lifted, ["REGISTER_WRONG"]],
  ["denied_key.denied_by", "nobody", "''", any, ["REGISTER_WRONG"]],
  ["denied_key.lifted_at", "never", "NULL", lifted, ["REGISTER_WRONG"]],
  ["denied_key.lifted_by", "nobody", "NULL", lifted, ["REGISTER_WRONG"]],
];

export const registerColumnsUnchecked: Readonly<Record<string, string>> = {
  "registered_key.since": "what somebody said, and nothing else in the store says it",
  "registered_key.custody": "likewise",
  "registered_key.registered_at": "only told",
  "denied_key.reason": "only told",
};

/** What is wrong with who may do what, for `inspection.ts`. No sentence has a hash or a digest in it. */
import type Database from "better-sqlite3";

const noDigest = "length(digest) <> 64 OR digest GLOB '*[^0-9a-f]*'";
const noWords = "trim(actions) <> actions OR actions = '' OR instr(actions, '  ') > 0";

/** One sentence for each row that no back end would have written. */
const questions = [
  `SELECT 'the user ' || name || ' has no name or a password that is none' FROM access_user WHERE name = '' OR (password <> '' AND password NOT GLOB 'scrypt$*$*$*$*$*')`,
  "SELECT 'there is a team without a name' FROM access_team WHERE name = ''",
  "SELECT 'the team ' || team || ' is none, or has a member without a name' FROM access_member AS m WHERE member = '' OR NOT EXISTS (SELECT 1 FROM access_team AS t WHERE t.name = m.team)",
  `SELECT 'a permission of ' || kind || ' ' || name || ' is for nothing, or allows nothing' FROM access_permission WHERE pattern = '' OR ${noWords}`,
  "SELECT 'a permission is of the team ' || name || ', which is none' FROM access_permission AS p WHERE kind = 'team' AND NOT EXISTS (SELECT 1 FROM access_team AS t WHERE t.name = p.name)",
  `SELECT 'the token ' || name || ' has no name, no digest or no list of scopes, or was revoked before it was made' FROM access_machine_token WHERE name = '' OR ${noDigest} OR json_type(scopes) <> 'array' OR revoked_at < created_at`,
  `SELECT 'a session of ' || name || ' has no user or no digest, or ends before it begins' FROM access_session WHERE name = '' OR ${noDigest} OR expires_at < created_at`,
];

export function prepareAccessInspection(database: Database.Database, most: number): () => string[] {
  const statement = database.prepare<[], string>(`${questions.join(" UNION ALL ")} LIMIT ${most}`).pluck();
  return () => statement.all();
}

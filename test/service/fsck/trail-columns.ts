/** The columns of the audit trail for `columns.test.ts`. */
import { again, full } from "../../support/stored.ts";
import { otherOf, type Row } from "./proposal-columns.ts";

const first = "number = 1";
const inFull = `repository = (SELECT id FROM repository WHERE name = '${full}')`;
const settled = `repository = '${again}' AND note = 'no'`;

export const trailRows: readonly Row[] = [
  ["audit.number", "moved", "99999", "number = 3", ["TRAIL_BROKEN"]],
  ["audit.hash", "another", otherOf("hash"), first, ["TRAIL_BROKEN"]],
  ["audit.at", "later", "at + 1", first, ["TRAIL_BROKEN"]],
  ["audit.kind", "another", "'key.denied'", first, ["TRAIL_BROKEN"]],
  ["audit.actor", "another", "'mallory'", first, ["TRAIL_BROKEN"]],
  ["audit.method", "another", "'operator'", first, ["TRAIL_BROKEN"]],
  ["audit.address", "another", "'192.0.2.9'", first, ["TRAIL_BROKEN"]],
  ["audit.repository", "another", "'x'", first, ["TRAIL_BROKEN"]],
  ["audit.detail", "another", "'{}'", first, ["TRAIL_BROKEN"]],
  ["publication.audit", "none", "0", `${inFull} AND revision = 2`, ["TRAIL_INCOMPLETE", full]],
  ["publication.audit", "none of the first", "0", `${inFull} AND revision = 1`, ["TRAIL_INCOMPLETE", full]],
  ["publication.audit", "another", "audit + 1", `${inFull} AND revision = 2`, ["TRAIL_INCOMPLETE", full]],
  ["proposal.audit", "none", "NULL", settled, ["TRAIL_INCOMPLETE", again]],
  ["proposal.audit", "of something else", "1", settled, ["TRAIL_INCOMPLETE", again]],
];

export const trailColumnsUnchecked: Readonly<Record<string, string>> = {
  "refusal.hour": "counts of what was refused: nothing vouches for them before their summary is in the trail",
  "refusal.principal": "likewise",
  "refusal.code": "likewise",
  "refusal.count": "likewise",
  "audit_key.id": "always 1, by a constraint that SQLite's own check of the file holds",
  "audit_key.keytype": "whoever keeps heads has this key, and no head of another is theirs (audit verify)",
  "audit_key.public_key": "likewise",
  "audit_key.reference": "a head that it cannot sign is not sent out, which the server's log says",
  "audit_key.created_at": "told, and nothing decides by it",
};

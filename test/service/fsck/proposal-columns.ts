/** The columns of proposals for `columns.test.ts`: what is altered, and what is found then. */
import type { DamageCode } from "../../../src/service/fsck/damage.ts";
import { again, own } from "../../support/stored.ts";

/** `UPDATE table SET column = value WHERE where`, and what is found then: code, repository, role, version. */
export type Row = readonly [
  column: string,
  what: string,
  value: string,
  where: string,
  found: readonly [code: DamageCode, repository?: string, role?: string, version?: number],
];

/** Another digest, in the same alphabet. */
export const otherOf = (column: string) =>
  `replace(${column}, substr(${column}, 1, 1), char(97 + (unicode(substr(${column}, 1, 1)) + 1) % 6))`;

/** The proposal that has one of two signatures, and the one that was cancelled. */
const openOne = `repository = '${again}' AND note = 'two'`;
const cancelledOne = `repository = '${again}' AND note = 'no'`;
const settledSeq = `(SELECT seq FROM proposal WHERE ${cancelledOne})`;
const ofOpen = `proposal = (SELECT seq FROM proposal WHERE ${openOne})`;

export const proposalRows: readonly Row[] = [
  ["proposal.seq", "moved", "99", openOne, ["DATABASE_DAMAGED"]],
  ["proposal.id", "none that is given", "'x'", openOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.repository", "another's", `'${own}'`, openOne, ["PROPOSAL_STALE", own, "targets", 1]],
  [
    "proposal.repository",
    "nobody's",
    "'nobody.test/x'",
    openOne,
    ["PROPOSAL_STALE", "nobody.test/x", "root", 1],
  ],
  ["proposal.state", "ended", "'published'", openOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.state", "open", "'open'", cancelledOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.state", "ended otherwise", "'rejected'", cancelledOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.state", "none that is", "'x'", cancelledOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.revision", "later", "revision + 1", openOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.revision", "earlier", "1", cancelledOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.opened_at", "later", "opened_at + 1", openOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.opened_by", "another", "'else'", openOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.expires_at", "before it began", "opened_at", openOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.settled_at", "later", "settled_at + 1", cancelledOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.settled_at", "of an open one", "opened_at", openOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.settled_at", "none", "NULL", cancelledOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.note", "longer", "note || 'x'", openOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.digest", "another", otherOf("digest"), openOne, ["PROPOSAL_ALTERED", again]],
  [
    "proposal.digest",
    "another, of a settled one",
    otherOf("digest"),
    cancelledOne,
    ["PROPOSAL_ALTERED", again],
  ],
  ["proposal.complete", "yes", "1", openOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.reason", "one", "'x'", openOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.reason", "one of a cancelled one", "'x'", cancelledOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.bytes", "fewer", "0", openOne, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal.bytes", "more, of a settled one", "bytes + 1", cancelledOne, ["PROPOSAL_RECORD_WRONG", again]],

  ["proposal_base.proposal", "of none", "99", `${ofOpen} AND role = 'root'`, ["DATABASE_DAMAGED"]],
  [
    "proposal_base.role",
    "another",
    "'targets/x'",
    `${ofOpen} AND role = 'root'`,
    ["PROPOSAL_ALTERED", again],
  ],
  [
    "proposal_base.version",
    "another",
    "9",
    `${ofOpen} AND role = 'root'`,
    ["PROPOSAL_STALE", again, "root", 9],
  ],

  ["proposal_file.proposal", "of none", "99", `${ofOpen} AND role = 'root'`, ["DATABASE_DAMAGED"]],
  [
    "proposal_file.role",
    "another",
    "'targets/x'",
    `${ofOpen} AND role = 'root'`,
    ["PROPOSAL_ALTERED", again],
  ],
  [
    "proposal_file.version",
    "another",
    "9",
    `${ofOpen} AND role = 'root'`,
    ["PROPOSAL_ALTERED", again, "root", 9],
  ],
  [
    "proposal_file.signed",
    "another",
    "x'7b7d'",
    `${ofOpen} AND role = 'root'`,
    ["PROPOSAL_ALTERED", again, "root", 2],
  ],

  ["proposal_signature.proposal", "of none", "99", ofOpen, ["DATABASE_DAMAGED"]],
  ["proposal_signature.proposal", "of a settled one", settledSeq, ofOpen, ["PROPOSAL_RECORD_WRONG", again]],
  ["proposal_signature.role", "another", "'root'", ofOpen, ["PROPOSAL_SIGNATURE_WRONG", again, "root", 2]],
  [
    "proposal_signature.role",
    "none of its own",
    "'targets/x'",
    ofOpen,
    ["PROPOSAL_SIGNATURE_WRONG", again, "targets/x"],
  ],
  ["proposal_signature.key_id", "another", "'x'", ofOpen, ["PROPOSAL_SIGNATURE_WRONG", again, "targets", 3]],
  [
    "proposal_signature.method",
    "another",
    "'eddsa'",
    ofOpen,
    ["PROPOSAL_SIGNATURE_WRONG", again, "targets", 3],
  ],
  [
    "proposal_signature.signature",
    "another",
    "zeroblob(length(signature))",
    ofOpen,
    ["PROPOSAL_SIGNATURE_WRONG", again, "targets", 3],
  ],

  [
    "proposal_event.id",
    "moved to the end",
    "9999",
    `${ofOpen} AND kind = 'opened'`,
    ["PROPOSAL_RECORD_WRONG", again],
  ],
  ["proposal_event.proposal", "of none", "99", `${ofOpen} AND kind = 'signed'`, ["DATABASE_DAMAGED"]],
  [
    "proposal_event.proposal",
    "of another",
    settledSeq,
    `${ofOpen} AND kind = 'signed'`,
    ["PROPOSAL_RECORD_WRONG", again],
  ],
  ["proposal_event.at", "later", "at + 1", `${ofOpen} AND kind = 'opened'`, ["PROPOSAL_RECORD_WRONG", again]],
  [
    "proposal_event.at",
    "later, of the end",
    "at + 1",
    "kind = 'cancelled'",
    ["PROPOSAL_RECORD_WRONG", again],
  ],
  [
    "proposal_event.kind",
    "another",
    "'failed'",
    `${ofOpen} AND kind = 'signed'`,
    ["PROPOSAL_RECORD_WRONG", again],
  ],
  [
    "proposal_event.kind",
    "none that is",
    "'x'",
    `${ofOpen} AND kind = 'signed'`,
    ["PROPOSAL_RECORD_WRONG", again],
  ],
  [
    "proposal_event.kind",
    "an end",
    "'expired'",
    `${ofOpen} AND kind = 'signed'`,
    ["PROPOSAL_RECORD_WRONG", again],
  ],
  [
    "proposal_event.principal",
    "nobody",
    "''",
    `${ofOpen} AND kind = 'signed'`,
    ["PROPOSAL_RECORD_WRONG", again],
  ],
  [
    "proposal_event.principal",
    "who opened it",
    "'else'",
    `${ofOpen} AND kind = 'opened'`,
    ["PROPOSAL_RECORD_WRONG", again],
  ],
  [
    "proposal_event.detail",
    "another",
    "'targets: x'",
    `${ofOpen} AND kind = 'signed'`,
    ["PROPOSAL_RECORD_WRONG", again],
  ],
];

/** Columns whose values nothing vouches for, or need not. */
export const proposalColumnsUnchecked: Readonly<Record<string, string>> = {
  "proposal.label":
    "what people call the release that it belongs to; nothing that is signed or recorded says it",
  "proposal_file.id": "the number of its row; nothing refers to it, and files are read by role",
  "proposal_signature.id": "the order in which they came, which decides nothing",
};

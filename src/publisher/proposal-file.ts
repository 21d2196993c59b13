/**
 * A proposal as one small file, for a signer's machine without a network: what is to be signed, the signatures so far, and the
 * published files that it rests on. The machine verifies those by its own pins before it shows anything; whether they still are
 * the newest it cannot know, and the server decides that when the signatures come back.
 */
import { z } from "zod";
import { VidimusError } from "../core/errors.ts";
import type { FormatRules } from "../core/format/format.ts";
import type { Root, Targets } from "../core/model.ts";
import { parentRole, roleDepth } from "../core/names.ts";
import { baseRoles } from "../core/proposal.ts";
import { delegatedKeys, rootRole, type Verified, verifyRole, verifyRoot } from "../core/verify.ts";
import { type OpenPins, satisfiesPins } from "../policy/rules/pins.ts";
import type { Rule } from "../policy/trust-policy.ts";
import type { Signatures } from "./draft.ts";
import type { OfflineState } from "./edits.ts";
import { PublishError } from "./errors.ts";
import { entryOf, type Proposal, proposalSchema, wireOf } from "./proposals.ts";

export const largestProposalFile = 64 * 1_024 * 1_024;

const file = z.object({
  format: z.literal("vidimus-proposal-file/1"),
  server: z.string(),
  exported: z.string(),
  base: z.object({ root: z.string().nullable(), targets: z.record(z.string(), z.string()) }),
  proposal: proposalSchema,
});

/** `base`: exact bytes, as text. `exported`: RFC 3339. */
export type ProposalFile = Readonly<z.output<typeof file>>;

/** @param state what is published; undefined if nothing is */
export function proposalFile(
  proposal: Proposal,
  server: string,
  state: OfflineState | undefined,
  at: number,
): ProposalFile {
  const wanted = baseRoles(proposal.files.map(({ role }) => role));
  const targets = [...(state?.targets ?? [])].filter(([role]) => wanted.includes(role));
  return {
    format: "vidimus-proposal-file/1",
    server,
    exported: new Date(at).toISOString(),
    base: {
      root: state?.root.bytes.toString("utf8") ?? null,
      targets: Object.fromEntries(targets.map(([role, { bytes }]) => [role, bytes.toString("utf8")])),
    },
    proposal,
  };
}

/** Throws `PROPOSAL_FILE_BAD`. */
export function readProposalFile(text: string, path: string): ProposalFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad(path, "it is not JSON");
  }
  const read = file.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  throw bad(path, `${issue?.path.join(".") || "it"}: ${issue?.message ?? "not as it must be"}`);
}

/** The same file with other signatures. */
export function withSignatures(given: ProposalFile, signatures: Signatures): ProposalFile {
  const files = given.proposal.files.map((each) => ({
    ...each,
    signatures: (signatures.get(each.role) ?? each.signatures.map(entryOf)).map(wireOf),
  }));
  return { ...given, proposal: { ...given.proposal, files } };
}

export interface Pinned {
  readonly rule: Rule;
  readonly pins: OpenPins | undefined;
}

/**
 * What the proposal rests on, verified by this machine's pins; undefined for a repository that is not there yet.
 * Throws `PROPOSAL_FILE_BAD`.
 */
export function baseOf(
  { base, proposal: { repository } }: ProposalFile,
  path: string,
  { rule, pins }: Pinned,
  format: FormatRules,
  at: number,
): OfflineState | undefined {
  if (base.root === null) return undefined;
  const scope = { format, repository };
  const moment = { at, expiry: "ignored" } as const;
  try {
    const root = verifyRoot(format.parse("root", Buffer.from(base.root, "utf8")), scope, undefined, moment);
    if (pins === undefined)
      throw bad(
        path,
        `the policy of this machine pins no root of ${repository}: add it with vidimus pin add --key`,
      );
    if (!satisfiesPins(root, { pins, rule, scope, at, validity: "ignored" }))
      throw bad(path, `its root of ${repository} is not one that this machine pins`);
    const targets = new Map<string, Verified<Targets>>();
    const roles = Object.entries(base.targets).sort(([a], [b]) => roleDepth(a) - roleDepth(b));
    for (const [role, text] of roles) {
      const keys = keysOf(role, root, targets);
      const parsed = format.parse(role, Buffer.from(text, "utf8"));
      targets.set(role, verifyRole(parsed, keys, moment) as Verified<Targets>);
    }
    return { root, targets };
  } catch (error) {
    if (!(error instanceof VidimusError)) throw error;
    throw bad(path, error.message, error);
  }
}

function keysOf(role: string, root: Verified<Root>, targets: ReadonlyMap<string, Verified<Targets>>) {
  const parent = parentRole(role);
  if (parent === undefined) return rootRole(root.signed, "targets");
  const above = targets.get(parent);
  if (above === undefined)
    throw new PublishError("PROPOSAL_FILE_BAD", `The file lacks ${parent}, which ${role} rests on.`);
  return delegatedKeys(above.signed, role);
}

function bad(path: string, why: string, cause?: unknown): PublishError {
  return new PublishError(
    "PROPOSAL_FILE_BAD",
    `${path} cannot be signed: ${why}. Have the proposal exported anew.`,
    { cause },
  );
}

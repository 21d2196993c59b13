/** What is demanded of a proposal before it is kept: everything but the signatures that it is there to collect. */
import { setImmediate } from "node:timers/promises";
import type { Logger } from "pino";
import { MalformedError } from "../../core/errors.ts";
import type { FormatRules } from "../../core/format/format.ts";
import type { Metadata, SignatureEntry } from "../../core/model.ts";
import { isPlainText } from "../../core/plain-text.ts";
import { baseRoles, readProposedFile, requirementsOf, usefulSignatures } from "../../core/proposal.ts";
import { examineProposal } from "../../core/proposal-examination.ts";
import type { Candidate } from "../../core/publication.ts";
import { proposalDigest } from "../../core/rejection.ts";
import { readEach } from "../../core/upload.ts";
import { evaluateUnsigned } from "../../policy/evaluate.ts";
import type { NewProposal } from "../../store/contract/proposals.ts";
import type { Clock } from "../clock.ts";
import { namingAdoption } from "../imports/not-adopted.ts";
import type { PolicyInForce } from "../policy-in-force.ts";
import type { Principal } from "../principal.ts";
import { type CandidateParts, loadCandidate } from "../publish/candidate.ts";
import { filesDetail } from "../publish/record.ts";
import { refuseFindings } from "../refusal.ts";
import { recordOf, shortened } from "../trail/record.ts";
import { deniedKeys, refuseDenied, withoutDenied } from "./denied-keys.ts";
import { isComplete, withSignatures } from "./files.ts";
import type { OpenRequest, ProposalSettings } from "./proposal-service.ts";

export interface OpeningParts extends CandidateParts {
  readonly clock: Clock;
  readonly policy: PolicyInForce;
  readonly logger: Logger;
  readonly settings: ProposalSettings;
}

/** Throws what a publication of the files would throw, were they signed, and what `core/proposal.ts` throws. */
export async function prepareProposal(
  parts: OpeningParts,
  given: {
    readonly id: string;
    readonly repository: string;
    readonly request: OpenRequest;
    readonly principal: Principal;
    readonly mayPublish: boolean;
  },
): Promise<NewProposal> {
  const { format, clock, policy, settings, logger } = parts;
  const { id, repository, request, principal, mayPublish } = given;
  checkBounds(request, settings);
  const at = clock.now();
  const upload = await readProposed(request, format);
  const { state, candidate } = await loadCandidate(parts, repository, upload, at, upload.keys());
  const plan = examined(candidate);
  const denied = await deniedKeys(parts.store);
  const findings = evaluateUnsigned({ ...candidate, ...plan }, { ...policy.current, denied });
  refuseFindings(findings, { repository, principal: principal.name }, logger);

  const { root, targets } = candidate.current;
  const scope = { format, repository, root, targets, at };
  const needs = new Map(
    [...upload.keys()].map((role) => [role, withoutDenied(requirementsOf(role, upload, scope), denied)]),
  );
  for (const { role, signatures } of request.files) {
    refuseDenied(role, needs.get(role) ?? [], signatures, denied);
  }
  const added = new Map<string, readonly SignatureEntry[]>(
    request.files.map(({ role, signatures }) => [
      role,
      usefulSignatures(upload.get(role) as Metadata, needs.get(role) ?? [], signatures),
    ]),
  );
  const files = request.files.map(({ role, signed }) => ({
    role,
    version: (upload.get(role) as Metadata).signed.version,
    signed,
    signatures: added.get(role) ?? [],
  }));
  return {
    id,
    repository,
    openedAt: at,
    openedBy: principal.name,
    expiresAt: at + (request.lifetime ?? settings.lifetime),
    note: request.note,
    release: request.release,
    digest: proposalDigest(request.files),
    complete: mayPublish && isComplete(withSignatures(upload, added), needs),
    base: new Map(baseRoles(upload.keys()).map((role) => [role, state.current.get(role)?.version ?? 0])),
    files,
    opening: mayPublish ? "opened" : "proposed",
    audit: recordOf({
      at,
      principal,
      kind: "proposal.opened",
      repository,
      detail: { proposal: id, release: shortened(request.release), ...filesDetail(files, state.current) },
    }),
  };
}

function examined(candidate: Candidate): ReturnType<typeof examineProposal> {
  try {
    return examineProposal(candidate);
  } catch (error) {
    throw namingAdoption(error, candidate);
  }
}

/** Between files others get their turn. */
async function readProposed(
  { files }: OpenRequest,
  format: FormatRules,
): Promise<ReadonlyMap<string, Metadata>> {
  const upload = new Map<string, Metadata>();
  for (const file of readEach(files, ({ role, signed }) => readProposedFile(format, role, signed))) {
    upload.set(file.role, file);
    if (upload.size < files.length) await setImmediate();
  }
  return upload;
}

function checkBounds({ files, note, release, lifetime }: OpenRequest, settings: ProposalSettings): void {
  if (files.length === 0) throw new MalformedError("EMPTY_UPLOAD", "Propose at least one file.");
  if (files.length > settings.files) {
    throw new MalformedError("TOO_MANY", `Propose at most ${settings.files} files at once.`);
  }
  const bytes = files.reduce((sum, { signed }) => sum + signed.length, 0);
  if (bytes > settings.bytes) {
    throw new MalformedError("UPLOAD_TOO_LARGE", `Propose at most ${settings.bytes} bytes of files at once.`);
  }
  if (note.length > settings.note || !isPlainText(note, "lines")) {
    throw new MalformedError(
      "BAD_PARAMETER",
      `Write a note of at most ${settings.note} characters, without control characters.`,
    );
  }
  if (release.length > settings.release || !isPlainText(release, "one line")) {
    throw new MalformedError(
      "BAD_PARAMETER",
      `Name a release with at most ${settings.release} characters on one line, without control characters.`,
    );
  }
  if (lifetime !== undefined && !(lifetime >= settings.leastLifetime && lifetime <= settings.mostLifetime)) {
    throw new MalformedError(
      "BAD_PARAMETER",
      `Give a proposal from ${settings.leastLifetime / 1_000} to ${settings.mostLifetime / 1_000} seconds.`,
    );
  }
}

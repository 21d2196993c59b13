/**
 * The files of stored proposals, parsed, and what they still need.
 *
 * What is stored was examined when it was opened; it is read again here, and bytes that are not what people would sign
 * are the store's fault. The signed parts of a proposal never change, so they are parsed once as long as they are kept.
 */
import { LRUCache } from "lru-cache";
import { StoreError, VidimusError } from "../../core/errors.ts";
import type { Metadata, SignatureEntry } from "../../core/model.ts";
import { type Requirement, readProposedFile, requirementsOf, standingOf } from "../../core/proposal.ts";
import { proposalDigest } from "../../core/rejection.ts";
import type { Proposal, ProposalFile } from "../../store/contract/proposals.ts";
import { type CandidateParts, loadCandidate } from "../publish/candidate.ts";
import { damaged } from "../stored.ts";
import { deniedAmong, deniedKeys, withoutDenied } from "./denied-keys.ts";
import type { ProposalFileView } from "./proposal-service.ts";

/** Bytes of files whose parsed form is kept: room for the largest proposal. */
const keptBytes = 16 * 1024 * 1024;

export type Needs = ReadonlyMap<string, readonly Requirement[]>;

export class ProposalFiles {
  readonly #parts: CandidateParts;
  readonly #parsed = new LRUCache<string, ReadonlyMap<string, Metadata>>({
    maxSize: keptBytes,
    sizeCalculation: (files) => [...files.values()].reduce((sum, { bytes }) => sum + bytes.length, 1),
  });

  constructor(parts: CandidateParts) {
    this.#parts = parts;
  }

  /** With the signatures that they have. Throws `STORE_CORRUPT`. */
  parsed({ id, digest, files }: Proposal): ReadonlyMap<string, Metadata> {
    let known = this.#parsed.get(id);
    if (known === undefined) {
      if (proposalDigest(files) !== digest) {
        throw new StoreError(
          "STORE_CORRUPT",
          "The stored proposal does not have its digest any more: cancel it and open it anew.",
        );
      }
      known = new Map(files.map((file) => [file.role, this.#read(file)]));
      this.#parsed.set(id, known);
    }
    const all = known;
    return new Map(
      files.map(({ role, signatures }) => [role, { ...(all.get(role) as Metadata), signatures }] as const),
    );
  }

  /** What each file needs, by what is published now. Throws what `requirementsOf` throws. */
  async needs(repository: string, files: ReadonlyMap<string, Metadata>, at: number): Promise<Needs> {
    const { candidate } = await loadCandidate(this.#parts, repository, files, at);
    const { format, current } = candidate;
    const scope = { format, repository, root: current.root, targets: current.targets, at };
    const denied = await deniedKeys(this.#parts.store);
    return new Map(
      [...files.keys()].map((role) => [role, withoutDenied(requirementsOf(role, files, scope), denied)]),
    );
  }

  /** The files of a settled proposal need nothing; those of one whose base is gone cannot say what they would. */
  async views(proposal: Proposal, isOpen: boolean, at: number): Promise<readonly ProposalFileView[]> {
    const parsed = isOpen ? this.parsed(proposal) : undefined;
    const needs = parsed && (await this.#needsIfAny(proposal.repository, parsed, at));
    const denied = parsed === undefined ? new Set<string>() : await deniedKeys(this.#parts.store);
    return proposal.files.map(({ role, version, signed, signatures }) => ({
      role,
      version,
      signed: Buffer.from(signed.buffer, signed.byteOffset, signed.length),
      signatures,
      denied: deniedAmong(needs?.get(role) ?? [], signatures, denied),
      needs: (needs?.get(role) ?? []).map((each) => standingOf(parsed?.get(role) as Metadata, each)),
    }));
  }

  async #needsIfAny(
    repository: string,
    files: ReadonlyMap<string, Metadata>,
    at: number,
  ): Promise<Needs | undefined> {
    try {
      return await this.needs(repository, files, at);
    } catch (error) {
      if (error instanceof VidimusError && error.family === "unauthentic") return undefined;
      throw error;
    }
  }

  #read({ role, signed }: ProposalFile): Metadata {
    try {
      return readProposedFile(this.#parts.format, role, signed);
    } catch (cause) {
      throw damaged(role, "of a proposal cannot be read any more", cause);
    }
  }
}

/** Whether every file has what it needs. */
export function isComplete(files: ReadonlyMap<string, Metadata>, needs: Needs): boolean {
  return [...files].every(([role, file]) =>
    (needs.get(role) ?? []).every((each) => standingOf(file, each).met),
  );
}

/** The same files with further signatures. */
export function withSignatures(
  files: ReadonlyMap<string, Metadata>,
  added: ReadonlyMap<string, readonly SignatureEntry[]>,
): ReadonlyMap<string, Metadata> {
  return new Map(
    [...files].map(([role, file]) => [
      role,
      { ...file, signatures: [...file.signatures, ...(added.get(role) ?? [])] },
    ]),
  );
}

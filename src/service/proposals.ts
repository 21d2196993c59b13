/**
 * Proposals: opened, signed by several people, published by the ordinary procedure when nothing is missing.
 *
 * Invariants
 * - A signature that was acknowledged is stored, whatever happens afterwards. It was verified against what the file needs
 *   at that moment, and the store took it only if nobody had changed the proposal since.
 * - Published once: the store ends a proposal in the very commit that publishes it, and commits nothing for one that is
 *   not open.
 * - A process may die between the last signature and the publication: the proposal is marked as complete, and whoever
 *   touches it next, or the next start, publishes it.
 * - Nothing needs a timer: what is over is over for whoever reads. A sweep writes it down, a bounded number at a time.
 */
import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { RefusedError } from "../core/errors.ts";
import type { SignatureEntry } from "../core/model.ts";
import { usefulSignatures } from "../core/proposal.ts";
import { proposalDigest, verifyRejection } from "../core/rejection.ts";
import {
  isBacked,
  type NewProposal,
  type Proposal,
  type ProposalOpening,
  type ProposalSummary,
  stateAt,
} from "../store/contract/proposals.ts";
import type { PolicyInForce } from "./policy-in-force.ts";
import type { Principal } from "./principal.ts";
import { ProposalAccess, retrying } from "./proposals/access.ts";
import { AllowedAgain } from "./proposals/allowed.ts";
import { deniedKeys, refuseDenied } from "./proposals/denied-keys.ts";
import { type EndingParts, ProposalEnding } from "./proposals/ending.ts";
import { isComplete, ProposalFiles, withSignatures } from "./proposals/files.ts";
import { heldBy } from "./proposals/held.ts";
import { prepareProposal } from "./proposals/opening.ts";
import type {
  HeldProposal,
  ListRequest,
  OpenRequest,
  ProposalFacts,
  ProposalService,
  ProposalSettings,
  ProposalView,
  RejectionRequest,
  SignedRole,
} from "./proposals/proposal-service.ts";
import type { CandidateParts } from "./publish/candidate.ts";
import { Waiting } from "./waiting.ts";

export interface ProposalParts extends CandidateParts, Omit<EndingParts, "store" | "format" | "settings"> {
  readonly policy: PolicyInForce;
  readonly settings: ProposalSettings;
  /** Throws where nothing may be written. */
  readonly checkWritable: () => void;
}

/** Characters of what an event says. */
const maxDetail = 1_000;

export class Proposals implements ProposalService {
  readonly settings: ProposalSettings;
  readonly #parts: ProposalParts;
  readonly #access: ProposalAccess;
  readonly #ending: ProposalEnding;
  readonly #files: ProposalFiles;
  readonly #allowed: AllowedAgain;
  readonly #waiting = new Waiting();
  #rejected = 0;

  constructor(parts: ProposalParts) {
    this.settings = parts.settings;
    this.#parts = parts;
    this.#access = new ProposalAccess(parts);
    this.#ending = new ProposalEnding(parts, this.#access);
    this.#files = new ProposalFiles(parts);
    this.#allowed = new AllowedAgain(parts, this.#access, this.#ending, this.#files);
  }

  async open(
    repository: string,
    request: OpenRequest,
    principal: Principal,
    mayPublish: boolean,
  ): Promise<ProposalView> {
    this.#parts.checkWritable();
    const known = await this.#sameOpen(repository, request);
    if (known !== undefined) return await this.sign(repository, known, request.files, principal, mayPublish);
    const { id, complete, files } = await retrying(() =>
      this.#openOnce(repository, request, principal, mayPublish),
    );
    const roles = files.map(({ role, version }) => `${role}@${version}`);
    this.#access.log(repository, id).info({ principal: principal.name, files: roles }, "proposal opened");
    return await this.#afterSigning(repository, id, complete, principal);
  }

  async get(repository: string, id: string): Promise<ProposalView> {
    return await this.#view(await this.#access.find(repository, id));
  }

  async list(request: ListRequest): Promise<readonly ProposalSummary[]> {
    const now = this.#parts.clock.now();
    const found = await this.#parts.store.proposals.list({ ...request, now });
    return found.map((each) => ({ ...each, state: stateAt(each, now) }));
  }

  async sign(
    repository: string,
    id: string,
    files: readonly SignedRole[],
    principal: Principal,
    mayPublish: boolean,
  ): Promise<ProposalView> {
    this.#parts.checkWritable();
    const complete = await retrying(() => this.#signOnce(repository, id, files, principal, mayPublish));
    return await this.#afterSigning(repository, id, complete, principal);
  }

  async reject(
    repository: string,
    id: string,
    { role, statement, signature }: RejectionRequest,
    principal: Principal,
  ): Promise<ProposalView> {
    this.#parts.checkWritable();
    await retrying(async () => {
      const at = this.#parts.clock.now();
      const proposal = await this.#access.findOpen(repository, id, at);
      const needs = await this.#files.needs(repository, this.#files.parsed(proposal), at);
      const about = { repository, proposal: id, digest: proposal.digest };
      const reason = verifyRejection(statement, signature, about, needs.get(role) ?? []);
      const event = { kind: "rejected", detail: `${role}: ${signature.keyId}` } as const;
      await this.#access.change(proposal, principal, { settle: "rejected", reason, event });
    });
    this.#rejected += 1;
    const facts = { principal: principal.name, role, key: signature.keyId };
    this.#access.log(repository, id).info(facts, "proposal rejected");
    return await this.get(repository, id);
  }

  async cancel(repository: string, id: string, principal: Principal): Promise<ProposalView> {
    this.#parts.checkWritable();
    await retrying(async () => {
      const proposal = await this.#access.findOpen(repository, id, this.#parts.clock.now());
      const event = { kind: "cancelled", detail: "" } as const;
      await this.#access.change(proposal, principal, { settle: "cancelled", reason: "", event });
    });
    this.#access.log(repository, id).info({ principal: principal.name }, "proposal cancelled");
    return await this.get(repository, id);
  }

  async wait(
    repository: string,
    id: string,
    request: { since: number | undefined; milliseconds: number; isOver: () => boolean },
  ): Promise<void> {
    const { clock, store } = this.#parts;
    const proposal = await this.#access.find(repository, id);
    const since = request.since ?? proposal.revision;
    const hasChanged = async () =>
      stateAt(proposal, clock.now()) !== "open" || (await store.proposals.revision(repository, id)) !== since;
    await this.#waiting.until(hasChanged, request.milliseconds, request.isOver);
  }

  async heldBy(keyId: string): Promise<readonly HeldProposal[]> {
    const { store, clock } = this.#parts;
    return await heldBy({ store: store.proposals, files: this.#files }, keyId, clock.now());
  }

  async facts(): Promise<ProposalFacts> {
    const { store, clock } = this.#parts;
    const { published, expired } = this.#ending;
    return {
      open: await store.proposals.countOpen(clock.now()),
      published,
      rejected: this.#rejected,
      expired,
    };
  }

  /** What nobody asks for: see `ProposalEnding` and `AllowedAgain`. */
  async tend(): Promise<void> {
    await this.#ending.tend();
    await this.#allowed.tend();
  }

  close(): void {
    this.#waiting.close();
  }

  /** An open proposal of the very same bytes for the same roles. */
  async #sameOpen(repository: string, { files }: OpenRequest): Promise<string | undefined> {
    const digest = proposalDigest(files);
    const rolesOf = (of: readonly { readonly role: string }[]) => of.map(({ role }) => role).sort();
    const roles = rolesOf(files).join(" ");
    const open = await this.list({ repository, state: "open", limit: 200 });
    return open.find((each) => each.digest === digest && rolesOf(each.files).join(" ") === roles)?.id;
  }

  async #openOnce(
    repository: string,
    request: OpenRequest,
    principal: Principal,
    mayPublish: boolean,
  ): Promise<NewProposal> {
    const { store, settings } = this.#parts;
    const id = randomBytes(8).toString("hex");
    const proposal = await prepareProposal(this.#parts, { id, repository, request, principal, mayPublish });
    const { openHere, openInAll, settled, bytesInAll } = settings;
    const limits = { openHere, openInAll, settled, bytes: bytesInAll };
    let outcome = await store.proposals.open(proposal, limits);
    if (outcome !== "opened") {
      // Those that are over count until that is written down.
      await this.tend();
      outcome = await store.proposals.open(proposal, limits);
    }
    if (outcome !== "opened") throw full(outcome, settings);
    return proposal;
  }

  /** Whether nothing is missing afterwards, and somebody who may publish has taken part. */
  async #signOnce(
    repository: string,
    id: string,
    given: readonly SignedRole[],
    principal: Principal,
    mayPublish: boolean,
  ): Promise<boolean> {
    const at = this.#parts.clock.now();
    const proposal = await this.#access.findOpen(repository, id, at);
    const files = this.#files.parsed(proposal);
    const needs = await this.#files.needs(repository, files, at);
    const denied = await deniedKeys(this.#parts.store);
    const added = new Map<string, readonly SignatureEntry[]>();
    for (const { role, signatures } of given) {
      const file = files.get(role);
      if (file === undefined || added.has(role)) throw noSuchRole(role);
      // Between files others get their turn.
      if (added.size > 0) await setImmediate();
      refuseDenied(role, needs.get(role) ?? [], signatures, denied);
      added.set(role, usefulSignatures(file, needs.get(role) ?? [], signatures));
    }
    const signatures = [...added].flatMap(([role, each]) => each.map((entry) => ({ role, ...entry })));
    const isBacking = mayPublish && !isBacked(proposal);
    const complete = (isBacking || isBacked(proposal)) && isComplete(withSignatures(files, added), needs);
    if (signatures.length === 0) return complete;
    const keys = signatures.map(({ role, keyId }) => `${role}: ${keyId}`);
    const event = {
      kind: isBacking ? "backed" : "signed",
      detail: keys.join(", ").slice(0, maxDetail),
    } as const;
    await this.#access.change(proposal, principal, { signatures, complete, event, reason: "" });
    this.#access.log(repository, id).info({ principal: principal.name, keys, complete }, "proposal signed");
    return complete;
  }

  async #afterSigning(
    repository: string,
    id: string,
    complete: boolean,
    principal: Principal,
  ): Promise<ProposalView> {
    if (!complete) return await this.get(repository, id);
    return await this.#view(await this.#ending.publish(repository, id, principal));
  }

  async #view(proposal: Proposal): Promise<ProposalView> {
    const now = this.#parts.clock.now();
    const state = stateAt(proposal, now);
    const files = await this.#files.views(proposal, state === "open", now);
    const isSigned = files.every(({ needs }) => needs.length > 0 && needs.every(({ met }) => met));
    const isWaiting = state === "open" && proposal.reason === "" && isSigned && !isBacked(proposal);
    return { ...proposal, state, files, reason: isWaiting ? publisherMissing : proposal.reason };
  }
}

const publisherMissing =
  "FORBIDDEN: Every signature is there, and nobody who may publish to this repository has taken part: one of those who may publishes it by vidimus proposal sign.";

function noSuchRole(role: string): RefusedError {
  return new RefusedError("NOT_FOUND", "Send signatures for the roles of this proposal, each role once.", {
    detail: { given: role.slice(0, 64) },
  });
}

function full(which: Exclude<ProposalOpening, "opened">, settings: ProposalSettings): RefusedError {
  const what =
    which === "fullHere"
      ? `This repository has ${settings.openHere} open proposals`
      : "This server holds as many open proposals as it can";
  return new RefusedError("TOO_MANY_PROPOSALS", `${what}: sign, reject or cancel one of them first.`);
}

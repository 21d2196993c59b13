/**
 * Proposals: opened, signed by several people, published by the ordinary procedure when nothing is missing.
 *
 * Invariants
 * - A signature that was acknowledged is stored, whatever happens afterwards. It was verified against what the file needs
 *   at that moment, and the store took it only if nobody had changed the proposal since.
 * - Published once: the store ends a proposal in the very commit that publishes it, and commits nothing for one that is
 *   not open.
 * - A process may die between the last signature and the publication: before it is published a proposal is marked as complete,
 *   whatever completed it, and whoever touches it next, or the next start, publishes it. What a lifted denial completes is
 *   looked for (`AllowedAgain`).
 * - Nothing is published, or marked so, before one who may publish has taken part (docs/adr/0028): opened it, if only the same
 *   bytes once more, brought a signature, if only one that is there already, or brought it up where none was missing.
 * - Nothing needs a timer: what is over is over for whoever reads. A sweep writes it down, a bounded number at a time.
 */
import { randomBytes } from "node:crypto";
import { RefusedError } from "../core/errors.ts";
import { verifyRejection } from "../core/rejection.ts";
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
import { newAmong } from "./proposals/brought.ts";
import { deniedKeys } from "./proposals/denied-keys.ts";
import { type EndingParts, ProposalEnding } from "./proposals/ending.ts";
import { isComplete, ProposalFiles, withSignatures } from "./proposals/files.ts";
import { heldBy } from "./proposals/held.ts";
import { sameOpen } from "./proposals/open-ones.ts";
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

/** What somebody brings to a proposal that is there. `opens`: by opening the same bytes once more. */
interface TakingPart {
  readonly given: readonly SignedRole[];
  readonly opens: boolean;
  readonly principal: Principal;
  readonly mayPublish: boolean;
}

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
    const { files: given } = request;
    const { clock, store } = this.#parts;
    const known = await sameOpen(store.proposals, { repository, files: given, now: clock.now() });
    if (known !== undefined) {
      return await this.#sign(repository, known, { given, opens: true, principal, mayPublish });
    }
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
    return await this.#sign(repository, id, { given: files, opens: false, principal, mayPublish });
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

  async #sign(repository: string, id: string, taking: TakingPart): Promise<ProposalView> {
    const complete = await retrying(() => this.#signOnce(repository, id, taking));
    return await this.#afterSigning(repository, id, complete, taking.principal);
  }

  /** Whether nothing is missing afterwards, and somebody who may publish has taken part. */
  async #signOnce(
    repository: string,
    id: string,
    { given, opens, principal, mayPublish }: TakingPart,
  ): Promise<boolean> {
    const at = this.#parts.clock.now();
    const proposal = await this.#access.findOpen(repository, id, at);
    const files = this.#files.parsed(proposal);
    const needs = await this.#files.needs(repository, files, at);
    const denied = await deniedKeys(this.#parts.store);
    const added = await newAmong(given, { files, needs, denied });
    const signatures = [...added].flatMap(([role, each]) => each.map((entry) => ({ role, ...entry })));
    const isMet = isComplete(withSignatures(files, added), needs);
    const takesPart = opens || isMet || given.some((each) => each.signatures.length > 0);
    const isBacking = mayPublish && takesPart && !isBacked(proposal);
    const complete = isMet && (isBacking || isBacked(proposal));
    // What is to be published is marked first, whether or not a signature came with it.
    const isNews = isBacking || (complete && !proposal.complete);
    if (signatures.length === 0 && !isNews) return complete;
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

function full(which: Exclude<ProposalOpening, "opened">, settings: ProposalSettings): RefusedError {
  const what =
    which === "fullHere"
      ? `This repository has ${settings.openHere} open proposals`
      : "This server holds as many open proposals as it can";
  return new RefusedError("TOO_MANY_PROPOSALS", `${what}: sign, reject or cancel one of them first.`);
}

/**
 * Proposals that a denial held up, once it is lifted: what counts again may be all that was missing, and nobody signs any more.
 *
 * Whoever lifts a denial may be another process, and may die right after. So each process compares what was lifted with what it
 * saw last, and looks at the open proposals only when that is something else: in a store where nobody ever lifted one, never.
 */
import type { Logger } from "pino";
import { sha256Hex } from "../../core/bytes.ts";
import { VidimusError } from "../../core/errors.ts";
import { isBacked, type ProposalSummary } from "../../store/contract/proposals.ts";
import type { Store } from "../../store/contract/store.ts";
import type { Clock } from "../clock.ts";
import { ownPrincipal } from "../principal.ts";
import { type ProposalAccess, passes } from "./access.ts";
import type { ProposalEnding } from "./ending.ts";
import { isComplete, type ProposalFiles } from "./files.ts";
import { openOnes } from "./open-ones.ts";

/** Rows of one question. */
const denialsPage = 1_000;

export interface AllowedParts {
  readonly store: Pick<Store, "proposals" | "register">;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class AllowedAgain {
  readonly #parts: AllowedParts;
  readonly #access: ProposalAccess;
  readonly #ending: Pick<ProposalEnding, "publish">;
  readonly #files: ProposalFiles;
  /** What was lifted when all open proposals were last looked at. */
  #seen = "";

  constructor(
    parts: AllowedParts,
    access: ProposalAccess,
    ending: Pick<ProposalEnding, "publish">,
    files: ProposalFiles,
  ) {
    this.#parts = parts;
    this.#access = access;
    this.#ending = ending;
    this.#files = files;
  }

  /** Publishes those that miss nothing any more. Never rejects. */
  async tend(): Promise<void> {
    try {
      const lifted = await this.#lifted();
      if (lifted === this.#seen) return;
      let isDone = true;
      const { store, clock } = this.#parts;
      for await (const each of openOnes(store.proposals, { now: clock.now() })) {
        if (isHeldUp(each)) isDone = (await this.#publishIfComplete(each)) && isDone;
      }
      if (isDone) this.#seen = lifted;
    } catch (error) {
      this.#parts.logger.error(
        { err: error },
        "looking after what was allowed again failed; trying again later",
      );
    }
  }

  /** Denials that were lifted, all of them in one short text: empty without any. */
  async #lifted(): Promise<string> {
    let all = "";
    for (let after = { keyId: "", deniedAt: 0 }; ; ) {
      const found = await this.#parts.store.register.denials(after, denialsPage);
      const lifted = found.filter(({ liftedAt }) => liftedAt !== undefined);
      if (lifted.length > 0) {
        const lines = lifted.map(({ keyId, deniedAt, liftedAt }) => `${keyId} ${deniedAt} ${liftedAt}`);
        all = sha256Hex([all, ...lines].join("\n"));
      }
      const last = found.at(-1);
      if (last === undefined || found.length < denialsPage) return all;
      after = last;
    }
  }

  /** Whether that is settled for now: what passes is tried again. */
  async #publishIfComplete({ repository, id, revision }: ProposalSummary): Promise<boolean> {
    try {
      const proposal = await this.#access.find(repository, id);
      const files = this.#files.parsed(proposal);
      const needs = await this.#files.needs(repository, files, this.#parts.clock.now());
      if (!isBacked(proposal) || !isComplete(files, needs)) return true;
    } catch (error) {
      if (!(error instanceof VidimusError)) throw error;
      // One that cannot be read, or whose base is gone, is published by nobody.
      return !passes(error);
    }
    const after = await this.#ending.publish(repository, id, ownPrincipal);
    return after.state !== "open" || after.revision !== revision;
  }
}

/** Signed by somebody, and refused for nothing else: another refusal waits for somebody to ask. */
function isHeldUp({ complete, reason, files }: ProposalSummary): boolean {
  const isRefused = reason !== "" && !reason.startsWith("KEY_DENIED: ");
  return !complete && !isRefused && files.some(({ signedBy }) => signedBy.length > 0);
}

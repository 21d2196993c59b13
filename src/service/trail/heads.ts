/**
 * Heads of the audit trail, signed and sent out every hour, so that whoever holds the database cannot recompute the trail
 * unnoticed: a head that somebody else has cannot be taken back.
 *
 * - The key is made once and kept in the store; it signs nothing else (`core/audit-head.ts`).
 * - First the counts of what was refused in hours that are over move into the trail, so that the head covers them.
 * - What fails is said in the log and tried again at the next look. Announced again, the same head has the same ID.
 */
import type { Logger } from "pino";
import { headKeyId, headLine, headMessage, isSigned, type SignedHead } from "../../core/audit-head.ts";
import { SignerError } from "../../core/errors.ts";
import type { OnlineAlgorithm, Signer } from "../../signer/signer.ts";
import { type AuditKey, mostSummaries } from "../../store/contract/audit.ts";
import type { Store } from "../../store/contract/store.ts";
import type { Announcer } from "../announce.ts";
import type { Clock } from "../clock.ts";
import { inTime } from "../in-time.ts";
import { ownPrincipal } from "../principal.ts";
import type { TrailService } from "../service.ts";
import { actorOf } from "./record.ts";

export interface HeadParts {
  readonly store: Pick<Store, "audit">;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly algorithm: OnlineAlgorithm;
  readonly announcer: Announcer;
  /** Adds a line to a file that the operator keeps elsewhere. */
  readonly append?: ((line: string) => void) | undefined;
}

const hour = 3_600_000;
/** What binds the sealed key to its purpose. No repository has this name. */
const binding = { repository: "", role: "audit" };

export class AuditHeads {
  readonly #parts: HeadParts;
  /** Start of the hour in which one was last sent. */
  #sent = Number.NEGATIVE_INFINITY;

  constructor(parts: HeadParts) {
    this.#parts = parts;
  }

  /** The head as it is now. */
  async signed(): Promise<SignedHead> {
    const { store, signer, clock } = this.#parts;
    const { keytype, publicKey, reference } = await this.key();
    const { number, hash } = await store.audit.head();
    const head = { number, hash, at: clock.now() };
    const key = { ...binding, keytype, publicKey: Buffer.from(publicKey, "base64"), reference };
    const signed = {
      ...head,
      keytype,
      publicKey,
      signature: await inTime(signer.sign(key, headMessage(head))),
    };
    if (isSigned(signed)) return signed;
    throw new SignerError("SIGNER_UNAVAILABLE", "The signer gave a signature that does not verify.");
  }

  /** Made when it is first asked for. */
  async key(): Promise<AuditKey> {
    const { store, signer, clock, algorithm } = this.#parts;
    const known = await store.audit.key();
    if (known !== undefined) return known;
    const { keytype, publicKey, reference } = await inTime(signer.generate(algorithm, binding));
    const text = Buffer.from(publicKey).toString("base64");
    return await store.audit.createKey({ keytype, publicKey: text, reference, createdAt: clock.now() });
  }

  /** All that waits, which is bounded: many processes may have counted in one hour. */
  async #settleRefusals(before: number, at: number): Promise<void> {
    const { audit } = this.#parts.store;
    const actor = actorOf(ownPrincipal);
    for (let made = mostSummaries; made === mostSummaries; ) {
      made = await audit.settleRefusals({ before, at, actor });
    }
  }

  /** Sends a head, if none was sent in this hour. Never rejects. */
  async tend(): Promise<void> {
    const { store, clock, logger, announcer, append } = this.#parts;
    const now = clock.now();
    const start = now - (now % hour);
    // A clock that was set back begins an hour of its own.
    if (start === this.#sent) return;
    try {
      await this.#settleRefusals(start, now);
      // Nothing extends an empty trail, and everything does.
      if ((await store.audit.head()).number === 0) return;
      const head = await this.signed();
      const { number, hash, at } = head;
      const line = headLine(head);
      await announcer.announce({
        id: `audit-head-${start}-${number}`,
        type: "dev.vidimus.audit.head",
        subject: "audit",
        at,
        data: { number, hash, signedBy: headKeyId(head), line },
      });
      append?.(line);
      this.#sent = start;
    } catch (error) {
      logger.error({ err: error }, "the head of the audit trail could not be sent out; trying again later");
    }
  }
}

/** Where nothing else listens: what is announced is a line of the log. */
export function announcingInLog(logger: Logger): Announcer {
  return {
    async announce({ id, type, subject, data }) {
      logger.info({ announcement: id, type, subject, data }, "announced");
    },
  };
}

export function trailService({ audit }: Pick<Store, "audit">): TrailService {
  return {
    trail: (query) => audit.list(query),
    async head() {
      const [head, key] = await Promise.all([audit.head(), audit.key()]);
      return {
        ...head,
        key: key && { id: headKeyId(key), keytype: key.keytype, public: key.publicKey },
      };
    },
  };
}

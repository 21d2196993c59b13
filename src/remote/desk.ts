/**
 * The writer's side: carries out what readers ask for, on the one store that writes and the one signer.
 *
 * Requests come from our own processes only, in the shapes that `store.ts` and `signer.ts` beside this file send.
 */
import { StoreError } from "../core/errors.ts";
import { Attempts } from "../service/access/attempts.ts";
import type { KeyBinding, OnlineAlgorithm, Signer, SigningKey } from "../signer/signer.ts";
import { accessOperations } from "../store/bounds/access-door.ts";
import type { AuditKey, AuditRecord, AuditStore, RefusalCount } from "../store/contract/audit.ts";
import type { HeldKeys, HistoryRequest } from "../store/contract/imports.ts";
import type { DeliveryOutcome, OutboxEntry, OutboxLimits, OutboxStore } from "../store/contract/outbox.ts";
import type {
  NewProposal,
  ProposalChange,
  ProposalLimits,
  ProposalStore,
} from "../store/contract/proposals.ts";
import type { KeyRegister } from "../store/contract/register.ts";
import type { RetentionRequest } from "../store/contract/retention.ts";
import type {
  FloorRequest,
  OnlineKey,
  PendingKeyLimits,
  Publication,
  Store,
} from "../store/contract/store.ts";
import { type Ask, answerOf } from "./answer.ts";
import type { AttemptPlace } from "./attempts.ts";

/**
 * `onFault` is told what is no everyday refusal: its cause stays in this process, and so must its log. Of a check, which
 * probes ask for every few seconds, it is told when it begins to fail, and when the reason is another one.
 */
export function writersDesk(
  store: Store,
  signer: Signer,
  onFault: (operation: string, error: unknown) => void,
  attempts = new Attempts(),
): Ask {
  const operations = new Map<string, (argument: never) => Promise<unknown>>([
    ["store.commit", (publication: Publication) => store.commit(publication)],
    ["store.remove", (request: Parameters<Store["remove"]>[0]) => store.remove(request)],
    ["store.raiseFloor", (request: FloorRequest) => store.raiseFloor(request)],
    ["store.claimDue", (query: Parameters<Store["claimDue"]>[0]) => store.claimDue(query)],
    ["store.postpone", (request: Parameters<Store["postpone"]>[0]) => store.postpone(request)],
    ["store.addPendingKey", ({ key, limits, audit }: PendingKey) => store.addPendingKey(key, limits, audit)],
    ["store.createKeyring", (record: Uint8Array) => store.createKeyring(record)],
    [
      "store.replaceKeyring",
      (change: Parameters<Store["replaceKeyring"]>[0]) => store.replaceKeyring(change),
    ],
    [
      "store.proposals.open",
      ({ proposal, limits }: NewProposalRequest) => store.proposals.open(proposal, limits),
    ],
    ["store.proposals.change", (request: ProposalChange) => store.proposals.change(request)],
    [
      "store.proposals.forget",
      (request: Parameters<ProposalStore["forget"]>[0]) => store.proposals.forget(request),
    ],
    [
      "store.outbox.add",
      ({ entry, receivers, limits }: NewEntry) => store.outbox.add(entry, receivers, limits),
    ],
    ["store.outbox.claim", (query: Parameters<OutboxStore["claim"]>[0]) => store.outbox.claim(query)],
    ["store.outbox.settle", (outcome: DeliveryOutcome) => store.outbox.settle(outcome)],
    ["store.outbox.forget", (request: Parameters<OutboxStore["forget"]>[0]) => store.outbox.forget(request)],
    ["store.retention.remove", (request: RetentionRequest) => store.retention.remove(request)],
    ...accessOperations.map(
      (name) => [`store.access.${name}`, (request: never) => store.access[name](request)] as const,
    ),
    ["store.register.put", (entry: Parameters<KeyRegister["put"]>[0]) => store.register.put(entry)],
    ["store.register.deny", (denial: Parameters<KeyRegister["deny"]>[0]) => store.register.deny(denial)],
    ["store.register.lift", (request: Parameters<KeyRegister["lift"]>[0]) => store.register.lift(request)],
    ["store.audit.append", (record: AuditRecord) => store.audit.append(record)],
    ["store.audit.countRefusals", (counts: readonly RefusalCount[]) => store.audit.countRefusals(counts)],
    [
      "store.audit.settleRefusals",
      (request: Parameters<AuditStore["settleRefusals"]>[0]) => store.audit.settleRefusals(request),
    ],
    ["store.audit.createKey", (key: AuditKey) => store.audit.createKey(key)],
    ["store.imports.addHistory", (request: HistoryRequest) => store.imports.addHistory(request)],
    ["store.imports.holdKeys", (request: HeldKeys) => store.imports.holdKeys(request)],
    ["attempts.wait", async ({ name, address, now }: AttemptPlace) => attempts.waitOf(name, address, now)],
    [
      "attempts.failed",
      async ({ name, address, now }: AttemptPlace) => {
        attempts.failed(name, address, now);
        return attempts.waitOf(name, address, now);
      },
    ],
    [
      "attempts.succeeded",
      async ({ name, address }: AttemptPlace) => {
        attempts.succeeded(name, address);
        return 0;
      },
    ],
    ["store.check", () => store.check()],
    ["signer.generate", ({ algorithm, binding }: NewKey) => signer.generate(algorithm, binding)],
    ["signer.adopt", ({ privateKey, binding }: ToAdopt) => signer.adopt(privateKey, binding)],
    ["signer.sign", ({ key, message }: ToSign) => signer.sign(key, message)],
    ["signer.check", () => signer.check()],
  ]);

  /** Checks that failed when they were last made, with what came of it. */
  const failing = new Map<string, string>();

  return async (operation, argument) => {
    try {
      const carryOut = operations.get(operation);
      if (carryOut === undefined) throw new TypeError("a reader asked for something that no writer does");
      const value = await carryOut(argument as never);
      failing.delete(operation);
      return { kind: "done", value };
    } catch (error) {
      const answer = answerOf(error);
      const reason = answer.kind === "refused" ? answer.code : answer.kind;
      if (!isEveryday(error) && failing.get(operation) !== reason) onFault(operation, error);
      if (operation.endsWith(".check")) failing.set(operation, reason);
      return answer;
    }
  };
}

interface PendingKey {
  readonly key: OnlineKey;
  readonly limits: PendingKeyLimits;
  readonly audit: AuditRecord;
}
interface NewProposalRequest {
  readonly proposal: NewProposal;
  readonly limits: ProposalLimits;
}
interface NewEntry {
  readonly entry: OutboxEntry;
  readonly receivers: readonly string[];
  readonly limits: OutboxLimits;
}
interface NewKey {
  readonly algorithm: OnlineAlgorithm;
  readonly binding: KeyBinding;
}
interface ToAdopt {
  readonly privateKey: Uint8Array;
  readonly binding: KeyBinding;
}
interface ToSign {
  readonly key: SigningKey;
  readonly message: Uint8Array;
}

/** Whoever loses a race is told so; nothing is wrong here. */
function isEveryday(error: unknown): boolean {
  return error instanceof StoreError && error.code === "CONFLICT";
}

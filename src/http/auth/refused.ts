/**
 * Which refusals are counted for the audit trail, and for whom.
 *
 * Counted is what would have changed something, and whoever was not let in: a wrong password, a token that is not valid, a
 * right that is lacking, a rate. Reads of what is not there are everyday, and so is a request without credentials: so every
 * stock client begins. What this server could not do, nobody was refused.
 */
import type { FastifyRequest } from "fastify";
import { WrongLogin } from "../../service/access/wrong-login.ts";
import type { RefusalCounter, RefusedCaller } from "../../service/service.ts";
import type { ErrorAnswer } from "../errors.ts";
import { anonymousName } from "./grant.ts";
import { changes } from "./needs.ts";
import { holderOf } from "./rate.ts";
import { AccessRefusal, RateRefusal } from "./refusal.ts";

const ofAccess: readonly string[] = ["UNAUTHORIZED", "FORBIDDEN", "TOO_MANY_REQUESTS"];

/** `thrown`: why; `answer`: what the caller is told. */
export function countRefusal(
  counter: RefusalCounter,
  request: Pick<FastifyRequest, "grant" | "meaning" | "ip">,
  thrown: unknown,
  { own, status }: Pick<ErrorAnswer, "own" | "status">,
): void {
  if (status >= 500) return;
  const isStranger = thrown instanceof AccessRefusal && thrown.lack === "missing";
  if (isStranger || !(ofAccess.includes(own) || changes(request.meaning))) return;
  // Stock clients are told otherwise; whoever asks the trail wants the two apart.
  const isForbidden = thrown instanceof AccessRefusal && thrown.lack === "insufficient_scope";
  counter.count(callerOf(request, thrown), isForbidden ? "FORBIDDEN" : own);
}

function callerOf({ grant, ip }: Pick<FastifyRequest, "grant" | "ip">, thrown: unknown): RefusedCaller {
  if (thrown instanceof WrongLogin && thrown.claimed !== undefined) return { claimed: thrown.claimed };
  const isNamed = thrown instanceof AccessRefusal || thrown instanceof RateRefusal;
  // Before it is known what somebody may do, the request has no grant.
  const principal =
    (isNamed ? thrown.principal : undefined) ?? (grant as typeof grant | undefined)?.principal;
  const isKnown = principal !== undefined && principal.method !== "none" && principal.name !== anonymousName;
  return isKnown ? { principal } : { address: holderOf(ip) };
}

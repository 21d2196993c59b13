/** Records of the audit trail as this service writes them: who did what, with a detail that is canonical and bounded. */
import { canonicalText } from "../../core/canonical.ts";
import type { JsonObject } from "../../core/json.ts";
import type { AuditActor, AuditRecord } from "../../store/contract/audit.ts";
import type { Principal } from "../principal.ts";

/** Characters of one text in a detail. */
const maxText = 1_000;

export function actorOf({ name, method, address }: Principal): AuditActor {
  return { name: name.slice(0, 255).toWellFormed(), method, address: address.slice(0, 255) };
}

export interface Told {
  readonly at: number;
  readonly principal: Principal;
  readonly kind: string;
  /** Without one it is about the server. */
  readonly repository?: string;
  /** Bounded by whoever gives it. */
  readonly detail?: JsonObject;
}

export function recordOf({ at, principal, kind, repository = "", detail = {} }: Told): AuditRecord {
  return { at, kind, actor: actorOf(principal), repository, detail: canonicalText(detail) };
}

/** What strangers said, cut to what a detail has room for. */
export function shortened(text: string): string {
  return text.slice(0, maxText).toWellFormed();
}

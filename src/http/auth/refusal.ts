/**
 * Why a caller is sent away, in each API's words, with the challenge that tells a client what to bring
 * (notary-protocol.md chapter 6; RFC 6750, section 3).
 *
 * Stock clients get 401 whatever is lacking: they fetch another token and come again. The management API tells a caller
 * whose token is good but does not suffice so, with 403.
 */
import { RefusedError } from "../../core/errors.ts";
import type { Principal } from "../../service/service.ts";
import type { ErrorAnswer } from "../errors.ts";
import type { Need } from "./grant.ts";

/** `missing`: no credentials at all. */
export type Lack = "missing" | "invalid_token" | "insufficient_scope";

const sentences: Readonly<Record<Lack, string>> = {
  missing: "Say who you are: sign in, or send a token.",
  invalid_token: "This token is not valid here: fetch a new one.",
  insufficient_scope: "This token does not allow that: ask who runs this server for the right.",
};

interface AccessContext {
  readonly cause?: unknown;
  readonly principal?: Principal;
  readonly lacks?: readonly string[];
}

export class AccessRefusal extends RefusedError {
  readonly lack: Lack;
  readonly need: Need;
  /** Who lacks the right, where that is known. */
  readonly principal: Principal | undefined;
  /** Those of the needed actions that a good token does not allow. */
  readonly lacks: readonly string[];

  constructor(lack: Lack, need: Need, { cause, principal, lacks = [] }: AccessContext = {}) {
    super("UNAUTHORIZED", sentences[lack], { cause });
    this.lack = lack;
    this.need = need;
    this.principal = principal;
    this.lacks = lacks;
  }
}

/** Too many requests of somebody who is known. */
export class RateRefusal extends RefusedError {
  readonly principal: Principal;

  constructor(principal: Principal, sentence: string, retryAfter: number) {
    super("TOO_MANY_REQUESTS", sentence, { retryAfter });
    this.principal = principal;
  }
}

/** Signed in, and not allowed to. */
export function forbidden(sentence = sentences.insufficient_scope): RefusedError {
  return new RefusedError("FORBIDDEN", sentence);
}

/** The same to whoever lacks a right, which the path alone decides: it tells nothing about what is there. */
export function lacking({ need, lacks }: Pick<AccessRefusal, "need" | "lacks">): RefusedError {
  const right =
    need.kind === "server"
      ? `the right ${need.action} to the whole server`
      : need.kind === "repository"
        ? `the right ${lacks.join(" and ")} to this repository`
        : "it";
  return forbidden(`This token does not allow that: ask an administrator of this server for ${right}.`);
}

interface Wanted {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

function wanted(need: Need): Wanted | undefined {
  switch (need.kind) {
    case "nothing":
    case "known":
      return undefined;
    case "repository":
      return { type: "repository", name: need.repository, actions: need.actions };
    case "server":
      return need.action === "catalog"
        ? { type: "registry", name: "catalog", actions: ["*"] }
        : { type: "vidimus", name: "server", actions: [need.action] };
  }
}

/** Value of `WWW-Authenticate`. Names have no control characters (`core/names.ts`); older ones may have anything else. */
export function challengeOf(
  { lack, need, lacks }: Pick<AccessRefusal, "lack" | "need" | "lacks">,
  { realm, service }: { readonly realm: string; readonly service: string },
): string {
  const want = wanted(need);
  const parts = [`realm="${realm}"`, `service="${service}"`];
  if (want !== undefined) parts.push(`scope="${want.type}:${quoted(want.name)}:${want.actions.join(",")}"`);
  if (lack !== "missing") parts.push(`error="${lack}"`);
  // What was asked for stays in the scope: so clients fetch the next token. People are told what to give.
  if (lacks.length > 0) parts.push(`error_description="lacks ${lacks.join(",")}"`);
  return `Bearer ${parts.join(",")}`;
}

/** Inside of a quoted string (RFC 9110, 5.6.4): UTF-8, each of its bytes as one character of a header. */
function quoted(name: string): string {
  return Buffer.from(name, "utf8").toString("latin1").replace(/["\\]/g, "\\$&");
}

/** The original's body: one entry for each action. */
export function notaryRefusal({ need }: AccessRefusal, answer: ErrorAnswer): ErrorAnswer {
  const want = wanted(need);
  const detail =
    want?.actions.map((Action) => ({ Type: want.type, Class: "", Name: want.name, Action })) ?? [];
  const error = { code: "UNAUTHORIZED", message: "authentication required", detail };
  return { ...answer, body: `${JSON.stringify({ errors: [error] })}\n` };
}

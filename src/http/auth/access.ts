/**
 * Who calls, and whether they may: asked once for each request, before its body is read and before anything is looked up.
 *
 * A token that was verified is remembered by its digest until it ends, so that a reader who comes often is verified once. What
 * is refused is never remembered.
 *
 * Nobody is kept out by what others of the same address send: whatever they sent, a token is looked at, for that costs a hash
 * and a look into the store, or one signature. What they lose is the answer to bad ones: 429 in place of 401, and no line in
 * the log. Only what costs more, a chain of certificates, is not followed for them then.
 */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { LRUCache } from "lru-cache";
import type { Logger } from "pino";
import { MalformedError, RefusedError, StoreError } from "../../core/errors.ts";
import type { OpaqueTokens } from "../../service/access/opaque.ts";
import type { Principal } from "../../service/service.ts";
import type { Route } from "../routes.ts";
import { anonymousName, type Grant, grantOf, grantOfAll, grantOfOpaque, type Need } from "./grant.ts";
import { changes, needOf } from "./needs.ts";
import { holderOf, Rate } from "./rate.ts";
import { AccessRefusal, challengeOf, RateRefusal } from "./refusal.ts";
import { grantOfToken, mostCharacters, type TokenIssuer } from "./tokens.ts";

export interface Access {
  /** Throws `UNAUTHORIZED` (an `AccessRefusal`), `TOO_MANY_REQUESTS`, `BAD_REQUEST`. */
  authorize(request: IncomingMessage, route: Route, address: string): Grant | Promise<Grant>;
  /**
   * Once more of who was let in, when the body has come or a wait is over: what may be revoked at any time is asked for again. A
   * token that says itself until when it is good goes on until then. Throws `UNAUTHORIZED`. Counts nothing.
   */
  confirm(request: IncomingMessage, route: Route, given: Grant): Promise<void>;
  /** Whether this read is allowed by what is remembered: without waiting for anything. False: ask `authorize`. */
  isKnownReader(request: IncomingMessage, route: Route): boolean;
  /** Nothing is remembered of tokens that were good so far. */
  forget(): void;
  /** Value of `WWW-Authenticate`; undefined where callers are not authenticated. */
  challenge(refusal: AccessRefusal): string | undefined;
}

const anonymous = (address: string): Principal => ({ name: anonymousName, method: "none", address });

/** Everybody may do everything. */
export const openToAll: Access = {
  authorize: (_request, _route, address) => grantOfAll(anonymous(address)),
  confirm: async () => undefined,
  isKnownReader: () => true,
  forget: () => undefined,
  challenge: () => undefined,
};

export interface AccessOptions {
  /** Address of the token service, as clients are told it. From the configuration, never from a request. */
  readonly realm: string;
  readonly service: string;
  readonly issuers: readonly TokenIssuer[];
  /** Tokens that are no JWT. Absent: there are none. */
  readonly opaque?: OpaqueTokens;
  /**
   * Whether somebody whose token says that they administer the server still does: asked at each request that takes it. Absent: the
   * token's word counts until it ends.
   */
  readonly administers?: (principal: Principal) => Promise<boolean>;
  /** Whoever has no token may read every repository. */
  readonly anonymousRead: boolean;
  /** Refused tokens from one address, and changes by one principal, in a minute. 0: no limit. */
  readonly failuresPerMinute: number;
  readonly changesPerMinute: number;
  readonly now: () => number;
  readonly logger: Pick<Logger, "info">;
}

const mostRemembered = 10_000;

export function accessByToken(options: AccessOptions): Access {
  const { issuers, opaque, anonymousRead, now, logger } = options;
  let remembered = new LRUCache<string, Grant>({ max: mostRemembered });
  const failures = new Rate(options.failuresPerMinute);
  const changing = new Rate(options.changesPerMinute);

  const known = (token: string): Grant | undefined => {
    const found = remembered.get(digestOf(token));
    return found !== undefined && now() < found.expiresAt ? found : undefined;
  };

  async function verified(token: string, need: Need, address: string): Promise<Grant> {
    const at = now();
    const from = holderOf(address);
    // One that is verified while all are forgotten may be signed with a key of before: it is put where nobody looks any more.
    const memory = remembered;
    try {
      if (!isJwt(token)) return await opaquely(token, address, at);
      const followsChains = !failures.isReached(from, at);
      const grant = await grantOfToken(token, issuers, { address, at, followsChains });
      memory.set(digestOf(token), grant);
      return grant;
    } catch (cause) {
      // A store that cannot be asked has refused nobody.
      if (cause instanceof StoreError) throw cause;
      const seconds = failures.secondsOf(from, at);
      if (seconds > 0) {
        const sentence = tooMany("Too many tokens from this address were refused");
        throw new RefusedError("TOO_MANY_REQUESTS", sentence, { retryAfter: seconds });
      }
      failures.count(from, at);
      logger.info(
        { from: address, reason: cause instanceof Error ? cause.message : "" },
        "a token was refused",
      );
      throw new AccessRefusal("invalid_token", need, { cause });
    }
  }

  /** Never remembered here: it may be revoked at any time. */
  async function opaquely(token: string, address: string, at: number): Promise<Grant> {
    const given = token.length > mostCharacters ? undefined : await opaque?.check(token, address);
    if (given === undefined || at >= given.expiresAt) throw new Error("no such token is known");
    return grantOfOpaque(given);
  }

  /** What needs no token needs no right of a token either: stock clients bring one wherever the ping asks for it. */
  const isOpen = (need: Need, route: Route) => anonymousRead && isRead(need) && !changes(route);

  function allowed(grant: Grant, need: Need, route: Route): Grant {
    const { principal } = grant;
    if (!grant.may(need) && !isOpen(need, route))
      throw new AccessRefusal("insufficient_scope", need, { principal, lacks: lackingOf(grant, need) });
    if (changes(route)) {
      const who = `${principal.method} ${principal.name}`;
      const seconds = changing.secondsOf(who, now());
      if (seconds > 0) throw new RateRefusal(principal, tooMany("Too many changes by one caller"), seconds);
      changing.count(who, now());
    }
    return grant;
  }

  /** Of tokens that say what they allow. Those that are looked up were asked for just now. */
  async function administering(token: string, need: Need, { principal }: Grant): Promise<void> {
    const isAsked = isAdministration(need) && isJwt(token);
    if (isAsked && (await options.administers?.(principal)) === false)
      throw new AccessRefusal("insufficient_scope", need, { principal });
  }

  return {
    authorize(request, route, address) {
      const need = needOf(route);
      if (need.kind === "nothing") return grantOf(anonymous(address), noRights, Number.POSITIVE_INFINITY);
      const token = tokenOf(request);
      if (token === undefined) {
        if (isOpen(need, route)) return readerOf(address);
        throw new AccessRefusal("missing", need);
      }
      const grant = known(token);
      const letIn = async (made: Grant) => {
        await administering(token, need, made);
        return allowed(made, need, route);
      };
      if (grant === undefined) return verified(token, need, address).then(letIn);
      const found = { ...grant, principal: { ...grant.principal, address } };
      return isAdministration(need) ? letIn(found) : allowed(found, need, route);
    },
    async confirm(request, route, given) {
      const token = bearer(request);
      if (token === undefined) return;
      const need = needOf(route);
      if (isJwt(token)) return await administering(token, need, given);
      let grant: Grant;
      try {
        grant = await opaquely(token, given.principal.address, now());
      } catch (cause) {
        if (cause instanceof StoreError) throw cause;
        throw new AccessRefusal("invalid_token", need, { cause });
      }
      if (!grant.may(need) && !isOpen(need, route))
        throw new AccessRefusal("insufficient_scope", need, { principal: grant.principal });
    },
    isKnownReader(request, route) {
      const need = needOf(route);
      const count = countOf(request);
      if (count === 0) return isOpen(need, route);
      const token = count === 1 ? bearer(request) : undefined;
      const grant = token === undefined ? undefined : known(token);
      return grant !== undefined && (grant.may(need) || isOpen(need, route));
    },
    forget() {
      remembered = new LRUCache({ max: mostRemembered });
    },
    challenge: (refusal) => challengeOf(refusal, options),
  };
}

/** Which actions on a repository, taken one by one, a grant does not have. Nothing is told by it of what is there. */
function lackingOf(grant: Grant, need: Need): readonly string[] {
  if (need.kind !== "repository") return [];
  return need.actions.filter((action) => !grant.may({ ...need, actions: [action] }));
}

const noRights = { repositories: new Map<string, ReadonlySet<string>>(), server: new Set<never>() };

function isRead(need: Need): boolean {
  return need.kind === "repository" && need.actions.every((action) => action === "pull");
}

function isAdministration(need: Need): boolean {
  return need.kind === "server" && need.action === "admin";
}

function readerOf(address: string): Grant {
  return { principal: anonymous(address), may: isRead, expiresAt: 0 };
}

/** Three parts (RFC 7515, 7.1). What the server makes itself has no dots. */
function isJwt(token: string): boolean {
  return token.includes(".");
}

/** Undefined: there is none, or credentials that are no token's. Throws `BAD_REQUEST` if there are two. */
function tokenOf(request: IncomingMessage): string | undefined {
  if (countOf(request) > 1) throw new MalformedError("BAD_REQUEST", "Send one Authorization header.");
  return bearer(request);
}

function bearer({ headers }: IncomingMessage): string | undefined {
  return /^Bearer +([\w.~+/=-]+)$/i.exec(headers.authorization ?? "")?.[1];
}

function countOf({ rawHeaders }: IncomingMessage): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.toLowerCase() === "authorization") count++;
  }
  return count;
}

function digestOf(token: string): string {
  return createHash("sha256").update(token).digest("base64");
}

function tooMany(what: string): string {
  return `${what}: try again in a minute.`;
}

/**
 * Who calls, and whether they may: asked once for each request, before its body is read and before anything is looked up.
 *
 * A token that was verified is remembered by its digest until it ends, so that a reader who comes often is verified once. What
 * is refused is never remembered.
 */
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { LRUCache } from "lru-cache";
import type { Logger } from "pino";
import { MalformedError, RefusedError } from "../../core/errors.ts";
import type { Principal } from "../../service/service.ts";
import type { Route } from "../routes.ts";
import { type Grant, grantOf, grantOfAll, type Need } from "./grant.ts";
import { changes, needOf } from "./needs.ts";
import { holderOf, Rate } from "./rate.ts";
import { AccessRefusal, challengeOf } from "./refusal.ts";
import { grantOfToken, type TokenIssuer } from "./tokens.ts";

export interface Access {
  /** Throws `UNAUTHORIZED` (an `AccessRefusal`), `TOO_MANY_REQUESTS`, `BAD_REQUEST`. */
  authorize(request: IncomingMessage, route: Route, address: string): Grant | Promise<Grant>;
  /** Whether this read is allowed by what is remembered: without waiting for anything. False: ask `authorize`. */
  isKnownReader(request: IncomingMessage, route: Route): boolean;
  /** Nothing is remembered of tokens that were good so far. */
  forget(): void;
  /** Value of `WWW-Authenticate`; undefined where callers are not authenticated. */
  challenge(refusal: AccessRefusal): string | undefined;
}

const anonymous = (address: string): Principal => ({ name: "anonymous", method: "none", address });

/** Everybody may do everything. */
export const openToAll: Access = {
  authorize: (_request, _route, address) => grantOfAll(anonymous(address)),
  isKnownReader: () => true,
  forget: () => undefined,
  challenge: () => undefined,
};

export interface AccessOptions {
  /** Address of the token service, as clients are told it. From the configuration, never from a request. */
  readonly realm: string;
  readonly service: string;
  readonly issuers: readonly TokenIssuer[];
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
  const { issuers, anonymousRead, now, logger } = options;
  const remembered = new LRUCache<string, Grant>({ max: mostRemembered });
  const failures = new Rate(options.failuresPerMinute);
  const changing = new Rate(options.changesPerMinute);

  const known = (token: string): Grant | undefined => {
    const found = remembered.get(digestOf(token));
    return found !== undefined && now() < found.expiresAt ? found : undefined;
  };

  async function verified(token: string, need: Need, address: string): Promise<Grant> {
    const at = now();
    const from = holderOf(address);
    if (failures.isReached(from, at)) throw tooMany("Too many tokens from this address were refused");
    try {
      const grant = await grantOfToken(token, issuers, address, at);
      remembered.set(digestOf(token), grant);
      return grant;
    } catch (cause) {
      failures.count(from, at);
      logger.info(
        { from: address, reason: cause instanceof Error ? cause.message : "" },
        "a token was refused",
      );
      throw new AccessRefusal("invalid_token", need, cause);
    }
  }

  function allowed(grant: Grant, need: Need, route: Route): Grant {
    if (!grant.may(need)) throw new AccessRefusal("insufficient_scope", need);
    if (changes(route)) {
      const who = `${grant.principal.method} ${grant.principal.name}`;
      if (changing.isReached(who, now())) throw tooMany("Too many changes by one caller");
      changing.count(who, now());
    }
    return grant;
  }

  return {
    authorize(request, route, address) {
      const need = needOf(route);
      if (need.kind === "nothing") return grantOf(anonymous(address), noRights, Number.POSITIVE_INFINITY);
      const token = tokenOf(request);
      if (token === undefined) {
        if (anonymousRead && isRead(need)) return readerOf(address, need);
        throw new AccessRefusal("missing", need);
      }
      const grant = known(token);
      if (grant === undefined)
        return verified(token, need, address).then((made) => allowed(made, need, route));
      return allowed({ ...grant, principal: { ...grant.principal, address } }, need, route);
    },
    isKnownReader(request, route) {
      const need = needOf(route);
      const count = countOf(request);
      if (count === 0) return anonymousRead && isRead(need);
      const token = bearer(request);
      return token !== undefined && count === 1 && known(token)?.may(need) === true;
    },
    forget: () => remembered.clear(),
    challenge: (refusal) => challengeOf(refusal, options),
  };
}

const noRights = { repositories: new Map<string, ReadonlySet<string>>(), server: new Set<never>() };

function isRead(need: Need): boolean {
  return need.kind === "repository" && need.actions.every((action) => action === "pull");
}

function readerOf(address: string, need: Need): Grant {
  return { principal: anonymous(address), may: (asked) => asked === need || isRead(asked), expiresAt: 0 };
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

function tooMany(what: string): RefusedError {
  return new RefusedError("TOO_MANY_REQUESTS", `${what}: try again in a minute.`);
}

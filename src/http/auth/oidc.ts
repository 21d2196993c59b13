/**
 * Who comes with an ID token of an identity provider: a workload, such as a job of a CI system, or a person who logs in.
 *
 * A workload has the rights that the claim rules of its issuer give it, and nothing in the store. A person has a name here that
 * begins with `oidc:`, so that nobody becomes another user by what a provider lets them call themselves, and has the
 * permissions of that name.
 *
 * Refusals are counted by address: after so many in a minute no further token from there is looked at until it is over.
 */
import type { Logger } from "pino";
import { RefusedError } from "../../core/errors.ts";
import {
  type ClaimRule,
  hasClaims,
  nameByClaims,
  rightsByClaims,
  type WantedClaims,
} from "../../service/access/claims.ts";
import { isPersonName, oidcPrefix } from "../../service/access/evaluate.ts";
import type { Principal } from "../../service/service.ts";
import type { Scope } from "../../store/contract/access.ts";
import { type IdTokenFault, IdTokenRefusal, type IdTokenRules, verifyIdToken } from "./id-token.ts";
import { makeIncident, tellIncident } from "./incident.ts";
import { holderOf, Rate } from "./rate.ts";

export interface WorkloadRules extends IdTokenRules {
  readonly kind: "workload";
  /** Template of the principal's name. */
  readonly name: string;
  readonly rules: readonly ClaimRule[];
}
export interface PersonRules extends IdTokenRules {
  readonly kind: "person";
  /** Template of what stands behind `oidc:`. */
  readonly name: string;
  readonly claims: WantedClaims;
}

/** What a client needs to let a person log in. */
export interface ProviderOfPeople {
  readonly issuer: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
}

export interface Identified {
  readonly name: string;
  /** Of a workload; a person has the permissions of its name. */
  readonly scopes: readonly Scope[] | undefined;
  /** When the ID token ends: milliseconds. */
  readonly until: number;
}

interface ExchangeContext {
  readonly cause?: unknown;
  readonly principal?: Pick<Principal, "name" | "method">;
  readonly incident?: string;
}

/** The answer to an ID token that gives nothing: 400 (RFC 6749, 5.2) or 403, for no other credentials would help. */
export class ExchangeRefusal extends RefusedError {
  readonly status: 400 | 403;
  /** Who it is, where that is known and is somebody here. */
  readonly principal: Pick<Principal, "name" | "method"> | undefined;
  /** Under which the log has the reason. */
  readonly incident: string | undefined;

  constructor(
    code: "UNAUTHORIZED" | "FORBIDDEN",
    sentence: string,
    { cause, principal, incident }: ExchangeContext = {},
  ) {
    super(code, sentence, { cause });
    this.status = code === "FORBIDDEN" ? 403 : 400;
    this.principal = principal;
    this.incident = incident;
  }
}

export interface OidcOptions {
  readonly issuers: readonly (WorkloadRules | PersonRules)[];
  readonly people: ProviderOfPeople | undefined;
  /** Milliseconds that a person's session lasts. */
  readonly sessionLifetime: number;
  /** Refused tokens from one address in a minute. 0: no limit. */
  readonly failuresPerMinute: number;
  readonly now: () => number;
  readonly logger: Pick<Logger, "info">;
}

/** What a caller is told once the provider's signature was verified: before, nothing but that it is not valid. */
const told: Partial<Record<IdTokenFault, string>> = {
  expired: "The ID token has expired: ask the identity provider for a new one.",
  "too old": "The ID token was made too long ago: ask the identity provider for a new one.",
  "not yet": "The ID token is not valid yet: check the clocks of the provider and of this server.",
};

export class Oidc {
  readonly #options: OidcOptions;
  readonly #failures: Rate;

  constructor(options: OidcOptions) {
    this.#options = options;
    this.#failures = new Rate(options.failuresPerMinute);
  }

  /** Undefined: people do not log in by a provider. */
  get people(): ProviderOfPeople | undefined {
    return this.#options.people;
  }

  get sessionLifetime(): number {
    return this.#options.sessionLifetime;
  }

  /**
   * Throws `UNAUTHORIZED` (not to be believed) and `FORBIDDEN` (believed, and no rule knows it) as `ExchangeRefusal`,
   * `TOO_MANY_REQUESTS`, and `OVERLOADED` where the provider's keys are not to be had.
   */
  async identify(text: string, address: string): Promise<Identified> {
    const { issuers, now, logger } = this.#options;
    const from = holderOf(address);
    const seconds = this.#failures.secondsOf(from, now());
    if (seconds > 0) {
      throw new RefusedError(
        "TOO_MANY_REQUESTS",
        "Too many ID tokens from this address were refused: try again in a minute.",
        { retryAfter: seconds },
      );
    }
    try {
      const { rules, claims, expiresAt } = await verifyIdToken(text, issuers, now());
      const { issuer, kind } = rules;
      const scopes = kind === "workload" ? rightsByClaims(claims, rules.rules) : undefined;
      const isKnown = kind === "workload" ? scopes !== undefined : hasClaims(claims, rules.claims);
      const { sub } = claims;
      if (!isKnown) throw this.#unknown({ from: address, issuer, subject: sub, reason: "no rule" });
      const name =
        kind === "workload" ? nameByClaims(claims, rules.name) : personOf(nameByClaims(claims, rules.name));
      if (name === undefined) throw this.#unknown({ from: address, issuer, subject: sub, reason: "no name" });
      return { name, scopes, until: expiresAt };
    } catch (error) {
      if (error instanceof RefusedError && error.code !== "FORBIDDEN") throw error;
      this.#failures.count(from, now());
      if (!(error instanceof IdTokenRefusal)) throw error;
      const incident = makeIncident();
      logger.info({ from: address, reason: error.fault, incident }, "an ID token was refused");
      const sentence = told[error.fault] ?? `This ID token is not valid here: ${tellIncident(incident)}.`;
      throw new ExchangeRefusal("UNAUTHORIZED", sentence, { cause: error, incident });
    }
  }

  #unknown(fields: object): ExchangeRefusal {
    this.#options.logger.info(fields, "an ID token was good, and gives nobody rights here");
    return new ExchangeRefusal(
      "FORBIDDEN",
      "The identity provider's word is good, and gives no rights here: ask who runs this server for a rule.",
    );
  }
}

function personOf(name: string | undefined): string | undefined {
  return name !== undefined && isPersonName(name) ? `${oidcPrefix}${name}` : undefined;
}

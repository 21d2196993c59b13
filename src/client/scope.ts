/** What one question about one repository is asked with, and how files are asked for. */
import type { FormatRules } from "../core/format/format.ts";
import type { Expiry } from "../core/trusted-set.ts";
import type { OpenPins } from "../policy/rules/pins.ts";
import type { Rule } from "../policy/trust-policy.ts";
import { TrustError } from "./errors.ts";
import type { OnEvent } from "./events.ts";
import type { Fetcher } from "./fetch/fetcher.ts";
import type { Floor } from "./floor.ts";
import type { ClientLimits } from "./limits.ts";
import type { PolicyPlace } from "./pem-file.ts";
import { imageName } from "./reference.ts";

export interface Scope {
  readonly repository: string;
  readonly rule: Rule;
  /** The name that was asked about, which a mirror's rule signs under another, and the rule's place in the policy's file. */
  readonly asked: { readonly name: string } & PolicyPlace;
  readonly pins: OpenPins | undefined;
  /** Of the lock file: one for each image of the repository in it. */
  readonly floors: readonly Floor[];
  readonly format: FormatRules;
  readonly fetcher: Fetcher;
  readonly limits: ClientLimits;
  /** The instant of the operation, in milliseconds. */
  readonly at: number;
  /** `ignored`: for whoever signs the next version, since what has expired is signed again. Everything else is enforced. */
  readonly expiry: Expiry;
  readonly signal: AbortSignal;
  readonly onEvent: OnEvent;
}

export function get(scope: Scope, file: string, maxBytes: number): Promise<Buffer | undefined> {
  const { fetcher, repository, signal } = scope;
  return fetcher.get({ repository, file, maxBytes, signal });
}

/** @param more what else is to be said: `any more` */
export function noTrustData({ repository, fetcher, asked }: Scope, more = ""): TrustError {
  const image = imageName(asked.name);
  const other =
    image === undefined || image === asked.name
      ? ""
      : ` As an image's, the name ${asked.name} would be ${image}.`;
  return new TrustError(
    "NO_TRUST_DATA",
    `${repository} has no trust data at ${fetcher.origin}${more}.${other}`,
  );
}

export function withheld({ fetcher, repository }: Scope, role: string): TrustError {
  return new TrustError(
    "FILE_WITHHELD",
    `${fetcher.origin} lists ${role} of ${repository} and does not give it.`,
    { role },
  );
}

/** The code of anything thrown; "undefined" where there is none. */
export function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | null | undefined)?.code);
}

/** What one question about one repository is asked with, and how files are asked for. */
import type { FormatRules } from "../core/format/format.ts";
import type { Expiry } from "../core/trusted-set.ts";
import type { OpenPins } from "../policy/rules/pins.ts";
import type { Rule } from "../policy/trust-policy.ts";
import { commandOf } from "./command.ts";
import { TrustError } from "./errors.ts";
import type { OnEvent } from "./events.ts";
import type { Fetcher } from "./fetch/fetcher.ts";
import type { Floor } from "./floor.ts";
import type { ClientLimits } from "./limits.ts";
import type { Asked } from "./policy/rules.ts";
import { imageName } from "./reference.ts";

export interface Scope {
  readonly repository: string;
  readonly rule: Rule;
  /** The name that was asked about, which a mirror's rule signs under another, and the rule's place in the policy's file. */
  readonly asked: Asked;
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

export async function get(scope: Scope, file: string, maxBytes: number): Promise<Buffer | undefined> {
  const { fetcher, repository, signal } = scope;
  try {
    return await fetcher.get({ repository, file, maxBytes, signal });
  } catch (error) {
    if (!(error instanceof TrustError) || error.code !== "UNREACHABLE" || error.remedy !== undefined)
      throw error;
    const next = `Check the address, the network and the proxy: ${doctorCommand(scope)}`;
    throw new TrustError(error.code, error.message, { ...error, cause: error.cause, remedy: { next } });
  }
}

/** As for the question that was asked: the same policy and server, and the same authority. */
function doctorCommand({ fetcher, asked: { file, flags } }: Scope): string {
  const [, , ...authority] = flags;
  const policy = file === undefined ? [] : ["--policy", file];
  return commandOf("doctor", ...policy, "--server", fetcher.origin, ...authority);
}

/**
 * That a server has nothing for a repository. Where the cache or the lock remembers it, its publisher has signed: then it is
 * the server that gives nothing any more.
 */
export function noTrustData(
  { repository, fetcher, asked, floors }: Scope,
  isCached: "cached" | "new",
): TrustError {
  const memory = isCached === "cached" ? "the cache" : floors.length > 0 ? "the lock" : undefined;
  if (memory !== undefined) {
    return new TrustError(
      "NO_TRUST_DATA",
      `${fetcher.origin} does not serve ${repository} any more: it was signed and served there, as ${memory} knows.`,
      {
        remedy: {
          who: "server operator",
          next: "Find out whether the repository was deleted, or is kept back on the way; nothing of it can be verified until it is served again.",
        },
      },
    );
  }
  const image = imageName(asked.name);
  const other =
    image === undefined || image === asked.name
      ? ""
      : ` As an image's, the name ${asked.name} would be ${image}.`;
  return new TrustError("NO_TRUST_DATA", `${repository} has no trust data at ${fetcher.origin}.${other}`);
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

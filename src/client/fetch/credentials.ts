/**
 * In whose name a server is asked: the contract between the fetcher and whatever knows credentials.
 *
 * Credentials belong to a trust server, where somebody gave them for that very server, or to a registry, the host at the front
 * of a repository's name, as Docker has it. Nothing is read or run before a server asks. Sources are put together in `sources.ts`:
 * one more is one more row there.
 */

export type Credentials =
  | {
      readonly kind: "user";
      readonly username: string;
      readonly password: string;
      /** Whoever is refused by them has to look there, and not at what Docker keeps. */
      readonly from?: "environment";
    }
  /** Exchanged for tokens at the token service. */
  | { readonly kind: "identity"; readonly token: string }
  /** An ID token of an identity provider, exchanged for tokens at the token service. */
  | { readonly kind: "workload"; readonly token: string }
  /** A token of the registry's own, sent as it is. */
  | { readonly kind: "registry"; readonly token: string };

/** What credentials are wanted for. */
export interface Purpose {
  /** Origin of the server that asks for them: `https://host:port`. */
  readonly server: string;
  /** Undefined: for a right to the whole server. */
  readonly repository: string | undefined;
}

export interface CredentialSource {
  /** Undefined: there are none. Throws `CREDENTIALS`, and why `signal` fired. */
  find(purpose: Purpose, signal: AbortSignal): Promise<Credentials | undefined>;
  /**
   * A token that was given for this very server, which is sent there as it is: no token service is asked, wherever the server says
   * that one is. It is looked up first; no program is run for it and nobody asked. Throws `CREDENTIALS`.
   */
  own?(purpose: Purpose): Promise<string | undefined>;
}

export const noCredentials: CredentialSource = { find: async () => undefined };

/** The first that has any. */
export function firstOf(...sources: readonly CredentialSource[]): CredentialSource {
  return {
    async find(purpose, signal) {
      for (const source of sources) {
        const found = await source.find(purpose, signal);
        if (found !== undefined) return found;
      }
      return undefined;
    },
    async own(purpose) {
      for (const source of sources) {
        const found = await source.own?.(purpose);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}

/** The registry in a repository's name; undefined if the name does not begin with a host. */
export function registryOf(repository: string): string | undefined {
  const slash = repository.indexOf("/");
  const first = slash === -1 ? "" : repository.slice(0, slash);
  return first === "localhost" || /[.:]/.test(first) ? first : undefined;
}

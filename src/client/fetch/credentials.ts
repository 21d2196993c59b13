/**
 * Whose name a repository is read in.
 *
 * Credentials belong to a registry, the host at the front of a repository's name, as Docker has it: never to the trust
 * server. A repository without a host in its name is read without any. Nothing is read or run before a server asks.
 */

export type Credentials =
  | { readonly kind: "user"; readonly username: string; readonly password: string }
  /** Exchanged for tokens at the token service. */
  | { readonly kind: "identity"; readonly token: string }
  /** A token of the registry's own, sent as it is. */
  | { readonly kind: "registry"; readonly token: string };

export interface CredentialSource {
  /** Undefined: there are none. Throws `CREDENTIALS`, and why `signal` fired. */
  find(repository: string, signal: AbortSignal): Promise<Credentials | undefined>;
}

export const noCredentials: CredentialSource = { find: async () => undefined };

/** The registry in a repository's name; undefined if the name does not begin with a host. */
export function registryOf(repository: string): string | undefined {
  const slash = repository.indexOf("/");
  const first = slash === -1 ? "" : repository.slice(0, slash);
  return first === "localhost" || /[.:]/.test(first) ? first : undefined;
}

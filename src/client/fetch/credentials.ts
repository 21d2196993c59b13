/**
 * Whose name a repository is read in.
 *
 * Credentials belong to a registry, the host at the front of a repository's name, as Docker has it: never to the trust
 * server. A repository without a host in its name is read without any. Nothing is read or run before a server asks.
 */

import type { Credentials, DockerCredentialOptions } from "./credential.ts";

export type { Credentials, DockerCredentialOptions };

export interface CredentialSource {
  /** Undefined: there are none. Throws `CREDENTIALS`, and why `signal` fired. */
  find(repository: string, signal: AbortSignal): Promise<Credentials | undefined>;
}

export const noCredentials: CredentialSource = { find: async () => undefined };

/** What `docker login` keeps: in `config.json`, or with the helper programs that it names. */
export function dockerCredentials(options: DockerCredentialOptions): CredentialSource {
  return {
    async find(repository, signal) {
      const registry = registryOf(repository);
      if (registry === undefined) return undefined;
      const { findInDocker } = await import("./docker-config.ts");
      return findInDocker(options, registry, signal);
    },
  };
}

/** The registry in a repository's name; undefined if the name does not begin with a host. */
export function registryOf(repository: string): string | undefined {
  const slash = repository.indexOf("/");
  const first = slash === -1 ? "" : repository.slice(0, slash);
  return first === "localhost" || /[.:]/.test(first) ? first : undefined;
}

/** The credentials of whoever ran `docker login`. No file is read before a server asks for them. */
import { type CredentialSource, registryOf } from "./credentials.ts";
import type { DockerCredentialOptions } from "./docker-config.ts";

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

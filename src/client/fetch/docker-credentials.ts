/** The credentials of whoever ran `docker login`. No file is read before a server asks for them. */
import { type CredentialSource, registryOf } from "./credentials.ts";
import type { DockerCredentialOptions } from "./docker-config.ts";

/**
 * What `docker login` keeps: in `config.json`, or with the helper programs that it names. Under the name of the repository's
 * registry; for a right to the whole server, under the server's own `host:port`.
 */
export function dockerCredentials(options: DockerCredentialOptions): CredentialSource {
  return {
    async find({ repository, server }, signal) {
      const name = repository === undefined ? new URL(server).host : registryOf(repository);
      if (name === undefined) return undefined;
      const { findInDocker } = await import("./docker-config.ts");
      return findInDocker(options, name, signal);
    },
  };
}

/** Where a fetcher for one server takes credentials from. */
import { parseServer } from "./address.ts";
import { type CredentialSource, firstOf } from "./credentials.ts";
import { dockerCredentials } from "./docker-credentials.ts";
import { environmentCredentials } from "./environment-credentials.ts";

export interface SourceOptions {
  readonly server: string;
  /** The server that those of the environment are for; undefined: there is none. */
  readonly named: string | undefined;
  /** The folder of Docker's `config.json`. */
  readonly dockerConfig: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** In this order: what the environment has for this very server; what `docker login` keeps. Throws `OPTION_INVALID`. */
export function usualCredentials(options: SourceOptions): CredentialSource {
  const { server, named, dockerConfig, environment } = options;
  const ofDocker = dockerCredentials({ directory: dockerConfig, environment });
  const { base, origin } = parseServer(server);
  // With the path: two servers may share a host.
  if (named === undefined || parseServer(named).base !== base) return ofDocker;
  return firstOf(environmentCredentials(environment, origin), ofDocker);
}

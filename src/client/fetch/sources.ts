/** Where a fetcher for one server takes credentials from. */
import { parseServer } from "./address.ts";
import { type CredentialSource, firstOf } from "./credentials.ts";
import { dockerCredentials } from "./docker-credentials.ts";
import { environmentCredentials, withoutSecrets } from "./environment-credentials.ts";
import { sessionCredentials } from "./session-credentials.ts";
import { workloadCredentials, workloadSecrets } from "./workload-credentials.ts";

export interface SourceOptions {
  readonly server: string;
  /** The server that those of the environment are for; undefined: there is none. */
  readonly named: string | undefined;
  /** The folder of Docker's `config.json`. */
  readonly dockerConfig: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * In this order: what the environment has for this very server, also of a workload; the session of whoever ran `vidimus login` there;
 * what `docker login` keeps. Throws `OPTION_INVALID`.
 */
export function usualCredentials(options: SourceOptions): CredentialSource {
  const { server, named, dockerConfig, environment } = options;
  // Helper programs are told nothing that is for this server.
  const told = withoutSecrets(environment, workloadSecrets);
  const ofDocker = dockerCredentials({ directory: dockerConfig, environment: told });
  const { base, origin } = parseServer(server);
  const kept = [sessionCredentials(environment, base), ofDocker];
  // With the path: two servers may share a host.
  if (named === undefined || parseServer(named).base !== base) return firstOf(...kept);
  const given = [workloadCredentials(environment, origin), environmentCredentials(environment, origin)];
  return firstOf(...given, ...kept);
}

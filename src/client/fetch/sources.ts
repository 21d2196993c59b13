/** Where a fetcher for one server takes credentials from. */
import { parseServer } from "./address.ts";
import { type CredentialSource, firstOf } from "./credentials.ts";
import { dockerCredentials } from "./docker-credentials.ts";
import { credentialVariables, environmentCredentials } from "./environment-credentials.ts";
import { sessionCredentials } from "./session-credentials.ts";
import { workloadCredentials, workloadVariables } from "./workload-credentials.ts";

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
  const ofDocker = dockerCredentials({ directory: dockerConfig, environment: withoutSecrets(environment) });
  const { base, origin } = parseServer(server);
  const kept = [sessionCredentials(environment, base), ofDocker];
  // With the path: two servers may share a host.
  if (named === undefined || parseServer(named).base !== base) return firstOf(...kept);
  const given = [workloadCredentials(environment, origin), environmentCredentials(environment, origin)];
  return firstOf(...given, ...kept);
}

const secrets: ReadonlySet<string> = new Set([
  credentialVariables.token,
  credentialVariables.password,
  workloadVariables.token,
  workloadVariables.requestToken,
]);

function withoutSecrets(environment: SourceOptions["environment"]): SourceOptions["environment"] {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !secrets.has(name)));
}

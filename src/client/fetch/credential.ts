/** What Docker knows of a user, and where it keeps it. */

export type Credentials =
  | { readonly kind: "user"; readonly username: string; readonly password: string }
  /** Exchanged for tokens at the token service. */
  | { readonly kind: "identity"; readonly token: string }
  /** A token of the registry's own, sent as it is. */
  | { readonly kind: "registry"; readonly token: string };

export interface DockerCredentialOptions {
  /** The folder of `config.json`: `DOCKER_CONFIG`, or `.docker` in the home directory. */
  readonly directory: string;
  /** What credential helpers are started with; its `PATH` says where they are. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Who is calling. */
export interface Principal {
  /** Unique among all principals of its method; at most 200 characters. */
  readonly name: string;
  /**
   * How it was authenticated. `none`: not at all. `token`: by a token service. `password`: by the built-in one. `machine`:
   * by a token of its own. `oidc`: by an identity provider. `operator`: by who holds the data directory. `server`: ourselves.
   */
  readonly method: "none" | "token" | "password" | "machine" | "oidc" | "operator" | "server";
  /** Where from, as `trustedProxies` let us believe it; empty where there is no connection. */
  readonly address: string;
}

/** This server, where it does what nobody asked for just now. */
export const ownPrincipal: Principal = { name: "vidimus", method: "server", address: "" };

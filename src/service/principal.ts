/** Who is calling. */
export interface Principal {
  readonly name: string;
  /** How it was authenticated: `none` until access control is configured. */
  readonly method: "none";
}

/** This server, where it does what nobody asked for just now. */
export const ownPrincipal: Principal = { name: "vidimus", method: "none" };

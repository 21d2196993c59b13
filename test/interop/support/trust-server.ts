/** What every server under test looks like to a scenario, whoever wrote it. */

/** Which program answers: the original one, or ours. */
export type ServerKind = "reference" | "vidimus";

/** Where a trust server is. Plain data, so that it can be handed to the test processes. */
export interface TrustServerAddress {
  readonly kind: ServerKind;
  /** `https://127.0.0.1:PORT` or, if so asked, `http://…`; no trailing slash. */
  readonly url: string;
  /** Path of the PEM file with the authority that signed its certificate; empty if it speaks plain HTTP. */
  readonly ca: string;
}

/** A trust server that answers, as a process of its own. */
export interface TrustServer extends TrustServerAddress {
  /** The processes that were started for it. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** Bounds of everything that comes from a trust server. Times in milliseconds, sizes in bytes. */

export interface ClientLimits {
  /** Largest root, timestamp, and other file. A file whose length is stated may not be longer than stated either. */
  readonly rootBytes: number;
  readonly timestampBytes: number;
  readonly fileBytes: number;
  /** Roots followed in one update. */
  readonly roots: number;
  /** Delegated roles looked at for one repository. */
  readonly delegations: number;
  /** One request, and one whole update of a repository with all its requests. */
  readonly requestTime: number;
  readonly updateTime: number;
  /** Tries of one request, and redirects followed in one. */
  readonly tries: number;
  readonly redirects: number;
  /** Repositories that are updated at once, and connections to one server. */
  readonly parallel: number;
  readonly connections: number;
  /** Verified files kept in memory between two questions. The last repository's are kept whatever their size. */
  readonly memoryBytes: number;
}

/** Beyond these a limit is none: it is refused as an option. */
export const mostLimits: Readonly<Partial<ClientLimits>> = {
  requestTime: 3_600_000,
  tries: 20,
  redirects: 20,
  connections: 256,
};

export const defaultLimits: ClientLimits = {
  rootBytes: 4 * 1_048_576,
  timestampBytes: 256 * 1_024,
  fileBytes: 64 * 1_048_576,
  roots: 256,
  delegations: 128,
  requestTime: 30_000,
  updateTime: 120_000,
  tries: 3,
  redirects: 3,
  parallel: 8,
  connections: 8,
  memoryBytes: 16 * 1_048_576,
};

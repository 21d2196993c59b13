/** What a lock says of a repository, for comparison with what is served. */
export interface Floor {
  readonly versions: Readonly<Record<string, number>>;
  /** Of the root that was in force, in lower-case hex. */
  readonly rootSha256: string;
  /** IDs of the keys that the root gave to the online roles. */
  readonly onlineKeyIds: { readonly timestamp: readonly string[]; readonly snapshot: readonly string[] };
}

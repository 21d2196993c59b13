/**
 * Where repositories are taken from. A source moves bytes and is believed in nothing: what comes from it is verified by
 * `core/taking-over.ts`.
 */
export interface Source {
  /** As it stands in the record of the server that takes over. */
  readonly origin: string;
  /** Names of repositories, each once, as far as it tells them; at most `most`, then `SOURCE_ENDLESS`. */
  names(most: number): AsyncIterable<string>;
  /**
   * A file by the name that a Notary gives it: `root.json`, `2.root.json`, `snapshot.<sha256>.json`. Undefined: there is none.
   * Throws `SourceError`.
   */
  file(repository: string, name: string, maxBytes: number): Promise<Buffer | undefined>;
  close(): void;
}

/** The tables of an old Notary that are read, and the columns of them that matter (notary-protocol.md 5.5). */

export interface Table<Column extends string> {
  readonly name: string;
  /** Whose database it is in. */
  readonly of: "signer" | "server";
  readonly columns: readonly Column[];
}

/** The signer's keys. `deleted_at`: not null for one that was deleted, though its row stays. */
export const privateKeys = {
  name: "private_keys",
  of: "signer",
  columns: [
    "key_id",
    "encryption_alg",
    "keywrap_alg",
    "algorithm",
    "passphrase_alias",
    "public",
    "private",
    "gun",
    "role",
    "deleted_at",
  ],
} as const satisfies Table<string>;

export type PrivateKeyColumn = (typeof privateKeys.columns)[number];

/** The server's files, every version that it has stored. */
export const tufFiles = {
  name: "tuf_files",
  of: "server",
  columns: ["gun", "role", "version", "sha256", "data", "deleted_at"],
} as const satisfies Table<string>;

export type TufFileColumn = (typeof tufFiles.columns)[number];

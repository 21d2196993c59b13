/** Shapes that several parts of the store's contract speak of. Everybody else takes them from `store.ts`. */

/** Where a file stands, without its bytes. */
export interface MetadataReference {
  readonly role: string;
  /** 1 … 2^31-1. */
  readonly version: number;
  /** Lower-case hex of the exact stored bytes. */
  readonly sha256: string;
  readonly length: number;
  readonly storedAt: number;
}

export interface NewMetadata {
  readonly role: string;
  readonly version: number;
  readonly sha256: string;
  readonly bytes: Uint8Array;
  /** End of validity, for reports and for the refresher. */
  readonly expires: number;
}

export type OnlineRole = "timestamp" | "snapshot";

/** A key of an online role. `reference` is whatever the signer needs to find or open it: opaque here. */
export interface OnlineKey {
  readonly keyId: string;
  readonly repository: string;
  readonly role: OnlineRole;
  /** `ecdsa` or `ed25519`. */
  readonly keytype: string;
  /** Base64, exactly as it stands in metadata (`keyval.public`). */
  readonly publicKey: string;
  readonly reference: Uint8Array;
  readonly createdAt: number;
}

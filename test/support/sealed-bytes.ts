/** Bytes in memory as the backups' streams have them, and an age key pair. */
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import type { Bytes } from "../../src/backup/age.ts";
import { BackupError } from "../../src/backup/errors.ts";

export interface AgePair {
  readonly identity: string;
  readonly recipient: string;
}

export async function agePair(): Promise<AgePair> {
  const identity = await generateX25519Identity();
  return { identity, recipient: await identityToRecipient(identity) };
}

/** In pieces of a length; tells whether its reader let go of it. */
export function streamOf(bytes: Uint8Array, piece = 1_000): Bytes & { released: boolean; given: number } {
  const state = { released: false, given: 0 };
  async function* generate(): Bytes {
    try {
      for (let at = 0; at < bytes.length; at += piece) {
        state.given += piece;
        yield bytes.subarray(at, at + piece);
      }
    } finally {
      state.released = true;
    }
  }
  return Object.assign(state, { [Symbol.asyncIterator]: () => generate()[Symbol.asyncIterator]() });
}

export async function collect(bytes: Bytes): Promise<Buffer> {
  const found: Uint8Array[] = [];
  for await (const piece of bytes) found.push(piece);
  return Buffer.concat(found);
}

/** The code that it was refused with. */
export async function backupCode(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof BackupError) return error.code;
    throw error;
  }
  throw new Error("It was not refused.");
}

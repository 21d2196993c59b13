/**
 * Sealing and opening a stream of bytes as an age file (the format's first version), by the package of age's author.
 *
 * - What comes out of `unseal` was authenticated, piece by piece, but not that it is all: only its end says so. Whoever
 *   reads it acts on nothing before that.
 * - The head of a file is bounded before it is parsed. Turning a passphrase into a key takes about 256 MiB of memory and
 *   a second; the package refuses a file that asks for more than four times that.
 */
import { Decrypter, Encrypter } from "age-encryption";
import { BackupError, damaged, notABackup, unusable } from "./errors.ts";

/** In pieces, each read once. */
export type Bytes = AsyncIterable<Uint8Array>;

export type Sealing = { readonly passphrase: string } | { readonly recipients: readonly string[] };
export type Opening = { readonly passphrase: string } | { readonly identities: readonly string[] };

/** Bytes within which the head of an age file must end. */
const maxHead = 64 * 1024;
const firstLine = "age-encryption.org/v1\n";

/** Throws `BACKUP_KEY_UNUSABLE` for a recipient that is none, before anything is read. */
export async function seal(plain: Bytes, sealing: Sealing): Promise<Bytes> {
  const encrypter = new Encrypter();
  if ("passphrase" in sealing) encrypter.setPassphrase(sealing.passphrase);
  else
    for (const [index, recipient] of sealing.recipients.entries()) addRecipient(encrypter, recipient, index);
  return await encrypter.encrypt(ReadableStream.from(plain));
}

/**
 * Throws `NOT_A_BACKUP`, `BACKUP_NOT_OPENED`, `BACKUP_KEY_UNUSABLE` or `BACKUP_DAMAGED`; so does reading on from what it
 * gives. A `BackupError` of `sealed` passes unchanged.
 */
export async function unseal(sealed: Bytes, opening: Opening): Promise<Bytes> {
  const decrypter = new Decrypter();
  if ("passphrase" in opening) decrypter.addPassphrase(opening.passphrase);
  else for (const identity of opening.identities) addIdentity(decrypter, identity);
  const bounded = ReadableStream.from(await boundHead(sealed));
  try {
    return refusing(await decrypter.decrypt(bounded));
  } catch (error) {
    throw refusalOf(error);
  }
}

function addRecipient(encrypter: Encrypter, recipient: string, index: number): void {
  try {
    encrypter.addRecipient(recipient);
  } catch (error) {
    throw unusable(
      `Recipient ${index + 1} is not one of age: give one that begins with age1, whole, with --recipient.`,
      error,
    );
  }
}

function addIdentity(decrypter: Decrypter, identity: string): void {
  try {
    decrypter.addIdentity(identity);
  } catch (error) {
    throw unusable(
      "The file of the identity holds a line that is none of age: give one from age-keygen.",
      error,
    );
  }
}

async function* refusing(bytes: Bytes): Bytes {
  try {
    yield* bytes;
  } catch (error) {
    throw refusalOf(error);
  }
}

function refusalOf(error: unknown): BackupError {
  if (error instanceof BackupError) return error;
  const text = error instanceof Error ? error.message : "";
  if (!text.includes("no identity matched")) return damaged("it does not open to its end", error);
  return new BackupError(
    "BACKUP_NOT_OPENED",
    "The backup does not open: it was sealed by another passphrase or to another recipient, or its head is damaged.",
    error,
  );
}

/** The same bytes, once their head is seen to be an age file's and to end where it must. */
async function boundHead(sealed: Bytes): Promise<Bytes> {
  const source = sealed[Symbol.asyncIterator]();
  const pieces: Uint8Array[] = [];
  for (let length = 0; length < maxHead; ) {
    const piece = await source.next();
    if (piece.done) break;
    pieces.push(piece.value);
    length += piece.value.length;
  }
  const head = Buffer.concat(pieces).subarray(0, maxHead).toString("latin1");
  if (head.startsWith(firstLine) && head.includes("\n--- ")) return joined(pieces, source);
  await source.return?.();
  const begun = head.startsWith(firstLine) || firstLine.startsWith(head);
  throw begun && head.length < maxHead ? damaged("it ends in its head") : notABackup();
}

async function* joined(pieces: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): Bytes {
  yield* pieces;
  yield* { [Symbol.asyncIterator]: () => rest };
}

/**
 * A file that was read in one thread, for use in another: what can be copied between threads, and nothing that would have to be done
 * again.
 *
 * Invariants
 * - `unpack(pack(file))` is the same file to everybody who asks: bytes, digests, message, what it says, and which of its
 *   signatures are good by which key.
 * - The entries of a targets file do not travel: they are most of it, and who publishes looks at none. Whoever asks for one
 *   after all has it read from the bytes again.
 * - A verdict on a signature saves work and decides nothing: it holds for one key, and who counts with another verifies.
 */
import { hash } from "node:crypto";
import type { FormatRules } from "./format/format.ts";
import type { ListedKey } from "./keys.ts";
import type { Metadata, SignatureEntry, Signed, Targets } from "./model.ts";
import { recall, tryKeys, type Verdict } from "./threshold.ts";

type PackedTargets = Omit<Targets, "targetNames" | "target">;

export interface PackedFile {
  readonly role: string;
  readonly bytes: Uint8Array;
  readonly sha256: string;
  readonly sha512: string;
  /** Where in `bytes` it lies, or the message itself where the file was not canonical. */
  readonly message: readonly [start: number, end: number] | Uint8Array;
  readonly signatures: readonly SignatureEntry[];
  /** One for each signature, undefined where no key was at hand. */
  readonly verdicts: readonly (Verdict | undefined)[];
  readonly signed: Exclude<Signed, Targets> | PackedTargets;
}

/** @param known keys by ID that may have signed the file; its signatures by those are verified here */
export function pack(file: Metadata, known: ReadonlyMap<string, ListedKey>): PackedFile {
  const { role, bytes, sha256, message, signatures, signed } = file;
  const start = message.byteOffset - bytes.byteOffset;
  // Small buffers of any origin may share their memory.
  const isSlice = message.buffer === bytes.buffer && start >= 0 && start + message.length <= bytes.length;
  return {
    role,
    bytes,
    sha256,
    sha512: hash("sha512", bytes, "hex"),
    message: isSlice ? [start, start + message.length] : message,
    signatures,
    verdicts: tryKeys(file, known),
    signed: signed.kind === "targets" ? withoutEntries(signed) : signed,
  };
}

export function unpack(packed: PackedFile, format: Pick<FormatRules, "parse">): Metadata {
  const { role, sha256, sha512, message, signatures, signed, verdicts } = packed;
  const bytes = Buffer.from(packed.bytes.buffer, packed.bytes.byteOffset, packed.bytes.byteLength);
  const file: Metadata = {
    role,
    bytes,
    sha256,
    sha512,
    message: message instanceof Uint8Array ? message : bytes.subarray(...message),
    signatures,
    signed: signed.kind === "targets" ? withEntries(signed, () => format.parse(role, bytes)) : signed,
  };
  recall(file, verdicts);
  return file;
}

function withoutEntries({ kind, version, expires, size, delegations }: Targets): PackedTargets {
  return { kind, version, expires, size, delegations };
}

function withEntries(packed: PackedTargets, read: () => Metadata): Targets {
  let whole: Targets | undefined;
  const entries = () => {
    whole ??= read().signed as Targets;
    return whole;
  };
  return {
    ...packed,
    targetNames: () => entries().targetNames(),
    target: (name) => entries().target(name),
  };
}

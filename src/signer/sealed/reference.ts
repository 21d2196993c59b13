/**
 * A sealed key: the reference that the store keeps beside the public key.
 *
 * Layout: "VIDK" · version 1 · nonce · box. In the box, each with two bytes of length before it: repository,
 * role, algorithm, public key, private key (PKCS#8 DER). All but the last are compared with what the caller
 * asks for, so that a reference works in its own row only.
 */
import { Buffer } from "node:buffer";
import { SignerError } from "../../core/errors.ts";
import type { SigningKey } from "../signer.ts";
import { openBox, sealBox } from "./box.ts";

const header = Buffer.concat([Buffer.from("VIDK"), Buffer.from([1])]);
const maxField = 0xffff;
const fields = 5;
/** All five fields at their longest, with a little for header, nonce and tag. */
const maxReferenceLength = fields * (maxField + 2) + 64;

export type KeyIdentity = Omit<SigningKey, "reference">;

export function sealKey(identity: KeyIdentity, pkcs8: Uint8Array, dataKey: Uint8Array): Uint8Array {
  const content = encodeFields([...publicFields(identity), pkcs8]);
  const sealed = sealBox(header, content, dataKey);
  content.fill(0);
  return sealed;
}

/**
 * PKCS#8 DER, to be wiped after use. `SEALED_KEY_DAMAGED` if the reference was altered, is another row's, or
 * was sealed under another data key.
 */
export function openKey(key: SigningKey, dataKey: Uint8Array): Buffer {
  if (key.reference.length > maxReferenceLength) throw damaged();
  const content = openBox(header, key.reference, dataKey);
  if (content === undefined) throw damaged();
  try {
    const found = decodeFields(content);
    const same = publicFields(key).every((field, index) => found[index]?.equals(field) ?? false);
    const pkcs8 = found[fields - 1];
    if (found.length !== fields || !same || pkcs8 === undefined) throw damaged();
    return Buffer.from(pkcs8);
  } finally {
    content.fill(0);
  }
}

export function damaged(): SignerError {
  return new SignerError(
    "SEALED_KEY_DAMAGED",
    "An online key cannot be opened: it was altered, belongs elsewhere, or was sealed under another secret.",
  );
}

function publicFields(identity: KeyIdentity): readonly Uint8Array[] {
  const { repository, role, keytype, publicKey } = identity;
  return [Buffer.from(repository), Buffer.from(role), Buffer.from(keytype), publicKey];
}

function encodeFields(values: readonly Uint8Array[]): Buffer {
  const parts = values.flatMap((value) => {
    if (value.length > maxField) throw new RangeError("A field of a sealed key is too long.");
    const length = Buffer.alloc(2);
    length.writeUInt16BE(value.length);
    return [length, value];
  });
  return Buffer.concat(parts);
}

function decodeFields(content: Buffer): readonly Buffer[] {
  const values: Buffer[] = [];
  let rest = content;
  while (rest.length >= 2 && values.length < fields) {
    const end = 2 + rest.readUInt16BE(0);
    if (end > rest.length) throw damaged();
    values.push(rest.subarray(2, end));
    rest = rest.subarray(end);
  }
  if (rest.length !== 0) throw damaged();
  return values;
}

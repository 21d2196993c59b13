/** Reading the objects of a token in a session, with bounds on how many there are and how large. */
import * as ck from "./constants.ts";
import type { Attribute, Handle, Pkcs11 } from "./driver.ts";
import type { PublicObject } from "./messages.ts";

const mostObjects = 1_024;
const largestAttribute = 16_384;

/** What is shown without a PIN: public keys, then certificates. */
export function publicObjects(p: Pkcs11, session: Handle): readonly PublicObject[] {
  return [ck.CKO_PUBLIC_KEY, ck.CKO_CERTIFICATE].flatMap((kind) =>
    find(p, session, [{ type: ck.CKA_CLASS, value: kind }]).map((object) => {
      const keyType = attribute(p, session, object, ck.CKA_KEY_TYPE);
      const attributes = new Map<number, Uint8Array>();
      for (const type of publicAttributes) {
        const value = attribute(p, session, object, type);
        if (value !== undefined) attributes.set(type, value);
      }
      return {
        class: kind,
        label: text(attribute(p, session, object, ck.CKA_LABEL)),
        id: attribute(p, session, object, ck.CKA_ID) ?? new Uint8Array(),
        keyType: keyType && numberOf(keyType),
        attributes,
      };
    }),
  );
}

const publicAttributes = [
  ck.CKA_EC_PARAMS,
  ck.CKA_EC_POINT,
  ck.CKA_MODULUS,
  ck.CKA_PUBLIC_EXPONENT,
  ck.CKA_VALUE,
];

export function find(p: Pkcs11, session: Handle, template: readonly Attribute[]): readonly Handle[] {
  p.C_FindObjectsInit(session, template);
  const found: Handle[] = [];
  try {
    for (let more = p.C_FindObjects(session, 64); more.length > 0; more = p.C_FindObjects(session, 64)) {
      found.push(...more);
      if (found.length > mostObjects) throw new RangeError("more objects than a token has");
    }
  } finally {
    p.C_FindObjectsFinal(session);
  }
  return found;
}

/** One at a time: a token that lacks one refuses them all. Undefined for one that is not there, or larger than any key. */
export function attribute(p: Pkcs11, session: Handle, object: Handle, type: number): Buffer | undefined {
  try {
    const value = p.C_GetAttributeValue(session, object, [{ type }])[0]?.value;
    return value !== undefined && value.length <= largestAttribute ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A CK_ULONG, in the byte order of every machine that runs this. */
export function numberOf(bytes: Buffer): number {
  return bytes.length === 0 ? 0 : bytes.readUIntLE(0, Math.min(6, bytes.length));
}

export const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("utf8");
/** The fields of tokens are filled up with blanks. */
export const unpadded = (padded: string): string => padded.replace(/[\0 ]+$/, "");

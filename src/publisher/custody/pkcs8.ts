/**
 * PKCS#8 in the clear, to and from keys in memory; with the stock clients' own form of Ed25519
 * (notary-protocol.md 7.2), which no other program reads: a private OID, and the public key before the private one.
 */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { KeyError } from "./errors.ts";

/** Version 0, algorithm 1.3.6.1.4.1.11591.15.1, and the head of an octet string of 96 bytes. */
const stockHead = Buffer.from("3072020100300b06092b06010401da470f010460", "hex");
/** The same with NULL as the algorithm's parameters. */
const stockHeadWithNull = Buffer.from("3074020100300d06092b06010401da470f0105000460", "hex");
/** An Ed25519 PrivateKeyInfo up to its 32 bytes (RFC 8410, section 7). */
const standardHead = Buffer.from("302e020100300506032b657004220420", "hex");

/** Undefined if the bytes are not PKCS#8. What is given stays the caller's to wipe. */
export function readPkcs8(der: Buffer): KeyObject | undefined {
  const head = [stockHead, stockHeadWithNull].find((each) => der.subarray(0, each.length).equals(each));
  if (head !== undefined) return der.length === head.length + 96 ? readStock(der.subarray(-96)) : undefined;
  try {
    return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  } catch {
    return undefined;
  }
}

/** Public key, then private key, which is seed and public key again. */
function readStock(value: Buffer): KeyObject | undefined {
  const [listed, seed, repeated] = [value.subarray(0, 32), value.subarray(32, 64), value.subarray(64)];
  const der = Buffer.concat([standardHead, seed]);
  try {
    const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
    const made = publicBytes(key);
    return made.equals(listed) && made.equals(repeated) ? key : undefined;
  } finally {
    der.fill(0);
  }
}

/** Standard PKCS#8, to be wiped after use. */
export function writePkcs8(key: KeyObject): Buffer {
  return key.export({ format: "der", type: "pkcs8" });
}

/** PKCS#8 as the stock clients read it, to be wiped after use. */
export function writeStockPkcs8(key: KeyObject): Buffer {
  const der = writePkcs8(key);
  if (key.asymmetricKeyType !== "ed25519") return der;
  try {
    if (
      !der.subarray(0, standardHead.length).equals(standardHead) ||
      der.length !== standardHead.length + 32
    ) {
      throw new KeyError(
        "KEY_UNSUPPORTED",
        "This Ed25519 key is in a form that stock clients cannot be given.",
      );
    }
    const listed = publicBytes(key);
    return Buffer.concat([stockHead, listed, der.subarray(-32), listed]);
  } finally {
    der.fill(0);
  }
}

function publicBytes(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: "jwk" }).x as string, "base64url");
}

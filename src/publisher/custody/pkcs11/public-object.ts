/** Public keys out of the attributes that a token gives for them. Everything comes from outside. */
import { createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import * as ck from "./constants.ts";
import type { PublicObject } from "./messages.ts";

/** Undefined for what is no public key that can be read here. */
export function publicKeyOf(object: PublicObject): KeyObject | undefined {
  const attribute = (type: number) => Buffer.from(object.attributes.get(type) ?? []);
  try {
    if (object.class === ck.CKO_CERTIFICATE) return new X509Certificate(attribute(ck.CKA_VALUE)).publicKey;
    switch (object.keyType) {
      case ck.CKK_RSA: {
        const [n, e] = [attribute(ck.CKA_MODULUS), attribute(ck.CKA_PUBLIC_EXPONENT)];
        return jwk({ kty: "RSA", n: n.toString("base64url"), e: e.toString("base64url") });
      }
      case ck.CKK_EC:
        return ecKey(curves.get(attribute(ck.CKA_EC_PARAMS).toString("hex")), attribute(ck.CKA_EC_POINT));
      case ck.CKK_EC_EDWARDS: {
        if (!ed25519.has(attribute(ck.CKA_EC_PARAMS).toString("hex"))) return undefined;
        const point = attribute(ck.CKA_EC_POINT);
        const x = point.length === 32 ? point : octets(point);
        return jwk({ kty: "OKP", crv: "Ed25519", x: x.toString("base64url") });
      }
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

/** CKA_EC_PARAMS as the DER of the curve's name. */
const curves = new Map([
  ["06082a8648ce3d030107", { crv: "P-256", size: 32 }],
  ["06052b81040022", { crv: "P-384", size: 48 }],
  ["06052b81040023", { crv: "P-521", size: 66 }],
]);

/** The name as an object identifier (RFC 8410), or as the printable text of PKCS#11 2.40. */
const ed25519 = new Set(["06032b6570", `130c${Buffer.from("edwards25519").toString("hex")}`]);

function ecKey(curve: { crv: string; size: number } | undefined, value: Buffer): KeyObject | undefined {
  if (curve === undefined) return undefined;
  const { crv, size } = curve;
  // An OCTET STRING, as the standard says; some modules give the bare point.
  const point = value.length === 1 + 2 * size ? value : octets(value);
  if (point.length !== 1 + 2 * size || point[0] !== 4) return undefined;
  const [x, y] = [point.subarray(1, 1 + size), point.subarray(1 + size)];
  return jwk({ kty: "EC", crv, x: x.toString("base64url"), y: y.toString("base64url") });
}

/** The content of an OCTET STRING that is all there is. */
function octets(der: Buffer): Buffer {
  const from = der[1] === 0x81 ? 3 : 2;
  const length = der[from - 1];
  if (der[0] !== 4 || length !== der.length - from) throw new RangeError("not an octet string");
  return der.subarray(from);
}

function jwk(key: { [name: string]: string }): KeyObject {
  return createPublicKey({ key, format: "jwk" });
}

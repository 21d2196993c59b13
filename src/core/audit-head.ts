/**
 * Signed heads of the audit trail: how far it had got, as its server said at an instant. Whoever keeps one can prove later
 * that the trail still begins with what it was then.
 *
 * A head is one line of JSON: what is signed, the key, the signature. Its `_type` is that of no metadata.
 */
import { startOfTrail } from "./audit-chain.ts";
import { decodeBase64, isHex } from "./bytes.ts";
import { canonicalBytes, canonicalText } from "./canonical.ts";
import { MalformedError, UnauthenticError } from "./errors.ts";
import { isObject, member, parseJson } from "./json.ts";
import { notaryKeyId, openKey } from "./keys.ts";
import { verifySignature } from "./schemes.ts";

export interface TrailHead {
  /** Entries; 0 and 64 zeros: the trail was empty. */
  readonly number: number;
  readonly hash: string;
  /** When it was signed. */
  readonly at: number;
}

export interface SignedHead extends TrailHead {
  readonly keytype: string;
  /** Base64. */
  readonly publicKey: string;
  readonly signature: Uint8Array;
}

/** The bytes that are signed. */
export function headMessage({ number, hash, at }: TrailHead): Buffer {
  return canonicalBytes(statement({ number, hash, at }));
}

function statement({ number, hash, at }: TrailHead) {
  return { _type: "AuditHead", at, hash, number };
}

/** One line, without its end. */
export function headLine(head: SignedHead): string {
  const { keytype, publicKey, signature } = head;
  return canonicalText({
    head: statement(head),
    key: { keytype, public: publicKey },
    sig: Buffer.from(signature).toString("base64"),
  });
}

/** ID of the key, as metadata would list it. */
export function headKeyId({ keytype, publicKey }: Pick<SignedHead, "keytype" | "publicKey">): string {
  return notaryKeyId(keytype, publicKey);
}

/** A line of a file of heads whose signature is that of its key. Throws `BAD_SHAPE`, `BAD_SIGNATURE`, and what `parseJson` throws. */
export function readHead(line: string): SignedHead {
  const { value } = parseJson(Buffer.from(line, "utf8"), { controlCharacters: false });
  const [head, key, sig] = ["head", "key", "sig"].map((name) =>
    isObject(value) ? member(value, name) : undefined,
  );
  if (!isObject(head) || !isObject(key)) throw unreadable();
  const [number, hash, at] = [member(head, "number"), member(head, "hash"), member(head, "at")];
  const [keytype, publicKey] = [member(key, "keytype"), member(key, "public")];
  if (typeof keytype !== "string" || typeof publicKey !== "string" || typeof sig !== "string")
    throw unreadable();
  if (typeof number !== "number" || typeof hash !== "string" || typeof at !== "number") throw unreadable();
  if (number < 0 || !isHex(hash, 32) || (number === 0 && hash !== startOfTrail)) throw unreadable();
  const signed = { number, hash, at, keytype, publicKey, signature: decodeBase64(sig, "signature") };
  if (!isSigned(signed)) {
    throw new UnauthenticError(
      "BAD_SIGNATURE",
      "The head of the audit trail does not verify with its key: take one as the server sent it.",
    );
  }
  return signed;
}

export function isSigned(head: SignedHead): boolean {
  const { keytype, publicKey, signature } = head;
  const key = openKey({ id: headKeyId(head), keytype, public: publicKey });
  if (key === undefined) return false;
  return verifySignature(key.kind, key.key, methods.get(keytype) ?? "", headMessage(head), signature);
}

const methods = new Map([
  ["ecdsa", "ecdsa"],
  ["ed25519", "eddsa"],
]);

function unreadable(): MalformedError {
  return new MalformedError(
    "BAD_SHAPE",
    "Give a line as the server sent it: a signed head of its audit trail.",
  );
}

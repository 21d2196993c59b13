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
import { isObject, type Json, type JsonObject, member, parseJson } from "./json.ts";
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

/**
 * A head whose signature is that of its key, as whoever keeps heads has it: a line of the file of heads, a line of the server's log
 * with whatever a collector wrote before it, the body of a webhook. Throws `BAD_SHAPE`, `BAD_SIGNATURE`, and what `parseJson` throws.
 */
export function readHead(text: string): SignedHead {
  const value = parsed(text);
  return signedHead(isObject(value) && member(value, "head") === undefined ? parsed(lineIn(value)) : value);
}

/** From the first brace on: a log in words has names before it, a collector its own. */
function parsed(text: string): Json {
  const begin = Math.max(0, text.indexOf("{"));
  return parseJson(Buffer.from(text.slice(begin), "utf8"), { controlCharacters: false }).value;
}

/** The line of an announcement, or of what it says. */
function lineIn(announcement: JsonObject): string {
  const data = member(announcement, "data");
  const line = member(isObject(data) ? data : announcement, "line");
  if (typeof line !== "string") throw unreadable();
  return line;
}

function signedHead(value: Json): SignedHead {
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
    "Give a signed head of the audit trail as the server sent it: a line of its log or file, or a webhook's body.",
  );
}

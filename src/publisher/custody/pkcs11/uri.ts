/**
 * Which keys of which tokens are meant, and its text form: a `pkcs11:` URI (RFC 7512).
 *
 * A PIN never stands in a URI: what is an argument is seen by everybody on the machine (`pin-value`), and where it comes from
 * is said once for all keys (`pin-source`). What is not known here is refused, so that a URI never means more than it says.
 */
import { KeyError } from "../errors.ts";

/** What is undefined is left open. */
export interface TokenSelection {
  /** Path of the module, the vendor's shared library. */
  readonly module?: string | undefined;
  /** What `C_GetTokenInfo` says, without the blanks at its end. */
  readonly token?: string | undefined;
  readonly serial?: string | undefined;
  readonly manufacturer?: string | undefined;
  readonly model?: string | undefined;
  /** The number of the slot, which changes more easily than what is in it. */
  readonly slotId?: number | undefined;
  /** CKA_LABEL of the key. */
  readonly object?: string | undefined;
  /** CKA_ID of the key. */
  readonly id?: Uint8Array | undefined;
}

const texts = new Map<string, keyof TokenSelection>([
  ["token", "token"],
  ["serial", "serial"],
  ["manufacturer", "manufacturer"],
  ["model", "model"],
  ["object", "object"],
  ["module-path", "module"],
]);
const inQuery: readonly string[] = ["module-path", "pin-value", "pin-source"];
const longest = 4_096;

/** Throws `TOKEN_UNREADABLE`. */
export function readTokenUri(uri: string): TokenSelection {
  if (!/^pkcs11:/i.test(uri) || uri.length > longest) throw refused("does not begin with `pkcs11:`");
  const [path = "", query = "", ...more] = uri.slice("pkcs11:".length).split("?");
  if (more.length > 0) throw refused("has two question marks; write the second one as `%3F`");
  const read: Record<string, unknown> = {};
  const seen = new Set<string>();
  for (const part of [...parts(path, ";"), ...parts(query, "&")]) {
    const at = part.indexOf("=");
    const name = part.slice(0, Math.max(0, at));
    if (seen.has(name)) throw refused(`says \`${name}\` twice`);
    seen.add(name);
    if (inQuery.includes(name) !== parts(query, "&").includes(part)) {
      throw refused("has an attribute on the wrong side of its question mark");
    }
    const bytes = decoded(part.slice(at + 1));
    const text = texts.get(name);
    if (text !== undefined) read[text] = utf8(bytes);
    else if (name === "id") read.id = bytes;
    else if (name === "slot-id") read.slotId = slotNumber(utf8(bytes));
    else if (name === "type") checkType(utf8(bytes));
    else if (name.startsWith("pin-")) {
      throw refused(
        "says a PIN or where it is; leave it out, and give the PIN when it is asked for or in a file",
      );
    } else
      throw refused("has an attribute that is not known here; use `token`, `object`, `id` and their like");
  }
  return read;
}

function parts(text: string, separator: string): readonly string[] {
  return text === "" ? [] : text.split(separator);
}

function decoded(text: string): Buffer {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0x25) {
      const digits = text.slice(i + 1, i + 3);
      if (!/^[0-9a-f]{2}$/i.test(digits)) throw refused("has a `%` without two hex digits behind it");
      bytes.push(Number.parseInt(digits, 16));
      i += 2;
    } else if (unit > 0x20 && unit < 0x7f) bytes.push(unit);
    else throw refused("has a blank or a character beyond ASCII; write it as `%` and its hex digits");
  }
  return Buffer.from(bytes);
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function utf8(bytes: Buffer): string {
  try {
    return strict.decode(bytes);
  } catch {
    throw refused("has bytes that are not UTF-8");
  }
}

function slotNumber(text: string): number {
  const slot = Number(text);
  if (!/^\d{1,15}$/.test(text)) throw refused("has a `slot-id` that is not a number");
  return slot;
}

function checkType(type: string): void {
  if (type !== "private" && type !== "public") throw refused("means no key; leave `type` out");
}

function refused(what: string): KeyError {
  return new KeyError("TOKEN_UNREADABLE", `The PKCS#11 URI ${what}.`);
}

/**
 * Signatures of the Standard Webhooks specification 1.0.0: HMAC-SHA-256 over ID, time and body, so that a receiver knows
 * who sent it and that it is no repetition of something old.
 *
 * A secret is `whsec_` and 24 to 64 bytes in Base64. Several, with spaces between them, sign each: to change one, the
 * new one is added, receivers move over, and the old one goes.
 */
import { createHmac } from "node:crypto";

const prefix = "whsec_";

/** Undefined: that is no secret of a webhook. */
export function signingKeys(text: string): readonly Buffer[] | undefined {
  const words = text.trim().split(/\s+/);
  const keys = words.map((word) => {
    const base64 = word.startsWith(prefix) ? word.slice(prefix.length) : "";
    const key = Buffer.from(base64, "base64");
    const isWhole = key.toString("base64").replace(/=+$/, "") === base64.replace(/=+$/, "");
    return isWhole && key.length >= 24 && key.length <= 64 ? key : undefined;
  });
  return keys.every((key) => key !== undefined) && keys.length <= 8 ? keys : undefined;
}

/** The header `webhook-signature`. `seconds`: since 1970. */
export function webhookSignature(
  keys: readonly Buffer[],
  { id, seconds, body }: { readonly id: string; readonly seconds: number; readonly body: string },
): string {
  return keys
    .map((key) => `v1,${createHmac("sha256", key).update(`${id}.${seconds}.${body}`).digest("base64")}`)
    .join(" ");
}

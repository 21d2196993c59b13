/** `@vidimus/client/list`: locks a plain list of references, one a line. docs/client.md says what is read. */
import { type LockedText, type LockTextOptions, lockText } from "./locking/text.ts";

export * from "./locking-api.ts";

/** Every image verified, then the text with digests. Throws `LockRefused`, or `TrustError` for a text that cannot be read. */
export function lockList(text: string, options: LockTextOptions): Promise<LockedText> {
  return lockText("list", text, options);
}

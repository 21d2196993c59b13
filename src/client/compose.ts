/** `@vidimus/client/compose`: locks a Compose file. docs/client.md says what is read. */
import { type LockedText, type LockTextOptions, lockText } from "./locking/text.ts";

export * from "./locking-api.ts";

/** Every image verified, then the text with digests. Throws `LockRefused`, or `TrustError` for a text that cannot be read. */
export function lockCompose(text: string, options: LockTextOptions): Promise<LockedText> {
  return lockText("compose", text, options);
}

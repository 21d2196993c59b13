/** `@vidimus/client/linuxkit`: locks a LinuxKit yaml; the `trust` block goes. docs/client.md says what is read. */
import { type LockedText, type LockTextOptions, lockText } from "./locking/text.ts";

export * from "./locking-api.ts";

/** Every image verified, then the text with digests. Throws `LockRefused`, or `TrustError` for a text that cannot be read. */
export function lockLinuxKit(text: string, options: LockTextOptions): Promise<LockedText> {
  return lockText("linuxkit", text, options);
}

/** The trust that a command sends by, or asks a server about more than files. */

import { openTrust, type Trust } from "../trust.ts";
import type { ClientContext } from "./context.ts";
import { refuseOtherServer, type TrustFlags, trustOptions } from "./flags.ts";

/**
 * Whoever names a server means it, by the flag or VIDIMUS_SERVER: where the policy leads to another one, nothing is sent there and nothing asked. Closed by whoever
 * opens it.
 */
export async function openSending(flags: TrustFlags, context: ClientContext): Promise<Trust> {
  const trust = await openTrust(trustOptions(flags, context));
  holdToNamed(trust, flags, context);
  return trust;
}

export function holdToNamed(trust: Trust, flags: TrustFlags, context: ClientContext): void {
  trust.checkSenders((origin) => refuseOtherServer(flags, context, origin));
}

/**
 * Whether who was let in may still go on, when the body of a request has come or a wait is over: both can take their time, and
 * from the moment a token is revoked nothing is done by it.
 */
import type { IncomingMessage } from "node:http";

type Confirm = () => Promise<void>;
const confirmations = new WeakMap<IncomingMessage, Confirm>();

/** `confirm`: rejects if who was let in may go on no more. */
export function letIn(request: IncomingMessage, confirm: Confirm): void {
  confirmations.set(request, confirm);
}

/** Rejects as that does; resolves at once for requests of which nothing was said. */
export async function isStillLetIn(request: IncomingMessage): Promise<void> {
  await confirmations.get(request)?.();
}

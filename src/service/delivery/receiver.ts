/** Whoever hears announcements. */
import type { Delivery } from "../../store/contract/outbox.ts";

export type Told = Pick<Delivery, "id" | "type" | "subject" | "at" | "data">;

/** `gone`: this receiver wants nothing of it, now or later. `why`: for the log; short, without secrets. */
export type Outcome = { readonly kind: "heard" } | { readonly kind: "failed" | "gone"; readonly why: string };

export interface Receiver {
  /** The same across restarts, for deliveries wait under it: at most 200 characters, fit for the log. */
  readonly name: string;
  /** Resolves within a bounded time. Never rejects. */
  tell(told: Told): Promise<Outcome>;
}

/** A server in the comparison, whatever program it is. */
import type { TrustServer } from "../../test/interop/support/trust-server.ts";

export type Competitor = Pick<TrustServer, "url" | "ca" | "pids" | "stop"> & { readonly name: string };

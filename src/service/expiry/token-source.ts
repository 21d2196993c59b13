/**
 * Tokens of machines as things that end: by name and owner. What they are is nowhere, and their digests stay in the store.
 *
 * One that was revoked has ended as somebody wanted. One that is over for a month is nobody's concern: tokens of short jobs are
 * made anew each time, and the old ones lie there until their room is needed.
 */
import type { AccessStore } from "../../store/contract/access.ts";
import type { Clock } from "../clock.ts";
import type { Expiry } from "./expiry-service.ts";
import { toldAfterwards } from "./stages.ts";
import type { ExpirySource } from "./watch.ts";

const page = 1_000;

export function tokenSource(store: Pick<AccessStore, "machineTokens">, clock: Clock): ExpirySource {
  return {
    async expiries(before) {
      const oldest = clock.now() - toldAfterwards;
      const found: Expiry[] = [];
      for (let after = ""; ; ) {
        const tokens = await store.machineTokens({ after, limit: page });
        for (const { name, owner, expiresAt, revokedAt } of tokens) {
          if (revokedAt !== undefined || expiresAt < oldest || expiresAt >= before) continue;
          const place = { repository: "", role: "", keyId: "" };
          const token = { ...place, kind: "machine_token", name, expires: expiresAt } as const;
          found.push(owner === "" ? token : { ...token, owner });
        }
        const last = tokens.at(-1);
        if (last === undefined || tokens.length < page) return found;
        after = last.name;
      }
    },
  };
}

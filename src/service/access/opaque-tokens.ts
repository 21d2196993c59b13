/**
 * Tokens of machines and of the operator, as every request may bring them.
 *
 * A token of a machine is worth nothing once it is revoked, has expired, or its owner is disabled: the store is asked each
 * time. The operator's token is made anew at each start and counts from this machine only: whoever can read it owns the data
 * directory.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { type AccessStore, endOf, type MachineToken } from "../../store/contract/access.ts";
import { decide, type GrantedAction } from "./evaluate.ts";
import type { OpaqueGrant, OpaqueTokens } from "./opaque.ts";
import { opaqueDigest, operatorPrefix } from "./opaque-token.ts";

export interface OpaqueSources {
  readonly store: Pick<AccessStore, "user" | "machineToken">;
  /** The text that counts now; undefined: none does. */
  readonly operatorToken: () => string | undefined;
  readonly now: () => number;
}

export function createOpaqueTokens({ store, operatorToken, now }: OpaqueSources): OpaqueTokens {
  return {
    async check(text, address) {
      // Its file is read for nobody else: whoever floods with other texts costs no look at the disk.
      const operator = text.startsWith(operatorPrefix) ? operatorToken() : undefined;
      if (operator !== undefined && isEqual(text, operator))
        return isNearby(address) ? ofOperator(address) : undefined;
      const token = await findMachineToken(store, text, now());
      return token && ofMachine(token, address);
    },
  };
}

/** The token of this text, if it counts. */
export async function findMachineToken(
  store: OpaqueSources["store"],
  text: string,
  at: number,
): Promise<MachineToken | undefined> {
  const digest = opaqueDigest("machine", text);
  const token = digest === undefined ? undefined : await store.machineToken(digest);
  return token !== undefined && (await isCounting(store, token, at)) ? token : undefined;
}

/** Whether a machine's token counts: it has not ended, and nobody whom it was made for is disabled. `at`: milliseconds. */
export async function isCounting(
  store: Pick<AccessStore, "user">,
  token: MachineToken,
  at: number,
): Promise<boolean> {
  if (endOf(token) <= at) return false;
  return token.owner === "" || (await store.user(token.owner))?.disabled !== true;
}

function ofMachine({ name, scopes, expiresAt }: MachineToken, address: string): OpaqueGrant {
  return {
    principal: { name, method: "machine", address },
    may: (action: GrantedAction, repository?: string) => decide(scopes, action, repository).allowed,
    expiresAt,
  };
}

function ofOperator(address: string): OpaqueGrant {
  return {
    principal: { name: "operator", method: "operator", address },
    may: () => true,
    expiresAt: Number.POSITIVE_INFINITY,
  };
}

function isEqual(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** Of a Unix socket nothing is known, and its file's mode says who may. */
function isNearby(address: string): boolean {
  return address === "" || address === "::1" || /^(?:::ffff:)?127\./.test(address);
}

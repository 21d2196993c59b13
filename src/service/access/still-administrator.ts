/**
 * Whether somebody whose token says so is an administrator still. Tokens live a few minutes, and in that time whoever was one could
 * give themselves everything back; so what administers is asked of the store each time.
 *
 * A job of a CI system is what its claim rules made it, for as long as its token lives: of it there is nothing in the store.
 */
import type { AccessStore } from "../../store/contract/access.ts";
import type { Principal } from "../principal.ts";
import { decide, isOidcName } from "./evaluate.ts";
import { isCounting } from "./opaque-tokens.ts";

type Asked = Pick<AccessStore, "user" | "permissionsOf" | "machineTokenNamed">;

/** `at`: milliseconds. */
export async function isStillAdministrator(
  store: Asked,
  { name, method }: Pick<Principal, "name" | "method">,
  at: number,
): Promise<boolean> {
  switch (method) {
    case "machine": {
      const token = await store.machineTokenNamed(name);
      if (token === undefined || !(await isCounting(store, token, at))) return false;
      return decide(token.scopes, "admin", undefined).allowed;
    }
    case "password":
      return await isPerson(store, name);
    case "oidc":
      return !isOidcName(name) || (await isPerson(store, name));
    case "none":
      return decide(await store.permissionsOf(undefined), "admin", undefined).allowed;
    default:
      return true;
  }
}

async function isPerson(store: Asked, name: string): Promise<boolean> {
  if ((await store.user(name))?.disabled === true) return false;
  return decide(await store.permissionsOf(name), "admin", undefined).allowed;
}

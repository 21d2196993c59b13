/**
 * Whether somebody whose token says so is an administrator still. Tokens live a few minutes, and in that time whoever was one could
 * give themselves everything back; so what administers is asked of the store each time.
 *
 * A job of a CI system is what its claim rules made it, for as long as its token lives: of it there is nothing in the store.
 */
import { type AccessStore, endOf, type MachineToken } from "../../store/contract/access.ts";
import type { Principal } from "../principal.ts";
import { decide, isOidcName } from "./evaluate.ts";

type Asked = Pick<AccessStore, "user" | "permissionsOf" | "machineTokens">;

const page = 1_000;

/** `at`: milliseconds. */
export async function isStillAdministrator(
  store: Asked,
  { name, method }: Pick<Principal, "name" | "method">,
  at: number,
): Promise<boolean> {
  switch (method) {
    case "machine": {
      const token = await machineNamed(store, name);
      if (token === undefined || endOf(token) <= at) return false;
      const owner = token.owner === "" ? undefined : await store.user(token.owner);
      return owner?.disabled !== true && decide(token.scopes, "admin", undefined).allowed;
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

async function machineNamed(store: Asked, name: string): Promise<MachineToken | undefined> {
  for (let after: string | undefined; ; ) {
    const found = await store.machineTokens({ limit: page, ...(after !== undefined && { after }) });
    const token = found.find((each) => each.name === name);
    if (token !== undefined || found.length < page) return token;
    after = found.at(-1)?.name;
  }
}

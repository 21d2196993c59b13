/**
 * The private halves of the keys in keys-example/ are public. Whoever lists one in a root or a delegation lets anybody
 * sign, so such a publication is refused, unless this server is there for demonstrations only.
 */
import { type ListedKey, openKey } from "../../core/keys.ts";
import type { Root, Targets } from "../../core/model.ts";
import type { Finding, Policy } from "../policy.ts";

/** Materials (`core/keys.ts`) of all files of keys-example/. */
export const exampleMaterials: ReadonlySet<string> = new Set([
  // THROW-AWAY-root.pem
  "e4af5c1f75e2b0ff4ace8aa9afcb95155abb25b82a29b1049791bbbb26b727c0",
  // THROW-AWAY-targets-1.pem
  "13f7fb40f9fb3064e3821c9df3585256889d4c5e6ce6be19a9ee4fb0ce0dcce5",
  // THROW-AWAY-targets-2.pem
  "4cb234f92ff683d3cdb3c3cd97d53bf6928c2df4929733ff140799d82f2b7eca",
  // THROW-AWAY-delegation-1.pem
  "0a302e0810b74fe5961b5efc3d23fd9acc792b2d5940f415e427a63fddfc2a46",
  // THROW-AWAY-delegation-2.pem
  "d6ca1d26b83e9b2280127a67d47f2f6e1fcf1df79bf6732fe5eddb8e25d345a8",
]);

export function exampleKeysOfRoot(root: Root, policy: Policy): Finding[] {
  return [...root.roles].flatMap(([role, { keys }]) => findings(role, "root", keys.values(), policy));
}

export function exampleKeysOfDelegations(parent: string, targets: Targets, policy: Policy): Finding[] {
  return targets.delegations.flatMap(({ role, keys }) => findings(role, parent, keys.values(), policy));
}

/** At most one finding a role: `file` is what has to be changed. */
function findings(role: string, file: string, keys: Iterable<ListedKey>, policy: Policy): Finding[] {
  const known = [...keys].some((key) => exampleMaterials.has(openKey(key)?.material ?? ""));
  if (!known) return [];
  const sentence = `${role} lists a key of keys-example, whose private half everybody has.`;
  const fix = "Give it a key of your own.";
  const severity = policy.allowExampleKeys ? "warn" : "refuse";
  return [{ code: "EXAMPLE_KEY", severity, sentence, fix, role: file }];
}

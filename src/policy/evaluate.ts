/** All findings of all rules on what a publication would make current. Never throws, never signs. */
import type { Metadata } from "../core/model.ts";
import type { Finding, Policy } from "./policy.ts";
import { exampleKeysOfDelegations, exampleKeysOfRoot } from "./rules/example-keys.ts";
import { keySeparation } from "./rules/key-separation.ts";
import { unreachableDelegation } from "./rules/unreachable-delegation.ts";

export function evaluate(files: readonly Metadata[], policy: Policy): Finding[] {
  return files.flatMap(({ role, signed }) => {
    switch (signed.kind) {
      case "root":
        return [...keySeparation(signed, policy), ...exampleKeysOfRoot(signed, policy)];
      case "targets":
        return [...unreachableDelegation(role, signed), ...exampleKeysOfDelegations(role, signed, policy)];
      default:
        return [];
    }
  });
}

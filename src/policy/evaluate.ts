/** All findings of all rules on what a publication would make current. Never throws, never signs. */
import type { Metadata } from "../core/model.ts";
import type { Finding, Policy } from "./policy.ts";
import { keySeparation } from "./rules/key-separation.ts";
import { unreachableDelegation } from "./rules/unreachable-delegation.ts";

export function evaluate(files: readonly Metadata[], policy: Policy): Finding[] {
  return files.flatMap(({ role, signed }) => {
    switch (signed.kind) {
      case "root":
        return keySeparation(signed, policy);
      case "targets":
        return unreachableDelegation(role, signed);
      default:
        return [];
    }
  });
}

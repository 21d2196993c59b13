/**
 * No role is given a key whose signatures would not count: of an algorithm or a size that the policy does not allow. The
 * keys of snapshot and timestamp are held to it like those of people, because readers with the same policy do.
 */
import { openKey } from "../../core/keys.ts";
import type { RoleKeys } from "../../core/model.ts";
import type { Finding } from "../policy.ts";
import type { Publication, Ruling } from "../publication.ts";
import { algorithmName, isAllowed } from "./signers.ts";

export function keyAlgorithms({ files }: Publication, { rule }: Ruling): Finding[] {
  const { algorithms } = rule;
  if (algorithms === undefined) return [];
  const allowed = [...algorithms].join(", ");
  return files.flatMap(({ role: by, signed }): Finding[] => {
    const lists: readonly (readonly [string, RoleKeys])[] =
      signed.kind === "root"
        ? [...signed.roles]
        : signed.kind === "targets"
          ? signed.delegations.map((delegation) => [delegation.role, delegation])
          : [];
    return lists.flatMap(([role, { keys }]): Finding[] => {
      const others = [...keys.values()]
        .map(openKey)
        .filter((key) => key !== undefined && !isAllowed(key, algorithms));
      if (others.length === 0) return [];
      const names = [...new Set(others.map((key) => (key === undefined ? "" : algorithmName(key))))].sort();
      return [
        {
          code: "ALGORITHM_NOT_ALLOWED",
          severity: "refuse",
          role: by,
          sentence: `${by} gives ${role} ${others.length === 1 ? "a key" : `${others.length} keys`} of ${names.join(", ")}; the policy allows ${allowed}.`,
          fix: isOnline(role)
            ? `Rotate the key of ${role}; if the server made it, its operator first sets signer.algorithm to one that is allowed.`
            : `Whoever signs ${by} gives ${role} a key of an algorithm that is allowed.`,
          detail: { of: role, algorithms: names },
        },
      ];
    });
  });
}

function isOnline(role: string): boolean {
  return role === "snapshot" || role === "timestamp";
}

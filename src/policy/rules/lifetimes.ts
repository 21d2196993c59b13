/** What people sign does not live longer than the policy allows, counted from the instant of publishing. */
import { demandsOf } from "../demands.ts";
import type { Finding } from "../policy.ts";
import type { Publication, Ruling } from "../publication.ts";
import { livesTooLong } from "./ages.ts";

export function lifetimes({ files, at }: Publication, { rule }: Ruling): Finding[] {
  return files.flatMap(({ role, signed }): Finding[] => {
    const why = livesTooLong(signed, demandsOf(rule, role)?.maxLifetime, at);
    if (why === undefined) return [];
    return [
      {
        code: "LIFETIME",
        severity: "refuse",
        role,
        sentence: `${role} ${why}`,
        fix: `Sign ${role} again with an earlier expiry.`,
      },
    ];
  });
}

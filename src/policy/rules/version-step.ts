/**
 * Versions rise step by step, so that nobody who holds a key for a moment can use them up. The core bounds a step for
 * everybody; this bounds it further. A first file counts from version 1: stock clients sign that when they make a
 * repository, and publish the next.
 */
import type { Finding } from "../policy.ts";
import type { Publication, Ruling } from "../publication.ts";

export function versionStep({ files, current }: Publication, { rule }: Ruling): Finding[] {
  const most = rule.maxVersionStep;
  if (most === undefined) return [];
  return files.flatMap(({ role, signed: { version } }): Finding[] => {
    const before = Math.max(current.versions.get(role) ?? 1, 1);
    if (version - before <= most) return [];
    return [
      {
        code: "POLICY_VERSION_STEP",
        severity: "refuse",
        role,
        sentence: `${role} goes from version ${before} to ${version}; the policy allows a step of ${most}.`,
        fix: `Sign ${role} again as version ${before + 1}.`,
        detail: { before, version, most },
      },
    ];
  });
}

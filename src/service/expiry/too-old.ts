/** What is said of a file with targets that were signed longer ago than the policy allows. Pure. */
import { hash } from "node:crypto";
import type { Announcement } from "../announce.ts";
import type { TargetsTimes } from "./repository-times.ts";

/** `seen`: since when the oldest of its targets without a date has been there. Once for each version of a file. */
export function signatureAnnouncement(
  repository: string,
  { role, version, sha256, dated, undated, oldestSigned }: TargetsTimes,
  seen: { readonly at: number; readonly orOlder: boolean } | undefined,
  maxAgeDays: number,
  at: number,
): Announcement {
  const about = JSON.stringify([repository, role, version, sha256, maxAgeDays]);
  const instant = (each: number) => new Date(each).toISOString();
  return {
    id: `signature-${hash("sha256", about, "hex").slice(0, 40)}`,
    type: "dev.vidimus.signature.old",
    subject: repository,
    at,
    data: {
      repository,
      role,
      version,
      maxAgeDays: Math.round(maxAgeDays * 10) / 10,
      ...(oldestSigned !== undefined && { dated, oldestSigned: instant(oldestSigned) }),
      ...(seen !== undefined && { undated, firstSeen: instant(seen.at), orOlder: seen.orOlder }),
    },
  };
}

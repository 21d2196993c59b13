/** When something that nears its end is announced: once at each of a few distances. Pure. */
import { hash } from "node:crypto";
import type { Announcement } from "../announce.ts";
import type { Expiry } from "./expiry-service.ts";

const day = 86_400_000;
/** What was over for longer than that when it was first seen is not told any more: everybody knows. */
export const toldAfterwards = 30 * day;

/** 0: it is over. Undefined: it is not near, or has been over for long. `days`: in no order. */
export function stageOf(expires: number, at: number, days: readonly number[]): number | undefined {
  const left = expires - at;
  if (left <= 0) return left > -toldAfterwards ? 0 : undefined;
  const reached = days.filter((each) => left <= each * day);
  return reached.length === 0 ? undefined : Math.min(...reached);
}

/**
 * What is said at a stage. The same end at the same stage has the same ID, whoever makes it and whenever; a later end has
 * others, so that what was renewed is announced again in its time.
 */
export function expiryAnnouncement(expiry: Expiry, stage: number, at: number): Announcement {
  const { kind, repository, role, name, keyId, owner, expires } = expiry;
  const about = JSON.stringify([kind, repository, role, name, keyId, expires, stage]);
  return {
    id: `expiry-${hash("sha256", about, "hex").slice(0, 40)}`,
    type: stage === 0 ? "dev.vidimus.expiry.passed" : "dev.vidimus.expiry.approaching",
    subject: repository === "" ? kind : repository,
    at,
    data: {
      kind,
      expires: new Date(expires).toISOString(),
      ...(stage > 0 && { days: stage }),
      ...(repository !== "" && { repository }),
      ...(role !== "" && { role }),
      ...(name !== "" && { name }),
      ...(keyId !== "" && { keyId }),
      ...(owner !== undefined && { owner }),
    },
  };
}

/** Which keys may sign and have not. */
import { setImmediate } from "node:timers/promises";
import { instantOrNull } from "../../history/answer.ts";
import type { Row } from "../../history/past.ts";
import { signedVersion } from "../../history/signatures.ts";
import type { AuditRequest } from "./audit-service.ts";
import { day, given, type Part, useLines, usesIn, versionsAtOnce } from "./questions.ts";
import type { PastReader } from "./reader.ts";

/** Versions of one role, of the days that are asked about, that are looked through. */
const mostWithin = 10_000;

/**
 * Keys that may sign an offline role at the instant and have signed nothing in it for so many days. All versions of these days are
 * looked at, or the newest `most`, and the newest 200 in any case, for a last signature before these days. `lookedBackTo` marks that
 * there are others. `since` is when the key began to count, as for `keys`.
 */
export async function silentIn(
  reader: PastReader,
  request: AuditRequest,
  at: number,
  most = mostWithin,
): Promise<Part> {
  const { past } = reader;
  const since = at - given(request.days, "days") * day;
  const uses = (await usesIn(reader, at)).filter(({ role }) => role !== "snapshot" && role !== "timestamp");
  const looks = new Map<string, LastSigned>();
  for (const role of new Set(uses.map((use) => use.role))) {
    const keys = uses.filter((use) => use.role === role).map(({ key }) => key);
    const rows = (past.rows.get(role) ?? []).filter(({ storedAt }) => storedAt <= at).toReversed();
    const within = rows.filter(({ storedAt }) => storedAt >= since).length;
    const count = Math.max(versionsAtOnce, Math.min(within, most));
    looks.set(role, await lastSigned(reader, rows, new Set(keys), count));
  }
  const silent = uses.flatMap((use) => {
    const look = looks.get(use.role);
    const signed = look?.byKey.get(use.key);
    if (signed !== undefined && signed >= since) return [];
    return [{ use, signed, lookedBackTo: signed === undefined ? look?.until : undefined }];
  });
  const inOrder = silent.map(({ use }) => use);
  const listed = await useLines(reader, inOrder, at);
  return {
    lines: silent.map(({ use: { key, repository, role, threshold }, signed, lookedBackTo }, index) => ({
      key,
      repository,
      role,
      threshold,
      // A key that came a minute ago is silent, too.
      since: listed[index]?.since ?? null,
      orEarlier: listed[index]?.orEarlier ?? false,
      lastSigned: instantOrNull(signed),
      lookedBackTo: instantOrNull(lookedBackTo),
    })),
  };
}

interface LastSigned {
  readonly byKey: ReadonlyMap<string, number>;
  /** How far back was looked; undefined: as far as there is something. */
  readonly until: number | undefined;
}

/** Among the first so many rows, newest first. */
async function lastSigned(
  { past, open }: PastReader,
  rows: readonly Row[],
  waiting: Set<string>,
  count: number,
): Promise<LastSigned> {
  const byKey = new Map<string, number>();
  for (const [index, row] of rows.slice(0, count).entries()) {
    if (waiting.size === 0) break;
    // Others get their turn.
    if (index % versionsAtOnce === versionsAtOnce - 1) await setImmediate();
    for (const { canonicalId, validSince } of (await signedVersion(past, row, open)).signatures) {
      if (validSince === undefined || canonicalId === undefined || !waiting.delete(canonicalId)) continue;
      byKey.set(canonicalId, row.storedAt);
    }
  }
  return { byKey, until: rows.length > count ? rows[count - 1]?.storedAt : undefined };
}

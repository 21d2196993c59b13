/** Bytes: one string for each version of a life, none that nobody sent, no publication in part. */
import { type Happening, of, type Publishing } from "../history.ts";
import type { Violation } from "../violation.ts";
import { livesOf } from "./lives.ts";

/** The server signs these, and counts their versions on over all lives of a name. */
const online: ReadonlySet<string> = new Set(["timestamp", "snapshot"]);

export function byteViolations(history: readonly Happening[]): Violation[] {
  const found: Violation[] = [];
  const known = new Map<string, string>();
  const lives = livesOf(history);
  const sent = sentFiles(history);

  const see = (repository: string, life: number, role: string, version: number, sha256: string) => {
    const key = [repository, online.has(role) ? "" : life, role, version].join("\n");
    const before = known.get(key) ?? sha256;
    known.set(key, before);
    if (before === sha256) return;
    const sentence = `${repository}: version ${version} of ${role} is ${before} and ${sha256}`;
    found.push({ code: "TWO_STRINGS", sentence });
  };
  const own = (repository: string, role: string, sha256: string, at: number) => {
    if (online.has(role)) return;
    const sending = (sent.get(fileKey(repository, role, sha256)) ?? []).filter(({ began }) => began < at);
    const sentence = `${repository} at ${at}: ${role} ${sha256}`;
    if (sending.length === 0) found.push({ code: "INVENTED", sentence });
    else if (sending.every(({ outcome }) => outcome === "refused")) {
      found.push({ code: "REFUSED_SERVED", sentence });
    }
  };

  for (const each of history) {
    if (each.kind === "publish" && each.outcome === "acknowledged") {
      for (const [role, { version, sha256 }] of each.files)
        see(each.repository, each.life, role, version, sha256);
    }
    if (each.kind === "view") {
      const life = lives.get(each.firstRoot ?? "");
      for (const [role, { version, sha256 }] of each.files) {
        // Of a view that broke off nobody may know which life it was.
        if (life !== undefined || online.has(role)) see(each.repository, life ?? 0, role, version, sha256);
        own(each.repository, role, sha256, each.ended);
      }
    }
    if (each.kind === "recall" && each.sha256 !== undefined) {
      see(each.repository, each.life, each.role, each.version, each.sha256);
      own(each.repository, each.role, each.sha256, each.ended);
    }
    if (each.kind === "feed") {
      for (const { repository, version, sha256, category } of each.rows)
        if (category === "update") see(repository, 0, "timestamp", version, sha256);
    }
  }
  return [...found, ...forgotten(history)];
}

/** An acknowledged version stays to be had by its number as long as its life lasts. */
function forgotten(history: readonly Happening[]): Violation[] {
  const removals = of(history, "remove").filter(({ outcome }) => outcome !== "refused");
  const publishes = of(history, "publish").filter(({ outcome }) => outcome === "acknowledged");
  return of(history, "recall").flatMap((recall): Violation[] => {
    const { repository, life, role, version, sha256, began, ended } = recall;
    if (sha256 !== undefined) return [];
    const published = publishes.some(
      (each) =>
        each.repository === repository &&
        each.life === life &&
        each.ended < began &&
        each.files.get(role)?.version === version,
    );
    const removed = removals.some(
      (each) => each.repository === repository && each.life >= life && each.began < ended,
    );
    if (!published || removed) return [];
    return [{ code: "LOST", sentence: `${repository}: version ${version} of ${role} is gone` }];
  });
}

function fileKey(repository: string, role: string, sha256: string): string {
  return `${repository}\n${role}\n${sha256}`;
}

function sentFiles(history: readonly Happening[]): ReadonlyMap<string, Publishing[]> {
  const sent = new Map<string, Publishing[]>();
  for (const publishing of of(history, "publish")) {
    for (const [role, { sha256 }] of publishing.files) {
      const key = fileKey(publishing.repository, role, sha256);
      sent.set(key, [...(sent.get(key) ?? []), publishing]);
    }
  }
  return sent;
}

/** Who sees one file of a publication sees all of them, or later ones. */
export function tornViolations(history: readonly Happening[]): Violation[] {
  const sent = sentFiles(history);
  return of(history, "view").flatMap((view) => {
    if (view.flaw !== undefined) return [];
    const seen = new Set(
      [...view.files].flatMap(([role, { sha256 }]) => sent.get(fileKey(view.repository, role, sha256)) ?? []),
    );
    return [...seen].flatMap(({ files }): Violation[] => {
      const lacking = [...files].find(
        ([role, { version }]) => (view.files.get(role)?.version ?? 0) < version,
      );
      if (lacking === undefined) return [];
      const sentence = `${view.repository} at ${view.began}: without ${lacking[0]} ${lacking[1].version}`;
      return [{ code: "TORN", sentence }];
    });
  });
}

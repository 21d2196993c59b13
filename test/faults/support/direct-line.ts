/** A line that ends at a store or a service, without HTTP: for readers of what a power cut left, or of one process. */

import { changeBody, changeQuery } from "../../../src/http/feed.ts";
import type { AuditPage, AuditQuery } from "../../../src/store/contract/audit.ts";
import type { ChangeQuery, ChangeRecord, Eventually } from "../../../src/store/contract/store.ts";
import { type Answer, answer } from "../../support/client.ts";
import type { Line } from "./watcher.ts";

type Found = { readonly bytes: Uint8Array } | undefined;

/** What stores and services have in common. */
interface Source {
  current(repository: string, role: string): Eventually<Found>;
  byVersion(repository: string, role: string, version: number): Eventually<Found>;
  byDigest(repository: string, role: string, sha256: string): Eventually<Found>;
  changes(query: ChangeQuery): Promise<readonly ChangeRecord[]>;
}

/** `trail`: where the audit trail is read. */
export function directLine(
  source: Source,
  now: () => number,
  trail: (query: AuditQuery) => Promise<AuditPage>,
): Line {
  const request = async (path: string) =>
    path.startsWith("/api/v1/audit/trail?")
      ? await readTrail(trail, new URLSearchParams(path.slice(path.indexOf("?"))))
      : await read(source, path);
  return { now, client: { request, close: () => undefined } };
}

async function readTrail(
  trail: (query: AuditQuery) => Promise<AuditPage>,
  query: URLSearchParams,
): Promise<Answer> {
  const [from, limit] = [Number(query.get("after")), Number(query.get("limit"))];
  return answer(200, {}, Buffer.from(JSON.stringify(await trail({ direction: "forwards", from, limit }))));
}

const current = /^\/v2\/(.+)\/_trust\/tuf\/([a-z/]+)\.json$/;
const byVersion = /^\/v2\/(.+)\/_trust\/tuf\/(\d+)\.([a-z/]+)\.json$/;
const byDigest = /^\/v2\/(.+)\/_trust\/tuf\/([a-z/]+)\.([0-9a-f]{64})\.json$/;

async function read(source: Source, path: string): Promise<Answer> {
  if (path.startsWith("/v2/_trust/changefeed?")) {
    const rows = await source.changes(changeQuery(undefined, path.slice(path.indexOf("?") + 1)));
    return answer(200, {}, Buffer.from(changeBody(rows)));
  }
  const found = await file(source, path);
  return answer(found === undefined ? 404 : 200, {}, Buffer.from(found?.bytes ?? ""));
}

async function file(source: Source, path: string): Promise<Found> {
  const [, digestOf = "", digestRole = "", digest] = byDigest.exec(path) ?? [];
  if (digest !== undefined) return await source.byDigest(digestOf, digestRole, digest);
  const [, versionOf = "", version, versionRole = ""] = byVersion.exec(path) ?? [];
  if (version !== undefined) return await source.byVersion(versionOf, versionRole, Number(version));
  const [, repository, role = ""] = current.exec(path) ?? [];
  if (repository === undefined) throw new TypeError(`${path} is no file's`);
  return await source.current(repository, role);
}

/** A line that ends at a store, without a server: for readers of what a power cut left. */

import { changeBody, changeQuery } from "../../../src/http/feed.ts";
import type { Store, StoredMetadata } from "../../../src/store/store.ts";
import { type Answer, answer } from "../../support/client.ts";
import type { Line } from "./watcher.ts";

export function lineToStore(store: Store, now: () => number): Line {
  return { now, client: { request: (path) => read(store, path), close: () => undefined } };
}

const current = /^\/v2\/(.+)\/_trust\/tuf\/([a-z/]+)\.json$/;
const byVersion = /^\/v2\/(.+)\/_trust\/tuf\/(\d+)\.([a-z/]+)\.json$/;
const byDigest = /^\/v2\/(.+)\/_trust\/tuf\/([a-z/]+)\.([0-9a-f]{64})\.json$/;

async function read(store: Store, path: string): Promise<Answer> {
  if (path.startsWith("/v2/_trust/changefeed?")) {
    const rows = await store.changes(changeQuery(undefined, path.slice(path.indexOf("?") + 1)));
    return answer(200, {}, Buffer.from(changeBody(rows)));
  }
  const found = await file(store, path);
  return answer(found === undefined ? 404 : 200, {}, Buffer.from(found?.bytes ?? ""));
}

async function file(store: Store, path: string): Promise<StoredMetadata | undefined> {
  const [, digestOf = "", digestRole = "", digest] = byDigest.exec(path) ?? [];
  if (digest !== undefined) return await store.byDigest(digestOf, digestRole, digest);
  const [, versionOf = "", version, versionRole = ""] = byVersion.exec(path) ?? [];
  if (version !== undefined) return await store.byVersion(versionOf, versionRole, Number(version));
  const [, repository, role = ""] = current.exec(path) ?? [];
  if (repository === undefined) throw new TypeError(`${path} is no file's`);
  return await store.current(repository, role);
}

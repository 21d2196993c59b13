/**
 * Looking a file up, once a request: the short way looks first, and what it found and could not answer it leaves for the
 * ordinary one, so that a name of nothing costs no second question to the store.
 */
import type { IncomingMessage } from "node:http";
import type { Eventually, Served, TrustService } from "../service/service.ts";
import type { Route } from "./routes.ts";

/** What the paths of files mean. Each kind is how the file was addressed. */
export type FileRoute = Extract<Route, { kind: "current" | "version" | "digest" }>;
export type FileReads = Pick<TrustService, "current" | "byVersion" | "byDigest">;

export class FileLookup {
  readonly #service: FileReads;
  readonly #left = new WeakMap<IncomingMessage, { readonly found: Eventually<Served | undefined> }>();

  constructor(service: FileReads) {
    this.#service = service;
  }

  /** Throws, or rejects, as the service does. */
  find(asked: FileRoute): Eventually<Served | undefined> {
    switch (asked.kind) {
      case "current":
        return this.#service.current(asked.repository, asked.role);
      case "version":
        return this.#service.byVersion(asked.repository, asked.role, asked.version);
      case "digest":
        return this.#service.byDigest(asked.repository, asked.role, asked.sha256);
    }
  }

  /** Keeps what was found for whoever answers the request. */
  leave(request: IncomingMessage, found: Eventually<Served | undefined>): void {
    this.#left.set(request, { found });
    // Nobody may come for it: the framework refuses what arrives while it closes.
    if (found instanceof Promise) found.catch(() => undefined);
  }

  /** What was left for this request, or what is found now. */
  take(request: IncomingMessage, asked: FileRoute): Eventually<Served | undefined> {
    const left = this.#left.get(request);
    return left === undefined ? this.find(asked) : left.found;
  }
}

/**
 * Files as answers. What a file's headers are is decided once, when it is first served; after that a read is a
 * look-up and one write.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Served } from "../service/service.ts";

/** How a file was asked for, which decides how long a cache may keep it. */
export type Address = "current" | "version" | "digest";

export interface Caching {
  readonly current: number;
  readonly consistent: number;
}

/**
 * - by digest: the bytes can never change, for anybody;
 * - by version: the same as long as the repository is not deleted and made anew, so caches ask again;
 * - current: whoever published must see it at once, so caches ask again unless configured otherwise.
 */
export function cacheControl(address: Address, { current, consistent }: Caching): string {
  switch (address) {
    case "digest":
      return consistent === 0
        ? "no-cache"
        : `public, max-age=${consistent}, s-maxage=${consistent}, immutable`;
    case "version":
      return "public, no-cache";
    case "current":
      return current === 0
        ? "public, no-cache"
        : `public, max-age=${current}, s-maxage=${current}, must-revalidate`;
  }
}

interface Prepared {
  readonly etag: string;
  readonly full: readonly string[];
  readonly notModified: readonly string[];
}

export class FileAnswers {
  readonly #cacheControl: Readonly<Record<Address, string>>;
  readonly #prepared: Readonly<Record<Address, WeakMap<Served, Prepared>>> = {
    current: new WeakMap(),
    version: new WeakMap(),
    digest: new WeakMap(),
  };

  constructor(caching: Caching) {
    this.#cacheControl = {
      current: cacheControl("current", caching),
      version: cacheControl("version", caching),
      digest: cacheControl("digest", caching),
    };
  }

  /** Writes the answer to GET or HEAD: 200, or 304 if the caller has these very bytes. Returns the status. */
  send(request: IncomingMessage, response: ServerResponse, file: Served, address: Address): number {
    const prepared = this.#prepare(file, address);
    const known = request.headers["if-none-match"];
    if (known !== undefined && matches(known, prepared.etag)) {
      response.writeHead(304, prepared.notModified as string[]);
      response.end();
      return 304;
    }
    response.writeHead(200, prepared.full as string[]);
    response.end(request.method === "HEAD" ? undefined : file.bytes);
    return 200;
  }

  #prepare(file: Served, address: Address): Prepared {
    const known = this.#prepared[address].get(file);
    if (known !== undefined) return known;
    const etag = `"${file.sha256}"`;
    const notModified = [
      "etag",
      etag,
      "cache-control",
      this.#cacheControl[address],
      "last-modified",
      new Date(file.storedAt).toUTCString(),
    ];
    const full = [
      "content-type",
      "application/json",
      "content-length",
      String(file.bytes.length),
      "x-content-type-options",
      "nosniff",
      ...notModified,
    ];
    const prepared = { etag, full, notModified };
    this.#prepared[address].set(file, prepared);
    return prepared;
  }
}

/** Weak comparison over the list of `If-None-Match` (RFC 9110 13.1.2). */
function matches(header: string, etag: string): boolean {
  if (header === etag) return true;
  return header.split(",", 50).some((each) => {
    const tag = each.trim();
    return tag === etag || tag === `W/${etag}` || tag === "*";
  });
}

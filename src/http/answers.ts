/**
 * Files as answers. What a file's headers are is decided once, when it is first served, and its compressed form is made
 * once, when it is first asked for; after that a read is a look-up and one write.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { compressibleFrom, type Served } from "../service/service.ts";
import { acceptsGzip, compressed } from "./gzip.ts";

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

/** One form of a file: as it is, or compressed. */
interface Form {
  readonly etag: string;
  readonly bytes: Buffer;
  readonly full: readonly string[];
  readonly notModified: readonly string[];
}

interface Prepared {
  readonly identity: Form;
  /** The compressed form's validator, and its 304: both are known before it is made. */
  readonly gzipEtag: string;
  readonly gzipNotModified: readonly string[];
  /** Undefined: nobody has asked for it. Resolves to the identity where compression gains nothing. */
  gzip: Promise<Form> | undefined;
  /** The same when it is there, so that nobody waits for a promise. */
  gzipped: Form | undefined;
}

export class FileAnswers {
  readonly #cacheControl: Readonly<Record<Address, string>>;
  readonly #prepared: Readonly<Record<Address, WeakMap<Served, Prepared>>> = {
    current: new WeakMap(),
    version: new WeakMap(),
    digest: new WeakMap(),
  };
  /** One for all addresses of a file. Resolves to undefined where compression gains nothing. */
  readonly #smaller = new WeakMap<Served, Promise<Buffer | undefined>>();

  constructor(caching: Caching) {
    this.#cacheControl = {
      current: cacheControl("current", caching),
      version: cacheControl("version", caching),
      digest: cacheControl("digest", caching),
    };
  }

  /**
   * Writes the answer to GET or HEAD: 200, or 304 if the caller has these very bytes in either form. A large file goes
   * out compressed to whoever takes that; only the first such answer of a file waits for the compression.
   */
  send(request: IncomingMessage, response: ServerResponse, file: Served, address: Address): void {
    const prepared = this.#prepare(file, address);
    const known = request.headers["if-none-match"];
    if (known !== undefined && this.#notModified(response, known, prepared)) return;
    const accepted = request.headers["accept-encoding"];
    const isLarge = file.bytes.length >= compressibleFrom;
    if (!isLarge || accepted === undefined || typeof accepted !== "string" || !acceptsGzip(accepted)) {
      write(request, response, prepared.identity);
    } else if (prepared.gzipped !== undefined) {
      write(request, response, prepared.gzipped);
    } else {
      prepared.gzip ??= this.#compress(file, address, prepared);
      void prepared.gzip.then((form) => write(request, response, form));
    }
  }

  #notModified(response: ServerResponse, known: string, prepared: Prepared): boolean {
    const { identity, gzipEtag, gzipNotModified } = prepared;
    const isSame = matches(known, identity.etag);
    if (!isSame && !matches(known, gzipEtag)) return false;
    response.writeHead(304, (isSame ? identity.notModified : gzipNotModified) as string[]);
    response.end();
    return true;
  }

  async #compress(file: Served, address: Address, prepared: Prepared): Promise<Form> {
    const smaller = this.#smaller.get(file) ?? compressed(file.bytes).catch(() => undefined);
    this.#smaller.set(file, smaller);
    const bytes = await smaller;
    prepared.gzipped =
      bytes === undefined
        ? prepared.identity
        : this.#form(file, address, { etag: prepared.gzipEtag, bytes, encoding: "gzip" });
    return prepared.gzipped;
  }

  #prepare(file: Served, address: Address): Prepared {
    const known = this.#prepared[address].get(file);
    if (known !== undefined) return known;
    const { bytes, sha256 } = file;
    const gzipEtag = `"${sha256}-gzip"`;
    const prepared: Prepared = {
      identity: this.#form(file, address, { etag: `"${sha256}"`, bytes }),
      gzipEtag,
      gzipNotModified: this.#validators(file, address, gzipEtag),
      gzip: undefined,
      gzipped: undefined,
    };
    this.#prepared[address].set(file, prepared);
    return prepared;
  }

  #validators(file: Served, address: Address, etag: string): readonly string[] {
    return [
      "etag",
      etag,
      "cache-control",
      this.#cacheControl[address],
      "last-modified",
      new Date(file.storedAt).toUTCString(),
      ...(file.bytes.length >= compressibleFrom ? ["vary", "accept-encoding"] : []),
    ];
  }

  #form(
    file: Served,
    address: Address,
    { etag, bytes, encoding }: { etag: string; bytes: Buffer; encoding?: string },
  ): Form {
    const notModified = this.#validators(file, address, etag);
    const full = [
      "content-type",
      "application/json",
      "content-length",
      String(bytes.length),
      "x-content-type-options",
      "nosniff",
      ...(encoding === undefined ? [] : ["content-encoding", encoding]),
      ...notModified,
    ];
    return { etag, bytes, full, notModified };
  }
}

function write(request: IncomingMessage, response: ServerResponse, { full, bytes }: Form): void {
  response.writeHead(200, full as string[]);
  response.end(request.method === "HEAD" ? undefined : bytes);
}

/** Weak comparison over the list of `If-None-Match` (RFC 9110 13.1.2). */
function matches(header: string, etag: string): boolean {
  if (header === etag) return true;
  return header.split(",", 50).some((each) => {
    const tag = each.trim();
    return tag === etag || tag === `W/${etag}` || tag === "*";
  });
}

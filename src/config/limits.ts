/** The keys of what requests and processes may take: bytes, counts, time. */
import { z } from "zod";
import { duration, integer, size } from "./fields.ts";

export const limits = z.strictObject({
  uploadBytes: size({ least: "1KiB", most: "1GiB", value: "32MiB" }, "Largest body of one upload."),
  uploadFiles: integer({ least: 1, most: 10_000, value: 200 }, "Most files in one upload."),
  uploadsInMemory: size(
    { least: "1KiB", most: "16GiB", value: "64MiB" },
    "Bytes of all uploads that are read or examined at one time in a process; further ones are told to come again. At least limits.uploadBytes.",
  ),
  uploadsExamined: integer(
    { least: 1, most: 100_000, value: 256 },
    "Most uploads that are verified at one time, those included that wait for another one of their repository; further ones are told to come again.",
  ),
  requestTimeout: duration({ least: "1s", most: "1h", value: "25s" }, "Time for a whole request to arrive."),
  headersTimeout: duration(
    { least: "1s", most: "10m", value: "10s" },
    "Time for TLS and the headers to arrive.",
  ),
  idleTimeout: duration(
    { least: "1s", most: "1h", value: "30s" },
    "Time after which a connection is cut on which nothing moves in either direction.",
  ),
  keepAliveTimeout: duration(
    { least: "1s", most: "10m", value: "5s" },
    "Time a connection waits for its next request.",
  ),
  connections: integer(
    { least: 1, most: 1_000_000, value: 10_000 },
    "Most open connections. The next 64 are told to come again, with 503 and Retry-After; more are closed at once.",
  ),
  headers: integer({ least: 10, most: 2_000, value: 100 }, "Most headers that are read of one request."),
  cacheBytes: size(
    { least: "1MiB", most: "16GiB", value: "64MiB" },
    "Memory for files that are ready to be served, and as much again for verified ones. In each process.",
  ),
  failuresPerMinute: integer(
    { least: 0, most: 1_000_000, value: 60 },
    "Most tokens from one address that are refused in a minute before further bad ones, and any ID tokens, are told to wait. Good tokens go on. 0: no limit.",
  ),
  changesPerMinute: integer(
    { least: 0, most: 1_000_000, value: 6_000 },
    "Most changes by one caller in a minute and process, where callers are authenticated. 0: no limit.",
  ),
  shutdownTimeout: duration(
    { least: "1s", most: "10m", value: "10s" },
    "Time for requests in flight to end.",
  ),
});

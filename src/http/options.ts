/** What the HTTP layer is made from. */
import type { Server as HttpServer, RequestListener } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Logger } from "pino";
import type { TrustService } from "../service/service.ts";
import type { Access } from "./auth/access.ts";
import type { BuiltinAccess } from "./auth/builtin.ts";
import type { HttpMetrics } from "./metrics.ts";

/** Code of a `clientError` with which the server behind `serverFactory` has a connection refused that is one too many. */
export const tooManyConnections = "VIDIMUS_TOO_MANY_CONNECTIONS";
/** Likewise of a request that expects more than `100-continue`. */
export const unknownExpectation = "VIDIMUS_UNKNOWN_EXPECTATION";
/** Likewise of a CONNECT. */
export const tunnelWanted = "VIDIMUS_TUNNEL_WANTED";

export interface AppOptions {
  readonly service: TrustService;
  readonly logger: Logger;
  /** Addresses or networks whose `X-Forwarded-For` is believed. Empty: nobody's. */
  readonly trustedProxies: readonly string[];
  readonly repositories: {
    /** Only repositories under one of these prefixes are served; empty: all. Each ends in one slash. */
    readonly prefixes: readonly string[];
    /** Accept names that an older Notary accepted (`core/names.ts`). */
    readonly olderNames: boolean;
  };
  /** Seconds for `Cache-Control`. 0: caches must ask again each time. */
  readonly caching: { readonly current: number; readonly consistent: number };
  readonly limits: {
    /** Bytes of one upload, all parts and their headers together. */
    readonly uploadBytes: number;
    readonly uploadFiles: number;
    /** Bytes of all uploads that are being read or examined at one time. */
    readonly uploadsInMemory: number;
    /** Uploads that are examined, or wait for another one of their repository, at one time. */
    readonly uploadsExamined: number;
  };
  /** Who may do what. Absent: everybody everything. Shared by the listeners of one process. */
  readonly access?: Access;
  /** The token endpoint, and who may do what. Absent: this server does not know its callers itself. */
  readonly builtin?: BuiltinAccess;
  /** Shared by the listeners of one process. Absent: this application counts for itself. */
  readonly metrics?: HttpMetrics;
  /** Which APIs this listener answers. */
  readonly apis: { readonly notary: boolean; readonly metrics: boolean; readonly probes: boolean };
  /**
   * Makes the server that the application answers on (fastify's `serverFactory`). Whoever gives it listens and closes:
   * the application does neither. Absent: the application is reached by injection only.
   */
  readonly serverFactory?: (handler: RequestListener) => HttpServer | HttpsServer;
}

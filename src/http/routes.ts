/**
 * What a request means, decided once, from the raw path, before anything else looks at it.
 *
 * Routers normalise, decode and shorten paths each in their own way, and repositories have names with slashes; so the
 * path is read here, by the rules of notary-protocol.md 1.1, and the framework only sees the verdict.
 *
 * - The path is percent-decoded once, strictly. What cannot be decoded matches nothing.
 * - A path that needs cleaning (`//`, `/./`, `/../`) is redirected to its clean form, as the original does; only
 *   doubled slashes at the very beginning are forgiven, which a trailing slash in a client's configuration makes.
 * - The repository is everything up to the last `/_trust/`; whether its name may be used is checked here too.
 * - What is not Notary's, below `/api/v1/`, has rules of its own (`manage-routes.ts`).
 */
import { isRepositoryName } from "../core/names.ts";
import type { OnlineRole } from "../service/service.ts";
import { type ManageRoute, managePrefix, manageRoute } from "./manage-routes.ts";

export type Route =
  | ManageRoute
  | { readonly kind: "ping" }
  | { readonly kind: "publish"; readonly repository: string }
  | { readonly kind: "delete"; readonly repository: string }
  | { readonly kind: "current"; readonly repository: string; readonly role: string }
  | { readonly kind: "version"; readonly repository: string; readonly role: string; readonly version: number }
  | { readonly kind: "digest"; readonly repository: string; readonly role: string; readonly sha256: string }
  | { readonly kind: "key"; readonly repository: string; readonly role: OnlineRole }
  | { readonly kind: "rotate"; readonly repository: string; readonly role: OnlineRole }
  | { readonly kind: "feed"; readonly repository: string | undefined; readonly query: string }
  /** Of the built-in token endpoint. */
  | { readonly kind: "token"; readonly query: string }
  | { readonly kind: "health" }
  | { readonly kind: "metrics" }
  | { readonly kind: "livez" | "readyz" | "startupz" }
  | { readonly kind: "redirect"; readonly to: string }
  | { readonly kind: "missing"; readonly detail: boolean }
  | { readonly kind: "notServed"; readonly publish: boolean; readonly because: "name" | "prefix" }
  | { readonly kind: "badMethod" };

export interface RouteRules {
  readonly prefixes: readonly string[];
  readonly olderNames: boolean;
}

const missing: Route = { kind: "missing", detail: false };
const noSuchFile: Route = { kind: "missing", detail: true };
/** Every method that some path has. */
export const usedMethods = ["GET", "HEAD", "POST", "PUT", "DELETE"] as const;
const methods: ReadonlySet<string> = new Set(usedMethods);

/** Role, then how it is asked for. Linear: no two alternatives can match the same text in two ways. */
const byDigest =
  /^(root|snapshot|timestamp|targets(?:\/[^/\s]+)*)\.([0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128})\.json$/;
const byVersion = /^(\d+)\.(root|snapshot|timestamp|targets(?:\/[^/\s]+)*)\.json$/;
const currentFile = /^(root|snapshot|timestamp|targets(?:\/[^/\s]+)*)\.json$/;
const keyFile = /^(snapshot|timestamp)\.key$/;

/** Longer than any path we serve: repository, role and digest at their longest, every byte escaped. */
const maxPath = 4_096;
const trust = "/_trust/";

export function routeOf(method: string, url: string, rules: RouteRules): Route {
  if (!methods.has(method)) return { kind: "badMethod" };
  const questionMark = url.indexOf("?");
  const rawPath = questionMark === -1 ? url : url.slice(0, questionMark);
  const raw = withoutOrigin(rawPath);
  if (raw.startsWith(managePrefix) && raw.length <= maxPath) {
    const query = questionMark === -1 ? "" : url.slice(questionMark + 1);
    return manageRoute(method, raw.slice(managePrefix.length), query, rules);
  }
  const path = decode(raw);
  if (path === undefined) return missing;
  const clean = path.includes("//") || path.includes("/.") ? cleaned(path) : path;
  if (clean !== path) {
    const search = questionMark === -1 ? "" : url.slice(questionMark);
    return { kind: "redirect", to: encodeURI(clean).replace(/[?#]/g, encodeURIComponent) + search };
  }
  const isRead = method === "GET" || method === "HEAD";

  if (path === "/token") {
    const query = questionMark === -1 ? "" : url.slice(questionMark + 1);
    return method === "GET" || method === "POST" ? { kind: "token", query } : missing;
  }
  if (!path.startsWith("/v2/")) return isRead ? operations(path) : missing;
  if (path === "/v2/") return isRead ? { kind: "ping" } : missing;
  const query = questionMark === -1 ? "" : url.slice(questionMark + 1);
  if (path === "/v2/_trust/changefeed")
    return isRead ? { kind: "feed", repository: undefined, query } : missing;
  const at = path.lastIndexOf(trust);
  // The repository lies between "/v2/" and "/_trust/".
  if (at < 4) return missing;
  const repository = path.slice(4, at);
  const route = repositoryRoute(method, repository, path.slice(at + trust.length), query);
  return "repository" in route ? (refused(repository, route.kind === "publish", rules) ?? route) : route;
}

/** For `Allow`: the methods that lead somewhere with a path, and where none does, those that some path has. */
export function allowedMethods(meaningWith: (method: string) => Route): readonly string[] {
  const nowhere: readonly Route["kind"][] = ["missing", "manageMissing"];
  const found = usedMethods.filter((method) => !nowhere.includes(meaningWith(method).kind));
  return found.length === 0 ? usedMethods : found;
}

function repositoryRoute(method: string, repository: string, rest: string, query: string): Route {
  const isRead = method === "GET" || method === "HEAD";
  if (rest === "changefeed") return isRead ? { kind: "feed", repository, query } : missing;
  if (!rest.startsWith("tuf/")) return missing;
  const file = rest.slice(4);
  if (file === "") {
    if (method === "POST") return { kind: "publish", repository };
    return method === "DELETE" ? { kind: "delete", repository } : missing;
  }
  const key = keyFile.exec(file);
  if (key !== null) {
    const role = key[1] as OnlineRole;
    if (method === "POST") return { kind: "rotate", repository, role };
    return method === "GET" ? { kind: "key", repository, role } : missing;
  }
  return isRead ? fileRoute(repository, file) : missing;
}

function fileRoute(repository: string, file: string): Route {
  const digest = byDigest.exec(file);
  if (digest !== null) {
    const [, role = "", sha256 = ""] = digest;
    // Only SHA-256 is stored; upper-case hex is another string.
    return sha256.length === 64 ? { kind: "digest", repository, role, sha256 } : noSuchFile;
  }
  const versioned = byVersion.exec(file);
  if (versioned !== null) {
    const version = Number(versioned[1]);
    return Number.isSafeInteger(version)
      ? { kind: "version", repository, role: versioned[2] ?? "", version }
      : noSuchFile;
  }
  const current = currentFile.exec(file);
  return current === null ? missing : { kind: "current", repository, role: current[1] ?? "" };
}

function operations(path: string): Route {
  switch (path) {
    case "/_notary_server/health":
      return { kind: "health" };
    case "/metrics":
      return { kind: "metrics" };
    case "/livez":
    case "/readyz":
    case "/startupz":
      return { kind: path.slice(1) as "livez" };
    default:
      return missing;
  }
}

function refused(
  repository: string,
  publish: boolean,
  { prefixes, olderNames }: RouteRules,
): Route | undefined {
  if (!isRepositoryName(repository, { older: olderNames }))
    return { kind: "notServed", publish, because: "name" };
  if (prefixes.length > 0 && !prefixes.some((prefix) => repository.startsWith(prefix))) {
    return { kind: "notServed", publish, because: "prefix" };
  }
  return undefined;
}

/** `http://host/path` as proxies send it; the host is never used for anything. */
function withoutOrigin(target: string): string {
  if (target.startsWith("/")) return target;
  const match = /^https?:\/\/[^/]*(\/.*)$/i.exec(target);
  return match?.[1] ?? "";
}

function decode(rawPath: string): string | undefined {
  if (rawPath.length > maxPath) return undefined;
  try {
    const path = rawPath.includes("%") ? decodeURIComponent(rawPath) : rawPath;
    return path.startsWith("//") ? path.replace(/^\/+(?=v2\/)/, "/") : path;
  } catch {
    return undefined;
  }
}

/** The path without empty, `.` and `..` segments; a slash at the end stays. */
function cleaned(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  }
  const end = segments.length > 0 && /(?:\/|\/\.|\/\.\.)$/.test(path) ? "/" : "";
  return `/${segments.join("/")}${end}`;
}

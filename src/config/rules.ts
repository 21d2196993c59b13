/**
 * What a valid value cannot say alone: keys that belong together or exclude each other, and what is not safe unless
 * asked for by name. One function a rule; each returns its problems, none throws.
 */
import { isIP } from "node:net";
import { announcingRules } from "./announcing-rules.ts";
import type { ConfigurationProblem } from "./errors.ts";
import { isLoopback } from "./loopback.ts";
import { oidcRules } from "./oidc-rules.ts";
import { problem, type Rule } from "./rule.ts";
import type { Config } from "./schema.ts";

const certificateWithKey: Rule = ({ tls }) => {
  if ((tls.certificate === undefined) === (tls.key === undefined)) return undefined;
  const [present, absent] =
    tls.key === undefined ? ["tls.certificate", "tls.key"] : ["tls.key", "tls.certificate"];
  return problem("CONTRADICTION", absent, `${present} is set without ${absent}: set both, or neither.`);
};

const socketAlone: Rule = ({ server }, given) => {
  const other = ["server.host", "server.port"].find((key) => given.has(key));
  if (server.socket === undefined || other === undefined) return undefined;
  return problem("CONTRADICTION", other, `server.socket and ${other} are both set: keep one of them.`);
};

const plainHttpNearby: Rule = ({ server }) => {
  if (!server.plainHttp || server.socket !== undefined || isLoopback(server.host)) return undefined;
  return problem(
    "NOT_SAFE",
    "server.plainHttp",
    "server.plainHttp is for a loopback address or a Unix socket only: listen on 127.0.0.1, or leave TLS on.",
  );
};

const plainHttpWithoutCertificate: Rule = ({ server, tls }) => {
  if (!server.plainHttp || tls.certificate === undefined) return undefined;
  return problem(
    "CONTRADICTION",
    "server.plainHttp",
    "server.plainHttp and tls.certificate are both set: keep one of them.",
  );
};

const workersShareAStore: Rule = ({ server, store }) => {
  if (server.workers === 0 || store.kind !== "memory") return undefined;
  return problem(
    "CONTRADICTION",
    "server.workers",
    "server.workers needs a store that processes can share: leave store.kind at sqlite, or server.workers at 0.",
  );
};

const workersReadTheSecretAgain: Rule = ({ server, signer }) => {
  if (server.workers === 0 || !signer.secret?.startsWith("fd:")) return undefined;
  return problem(
    "CONTRADICTION",
    "signer.secret",
    "A descriptor can be read once only, and server.workers reads the secret again when the process that signs is started again: use file:, env: or credential:.",
  );
};

const operationsNearby: Rule = ({ operations }) => {
  if (!operations.plainHttp || isLoopback(operations.host)) return undefined;
  return problem(
    "NOT_SAFE",
    "operations.plainHttp",
    "operations.plainHttp is for a loopback address only: listen on 127.0.0.1, or leave TLS on.",
  );
};

const operationsEnabled: Rule = ({ operations }, given) => {
  const key = ["operations.host", "operations.port", "operations.plainHttp"].find((name) => given.has(name));
  if (operations.enabled || key === undefined) return undefined;
  return problem("CONTRADICTION", key, `${key} has no effect without operations.enabled: set it to true.`);
};

const roomForAnUpload: Rule = ({ limits }, given) => {
  if (limits.uploadsInMemory >= limits.uploadBytes) return undefined;
  const key = given.has("limits.uploadsInMemory") ? "limits.uploadsInMemory" : "limits.uploadBytes";
  return problem(
    "CONTRADICTION",
    key,
    "limits.uploadsInMemory is below limits.uploadBytes, so the largest upload could never be read: raise it.",
  );
};

/** What is smaller has to be smaller: `[part, whole, what the part is to the whole]`. */
const withinOneAnother = [
  ["leastLifetime", "lifetime", "no proposal could have its usual time"],
  ["lifetime", "mostLifetime", "no proposal could have its usual time"],
  ["openHere", "openInAll", "one repository could never have as many"],
  ["bytes", "bytesInAll", "the largest proposal could never be kept"],
] as const;

const proposalsWithinBounds: Rule = ({ proposals }, given) => {
  const found = withinOneAnother.find(([part, whole]) => proposals[part] > proposals[whole]);
  if (found === undefined) return undefined;
  const [part, whole, why] = found;
  const key = given.has(`proposals.${part}`) ? `proposals.${part}` : `proposals.${whole}`;
  return problem(
    "CONTRADICTION",
    key,
    `proposals.${part} is above proposals.${whole}, so ${why}: raise the one, or lower the other.`,
  );
};

const headersWithinRequest: Rule = ({ limits }, given) => {
  if (limits.headersTimeout <= limits.requestTimeout) return undefined;
  const key = given.has("limits.headersTimeout") ? "limits.headersTimeout" : "limits.requestTimeout";
  return problem(
    "CONTRADICTION",
    key,
    "limits.headersTimeout is above limits.requestTimeout, which the headers are part of: raise that, or lower this.",
  );
};

const tokenServiceKnown: Rule = ({ auth: { mode, token } }) => {
  if (mode !== "token") return undefined;
  const lacking = (["realm", "service", "issuer"] as const).find((key) => token[key] === undefined);
  if (lacking !== undefined)
    return problem(
      "CONTRADICTION",
      `auth.token.${lacking}`,
      `auth.mode is token: set auth.token.${lacking}.`,
    );
  if ((token.certificates === undefined) === (token.jwks === undefined))
    return problem(
      "CONTRADICTION",
      "auth.token.certificates",
      "auth.mode is token: set one of auth.token.certificates and auth.token.jwks.",
    );
  return undefined;
};

/** They stand between quotes in a header. */
const quotable = /^[\x21\x23-\x5b\x5d-\x7e]+$/;

const builtinKnown: Rule = ({ auth: { mode, builtin } }) => {
  if (mode !== "builtin" || builtin.realm !== undefined) return undefined;
  return problem(
    "CONTRADICTION",
    "auth.builtin.realm",
    "auth.mode is builtin: set auth.builtin.realm to this server's address as clients reach it, with /token behind it.",
  );
};

const builtinNamed: Rule = ({ auth: { builtin } }) => {
  if (!quotable.test(builtin.service) || builtin.service.includes("#"))
    return problem(
      "BAD_VALUE",
      "auth.builtin.service",
      "auth.builtin.service: use letters, digits and punctuation without quotes, backslashes, # and spaces.",
    );
  if (builtin.realm === undefined || (isSafeAddress(builtin.realm) && quotable.test(builtin.realm)))
    return undefined;
  return problem(
    "NOT_SAFE",
    "auth.builtin.realm",
    "auth.builtin.realm: clients send passwords there, so write an https address, or http on a loopback address.",
  );
};

const registrySafe: Rule = ({ auth: { builtin } }) => {
  if (builtin.registry === undefined || isSafeAddress(builtin.registry)) return undefined;
  return problem(
    "NOT_SAFE",
    "auth.builtin.registry",
    "auth.builtin.registry: passwords are sent there, so write an https address, or http on a loopback address.",
  );
};

function isSafeAddress(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return (
    url?.protocol === "https:" ||
    (url?.protocol === "http:" && isLoopback(url.hostname.replace(/^\[|\]$/g, "")))
  );
}

const tokenServiceNamed: Rule = ({ auth: { token } }) => {
  const { realm, service } = token;
  if (service !== undefined && !quotable.test(service))
    return problem(
      "BAD_VALUE",
      "auth.token.service",
      "auth.token.service: use letters, digits and punctuation without quotes, backslashes and spaces.",
    );
  if (realm === undefined) return undefined;
  if (isSafeAddress(realm) && quotable.test(realm)) return undefined;
  return problem(
    "NOT_SAFE",
    "auth.token.realm",
    "auth.token.realm: clients send passwords there, so write an https address, or http on a loopback address.",
  );
};

const anonymousNearby: Rule = ({ auth, server }) => {
  const reachable = server.socket === undefined && !isLoopback(server.host);
  if (auth.mode !== "none" || auth.acceptAnonymous || !reachable) return undefined;
  return problem(
    "NOT_SAFE",
    "auth.acceptAnonymous",
    "Everybody who reaches this address could publish and delete: listen on 127.0.0.1, or set auth.acceptAnonymous to true if that is meant.",
  );
};

const cleanPrefixes: Rule = ({ repositories }) => {
  const bad = repositories.prefixes.find((prefix) => !isCleanPrefix(prefix));
  if (bad === undefined) return undefined;
  return problem(
    "BAD_VALUE",
    "repositories.prefixes",
    `repositories.prefixes: ${JSON.stringify(bad)} must be a clean path without a leading slash that ends in exactly one slash, such as registry.example/team/.`,
  );
};

/** A path of non-empty segments, none `.` or `..`, ending in exactly one slash (notary-server's rule for prefixes). */
function isCleanPrefix(prefix: string): boolean {
  const segments = prefix.split("/");
  return (
    segments.length > 1 && segments.pop() === "" && segments.every((part) => !["", ".", ".."].includes(part))
  );
}

const knownProxies: Rule = ({ server }) => {
  const bad = server.trustedProxies.find((proxy) => !isNetwork(proxy));
  if (bad === undefined) return undefined;
  return problem(
    "BAD_VALUE",
    "server.trustedProxies",
    `server.trustedProxies: ${JSON.stringify(bad)} must be an address or a network such as 10.0.0.0/8.`,
  );
};

function isNetwork(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^[0-9]{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

const knownNames: Rule = ({ tls }) => {
  const bad = tls.names.find((name) => isIP(name) === 0 && !isHostName(name));
  if (bad === undefined && tls.names.length > 0) return undefined;
  return problem(
    "BAD_VALUE",
    "tls.names",
    bad === undefined
      ? "tls.names must have at least one name."
      : `tls.names: ${JSON.stringify(bad)} must be a host name or an address, without port.`,
  );
};

/** Letters, digits and hyphens in labels of at most 63, at most 253 in all; `*.` in front is allowed. */
function isHostName(name: string): boolean {
  const labels = name.replace(/^\*\./, "").split(".");
  return name.length <= 253 && labels.every((label) => /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)$/.test(label));
}

const rules: readonly Rule[] = [
  certificateWithKey,
  socketAlone,
  plainHttpNearby,
  plainHttpWithoutCertificate,
  workersShareAStore,
  workersReadTheSecretAgain,
  operationsNearby,
  operationsEnabled,
  roomForAnUpload,
  proposalsWithinBounds,
  headersWithinRequest,
  tokenServiceKnown,
  tokenServiceNamed,
  builtinKnown,
  builtinNamed,
  registrySafe,
  anonymousNearby,
  cleanPrefixes,
  knownProxies,
  knownNames,
  ...announcingRules,
  ...oidcRules,
];

/** `given`: keys that some source set, as against those that have their default. */
export function checkRules(config: Config, given: ReadonlySet<string>): ConfigurationProblem[] {
  return rules.map((rule) => rule(config, given)).filter((found) => found !== undefined);
}

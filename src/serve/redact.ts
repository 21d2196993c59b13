/**
 * What never gets into a log: members whose name says that they hold a secret, header and body of a request, and
 * texts that look like a credential wherever they stand (threat L2: pino's own `redact` hides exactly one level).
 * Bounded in depth, members and length, so that a log line is too.
 */
const deepest = 6;
const mostMembers = 64;
const longestText = 4_096;

/** Member names, compared without case, hyphens and underscores. */
const secretNames: ReadonlySet<string> = new Set([
  "authorization",
  "proxyauthorization",
  "cookie",
  "setcookie",
  "password",
  "passphrase",
  "secret",
  "token",
  "accesstoken",
  "refreshtoken",
  "pin",
  "key",
  "privatekey",
  "apikey",
  "kek",
  "body",
  "headers",
  "rawheaders",
]);

const hidden = "[hidden]";

/** Each pattern is linear: a fixed opening, then one class of characters. */
const credentials: readonly (readonly [RegExp, string])[] = [
  [
    /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----(?:[A-Za-z0-9+/=:,.\s]|\\[nrt])*(?:-----END [A-Z ]{0,40}-----)?/g,
    hidden,
  ],
  [/\b(Bearer|Basic) [A-Za-z0-9._~+/=-]{4,}/gi, `$1 ${hidden}`],
  [/\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9._-]{10,}/g, hidden],
  [/(:\/\/)[^\s/@:"\\]{1,200}:[^\s/@"\\]{1,200}@/g, `$1${hidden}@`],
];

/** A text without anything that looks like a credential. JSON stays JSON: no pattern takes half an escape or a quotation mark. */
export function hideCredentials(text: string): string {
  let result = text;
  for (const [pattern, replacement] of credentials) result = result.replace(pattern, replacement);
  return result;
}

function redactText(text: string): string {
  return hideCredentials(text.length > longestText ? `${text.slice(0, longestText)}…` : text);
}

/** A copy of a value for the log. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return typeof value === "function" ? undefined : value;
  if (depth >= deepest) return "[deeper]";
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return value;
  if (value instanceof Error) return redactError(value, depth);
  if (Array.isArray(value)) return value.slice(0, mostMembers).map((item) => redact(item, depth + 1));
  if (value instanceof Map) return redact(Object.fromEntries(value), depth);
  const members = Object.entries(value).slice(0, mostMembers);
  return Object.fromEntries(
    members.map(([name, member]) => [name, isSecretName(name) ? hidden : redact(member, depth + 1)]),
  );
}

function isSecretName(name: string): boolean {
  return secretNames.has(name.replace(/[-_]/g, "").toLowerCase());
}

/** Name, code, message, stack and cause: no other member of an error, for drivers put requests and answers there. */
function redactError(error: Error, depth: number): Record<string, unknown> {
  const { code } = error as NodeJS.ErrnoException;
  return {
    type: error.name,
    ...(code === undefined ? {} : { code }),
    message: redactText(error.message),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1) }),
  };
}

/** What a policy file may hold: every key with its values, and the sentence for a value that means nothing. */
import * as z from "zod/mini";
import { maxVersionStep } from "../../core/limits.ts";
import { isDelegatedRole } from "../../core/names.ts";
import { type Pattern, parsePattern } from "../pattern.ts";
import { algorithms } from "../trust-policy.ts";

const most = { rules: 10_000, list: 256, text: 1_024, servers: 64 } as const;
const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const says = (sentence: string) => ({ error: sentence });
const text = z
  .string(says("must be text (a number needs quotes)"))
  .check(z.minLength(1), z.maxLength(most.text));
const list = <T extends z.core.$ZodType>(item: T) =>
  z
    .array(item, says("must be a list"))
    .check(z.maxLength(most.list, says(`has more than ${most.list} entries`)));
const atMost = (count: number, what: string) =>
  z.refine<object>((table) => Object.keys(table).length <= count, says(`has more than ${count} ${what}`));
const choice = <const T extends readonly string[]>(values: T) =>
  z.enum(values, says(`must be one of ${values.join(", ")}`));
const whole = z
  .number(says("must be a whole number"))
  .check(
    z.int(says("must be a whole number")),
    z.minimum(1, says("must be at least 1")),
    z.maximum(256, says("must be at most 256")),
  );
const step = z
  .number(says("must be a whole number"))
  .check(
    z.int(says("must be a whole number")),
    z.minimum(1, says("must be at least 1")),
    z.maximum(maxVersionStep, says(`must be at most ${maxVersionStep}`)),
  );
const toggle = z.boolean(says("must be true or false"));

/** `180d`, `12h`, `30m`, `90s`: milliseconds. */
const duration = z.pipe(
  z
    .string(says("must be a duration such as 180d, 12h, 30m or 90s"))
    .check(z.regex(/^[1-9][0-9]{0,5}[smhd]$/, says("must be a duration such as 180d, 12h, 30m or 90s"))),
  z.transform((value: string) => Number(value.slice(0, -1)) * (units[value.slice(-1)] ?? 0)),
);
const keyId = z
  .string(says("must be text (a number needs quotes)"))
  .check(z.regex(/^[0-9a-f]{64}$/, says("must be a key ID: 64 lower-case hex digits")));
const role = z
  .string(says("must be text (a number needs quotes)"))
  .check(
    z.refine(
      (value: string) => value === "targets" || isDelegatedRole(value),
      says("must be targets or a delegated role such as targets/releases"),
    ),
  );
/** A role, or a role and all below it. */
const roleOrTree = z.string(says("must be text (a number needs quotes)")).check(
  z.refine((value: string) => {
    const name = value.endsWith("/**") ? value.slice(0, -3) : value;
    return name === "targets" || isDelegatedRole(name);
  }, says("must be a role such as targets/releases, or a role and all below it such as targets/**")),
);
const pattern = z.pipe(
  text,
  z.transform((value: string, context): Pattern => {
    const result = parsePattern(value);
    if (typeof result !== "string") return result;
    context.issues.push({ code: "custom", message: `is no pattern: ${result}`, input: value });
    return z.NEVER;
  }),
);
const isOrigin = (value: string): boolean => {
  const url = URL.parse(value);
  return url !== null && (url.protocol === "https:" || url.protocol === "http:") && url.origin === value;
};
const isLoopback = (host: string): boolean =>
  host === "localhost" || host === "[::1]" || /^127(?:\.[0-9]{1,3}){3}$/.test(host);
const serverUrl = z.string(says("must be text (a number needs quotes)")).check(
  z.refine((value: string) => {
    const url = URL.parse(value);
    if (url === null || url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
      return false;
    return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
  }, says(
    "must be the address of a trust server such as https://notary.example.test:4443 (plain http for loopback only)",
  )),
);

const demands = z.strictObject({
  minThreshold: z.optional(whole),
  maxLifetime: z.optional(duration),
  paths: z.optional(list(z.string(says("must be text (a number needs quotes)")))),
});

const settings = {
  server: z.optional(serverUrl),
  trustedAs: z.optional(pattern),
  tofu: z.optional(toggle),
  root: z.optional(
    z.strictObject({
      pins: z.optional(
        z.strictObject({
          keys: z.optional(list(keyId)),
          certificates: z.optional(list(keyId)),
          ca: z.optional(text),
        }),
      ),
      minThreshold: z.optional(whole),
      maxLifetime: z.optional(duration),
      onRotation: z.optional(choice(["repin", "anchor"])),
    }),
  ),
  roles: z.optional(z.record(roleOrTree, demands, says("must name roles")).check(atMost(most.list, "roles"))),
  lookup: z.optional(list(roleOrTree).check(z.minLength(1, says("must name at least one role")))),
  require: z.optional(list(role)),
  algorithms: z.optional(
    list(choice(algorithms)).check(z.minLength(1, says("must name at least one algorithm"))),
  ),
  signatures: z.optional(
    z.strictObject({ maxAge: z.optional(duration), unknownAge: z.optional(choice(["allow", "refuse"])) }),
  ),
  offline: z.optional(z.strictObject({ maxAge: duration })),
  maxVersionStep: z.optional(step),
  retention: z.optional(
    z.strictObject({
      timestamps: z.optional(duration),
      snapshots: z.optional(duration),
      targets: z.optional(duration),
      delegations: z.optional(duration),
    }),
  ),
};
const defaultsSchema = z.strictObject(settings);
const ruleSchema = z.strictObject({ match: pattern, ...settings });

const serverSettings = z.strictObject({
  ca: z.optional(text),
  clientCertificate: z.optional(z.strictObject({ certificate: text, key: text })),
  tokenRealms: z.optional(
    list(
      z
        .string(says("must be text (a number needs quotes)"))
        .check(z.refine(isOrigin, says("must be an origin such as https://auth.example.test"))),
    ),
  ),
});

export const policySchema = z.strictObject(
  {
    version: z.optional(z.literal(1, says("must be 1: this program knows no other version of the policy"))),
    default: z.optional(choice(["refuse", "unverified"])),
    server: z.optional(serverUrl),
    servers: z.optional(
      z
        .record(serverUrl, serverSettings, says("must name servers by their addresses"))
        .check(atMost(most.servers, "servers")),
    ),
    defaults: z.optional(defaultsSchema),
    repositories: z.optional(
      z
        .array(ruleSchema, says("must be a list of rules"))
        .check(z.maxLength(most.rules, says("has too many rules"))),
    ),
  },
  says("must be an object with keys such as default, servers and repositories"),
);

/** The keys that `defaults` fills in a rule. */
export const settingKeys = Object.keys(settings) as readonly (keyof typeof settings)[];

export type Settings = z.output<typeof defaultsSchema>;

/** The keys that a place of the file may have. */
export function keysAt(path: readonly (string | number)[]): readonly string[] {
  const [first, ...rest] = path;
  if (first === undefined) return Object.keys(policySchema.def.shape);
  const inner = (first === "repositories" ? rest.slice(1) : rest).filter((each) => typeof each === "string");
  if (first === "servers")
    return inner.length > 1 ? ["certificate", "key"] : ["ca", "clientCertificate", "tokenRealms"];
  const last = inner.at(-1);
  if (last === "root") return ["pins", "minThreshold", "maxLifetime", "onRotation"];
  if (last === "pins") return ["keys", "certificates", "ca"];
  if (last === "signatures") return ["maxAge", "unknownAge"];
  if (last === "offline") return ["maxAge"];
  if (last === "retention") return ["timestamps", "snapshots", "targets", "delegations"];
  if (inner.includes("roles")) return Object.keys(demands.def.shape);
  return Object.keys(first === "defaults" ? settings : ruleSchema.def.shape);
}

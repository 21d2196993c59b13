/** The keys of `auth.oidc`: identity providers whose word counts, for workloads and for people. */
import { z } from "zod";
import { duration, list, structure, text, textWithDefault, toggle } from "./fields.ts";
import { parseDuration } from "./units.ts";

const claims = z.record(
  z.string().min(1).max(200),
  z.union([z.string().min(1).max(512), z.int(), z.boolean()]),
);
const allowed = z.strictObject({
  pattern: z.string().min(1).max(255),
  actions: z.array(z.string().min(1).max(32)).min(1).max(20),
});
const isAge = (age: number | undefined) => age !== undefined && age >= 60_000 && age <= 86_400_000;
const rule = z.strictObject({ claims, allow: z.array(allowed).min(1).max(50) });
const issuer = z.strictObject({
  issuer: z.string().min(1).max(2_048),
  audience: z.string().min(1).max(255),
  name: z.string().min(1).max(200).default("workload:{sub}"),
  algorithms: z.array(z.string()).min(1).max(20).optional(),
  // As it is written, so that what is shown can be read again.
  maxAge: z
    .string()
    .refine((written) => isAge(parseDuration(written)), "write 1m … 24h, such as 5m")
    .optional(),
  jwks: z.string().min(1).max(4_096).optional(),
  ca: z.string().min(1).max(4_096).optional(),
  rules: z.array(rule).min(1).max(1_000),
});

export const oidc = z.strictObject({
  issuers: structure(
    z.array(issuer).max(100).default([]),
    "Identity providers of workloads, such as a CI system, for auth.mode builtin: `issuer` and `audience` of their ID tokens, and `rules`, each with `claims` that must be so and what that allows (`allow`: `pattern` and `actions` as in `vidimus acl`). In a claim `*` is one or more characters other than / and :, and `**` any. Beside these: `name`, the principal's name (default `workload:{sub}`; another beginning for each issuer), `algorithms` and `maxAge` in the place of those of auth.oidc, `jwks`, a file or address of the keys (default: found by discovery), `ca`, a PEM file of the authority of the issuer's certificate. See docs/access.md.",
  ),
  algorithms: list(
    ["RS256", "PS256", "ES256", "ES384", "EdDSA"],
    "Algorithms that ID tokens may be signed with: all of them asymmetric.",
  ),
  maxAge: duration(
    { least: "1m", most: "24h", value: "1h" },
    "How long after it was made an ID token counts, where its issuer has no `maxAge` of its own: the tokens of some are made for one exchange, those of others when a long job begins.",
  ),
  clockSkew: duration(
    { least: "0s", most: "5m", value: "60s" },
    "By how much the clocks of providers may differ from this server's: the same for all, since it is this server's clock that is off or not. RFC 7519 (4.1.4) advises no more than a few minutes.",
  ),
  allowPrivate: toggle(
    false,
    "Fetch keys from private, loopback and link-local addresses, too; from loopback also by plain HTTP.",
  ),
  login: z
    .strictObject({
      issuer: text("Identity provider by which people log in with `vidimus login`. Needs auth.mode builtin."),
      clientId: text("What `vidimus login` calls itself there: a public client, without a secret."),
      scopes: list(["openid"], "What it asks the provider for. `openid` must be among them."),
      name: textWithDefault(
        "{sub}",
        "Who somebody is here: oidc: and what this template makes of the claims. Claims that people can choose, such as a nickname, make them whom they choose.",
      ),
      claims: structure(
        claims.prefault({}),
        "Claims that must be so, as in auth.oidc.issuers; without any, everybody whom the provider knows can log in, and has what was given to them or to anyone.",
      ),
      jwks: text("File or address of the provider's keys. Default: found by discovery."),
      ca: text("PEM file of the authority of the provider's certificate, if it is not a public one."),
      sessionLifetime: duration(
        { least: "5m", most: "90d", value: "12h" },
        "How long a login lasts. Whoever loses their account at the provider stays logged in for so long, unless disabled here.",
      ),
    })
    .prefault({}),
});

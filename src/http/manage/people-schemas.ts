/** What the management API takes and gives about people, teams, machines and permissions. */
import { z } from "zod";

const name = z.string().min(1).max(128).meta({ description: "Letters, digits and . _ @ + -" });
const password = z.string().min(1).max(512);
const instant = z.iso.datetime().meta({ description: "RFC 3339, UTC." });
const subject = z
  .string()
  .max(200)
  .meta({ description: "user:NAME, team:NAME, or anyone: also whoever is not known." });
const pattern = z.string().min(1).max(255).meta({
  description: "A repository's name, where * stands for one segment and ** for one or more.",
});
const actions = z
  .array(z.string().max(32))
  .min(1)
  .max(10)
  .meta({ description: "Of pull, push, propose, *; with the pattern ** also catalog, audit, admin." });
const count = z.string().regex(/^[0-9]{1,9}$/);

export const addUserBody = z.strictObject({
  name,
  password: password.optional().meta({ description: "Without one: verified elsewhere." }),
});
export const changeUserBody = z.strictObject({ disabled: z.boolean() });
export const passwordBody = z.strictObject({
  password,
  current: password.optional().meta({ description: "Needed for one's own." }),
});
export const addTeamBody = z.strictObject({ name });
export const scope = z.strictObject({ pattern, actions });
export const addTokenBody = z.strictObject({
  name,
  owner: name.optional().meta({ description: "A user: disabled or removed, and the token ends." }),
  scopes: z.array(scope).min(1).max(50),
  lifetime: z.int().positive().meta({ description: "Seconds, at most 366 days." }),
});
export const permission = z.strictObject({ subject, pattern, actions });

export const pageQuery = z.strictObject({
  after: z.string().max(255).optional().meta({ description: "Name that the page comes after." }),
  limit: count.optional().meta({ description: "1 to 1000; 200 without." }),
});
export const permissionQuery = z.strictObject({ subject, pattern });
export const explainQuery = z.strictObject({
  subject: z.string().max(200).meta({ description: "user:NAME, team:NAME, token:NAME, or anyone." }),
  action: z.string().max(32),
  repository: z.string().max(255).optional(),
});
export const logoutBody = z.strictObject({
  session: z.string().min(1).max(200).meta({ description: "The refresh token of the session that ends." }),
});

const next = z.string().optional().meta({ description: "Where the next page begins: give it as `after`." });
const warnings = z
  .array(z.string())
  .optional()
  .meta({ description: "What was taken as it is, and may not be meant: names that nobody has." });
export const done = z.strictObject({ format: z.literal("vidimus-done/1"), warnings });
export const sessionsEnded = z.strictObject({
  format: z.literal("vidimus-done/1"),
  sessions: z.int().meta({ description: "Logins that ended with it." }),
});
export const sessionList = z.strictObject({
  format: z.literal("vidimus-sessions/1"),
  sessions: z.array(
    z.strictObject({
      id: z.string().meta({ description: "16 hexadecimal digits, to end it by." }),
      created: instant,
      expires: instant,
    }),
  ),
});
export const userList = z.strictObject({
  format: z.literal("vidimus-users/1"),
  users: z.array(
    z.strictObject({
      name,
      created: instant,
      disabled: z.boolean(),
      password: z.boolean().meta({ description: "Whether there is one here." }),
    }),
  ),
  next,
});
export const teamList = z.strictObject({
  format: z.literal("vidimus-teams/1"),
  teams: z.array(z.strictObject({ name, created: instant, members: z.array(name) })),
  next,
});
export const tokenList = z.strictObject({
  format: z.literal("vidimus-tokens/1"),
  tokens: z.array(
    z.strictObject({
      name,
      owner: z.string(),
      scopes: z.array(scope),
      created: instant,
      expires: instant,
      revoked: instant.optional(),
    }),
  ),
  next,
});
export const newToken = z.strictObject({
  format: z.literal("vidimus-token/1"),
  name,
  token: z.string().meta({ description: "Shown this once, and stored nowhere." }),
  expires: instant,
  warnings,
});
export const permissionList = z.strictObject({
  format: z.literal("vidimus-permissions/1"),
  permissions: z.array(permission),
});
export const explanation = z.strictObject({
  format: z.literal("vidimus-explanation/1"),
  allowed: z.boolean(),
  disabled: z
    .boolean()
    .meta({ description: "The user cannot log in, or the token counts no more, whatever is permitted." }),
  by: permission.optional().meta({ description: "What allows it." }),
  near: z.array(permission).meta({ description: "Of what was given, what is for this repository." }),
  warnings,
});
export const loginOffer = z.strictObject({
  format: z.literal("vidimus-login/1"),
  issuer: z.string().meta({ description: "The identity provider: OpenID Connect, found by discovery." }),
  clientId: z.string().meta({ description: "What a client calls itself there; it has no secret." }),
  scopes: z.array(z.string()).meta({ description: "What it asks the provider for." }),
  realm: z.string().meta({ description: "Where the ID token is exchanged." }),
  service: z.string(),
});

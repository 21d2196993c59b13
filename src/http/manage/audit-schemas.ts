/** What questions about the past and the register of keys take and give. */
import { z } from "zod";
import { type AuditQuestion, auditQuestions } from "../../service/audit/audit-service.ts";

const instant = z.iso.datetime({ offset: true }).meta({ description: "RFC 3339." });
const keyId = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .meta({ description: "ID of a key, 64 hexadecimal digits." });
const count = z.string().regex(/^[0-9]{1,9}$/);

const asked = {
  at: instant.optional().meta({ description: "The instant that is asked about; now without." }),
  repository: z.string().min(1).max(255),
  role: z.string().min(1).max(255),
  path: z.string().min(1).max(4_096).meta({ description: "Name of a target." }),
  key: keyId,
  owner: z.string().min(1).max(255),
  days: count.meta({ description: "Whole days, at most 36500." }),
  from: count.meta({ description: "A version; the one before without, 0 for none." }),
  to: count.meta({ description: "A version; the one that was current at the instant without." }),
  after: z.string().max(4_096).optional().meta({ description: "The `next` of the answer before." }),
};
const { at, after } = asked;
const repository = asked.repository.optional().meta({ description: "Only of this one; of all without." });

/** What each question may be given, and must be given. */
export const auditQueries = {
  "could-sign": z.strictObject({ repository: asked.repository, path: asked.path, at }),
  signatures: z.strictObject({
    repository,
    role: asked.role.optional(),
    key: keyId.optional().meta({ description: "Only by this key: of the bare key, or as it is listed." }),
    at,
    after,
  }),
  changes: z.strictObject({
    repository: asked.repository,
    role: asked.role,
    from: asked.from.optional(),
    to: asked.to.optional(),
    at,
  }),
  keys: z.strictObject({ repository, key: keyId.optional(), at, after }),
  "shared-keys": z.strictObject({ repository, at }),
  "silent-keys": z.strictObject({ repository, days: asked.days, at, after }),
  person: z.strictObject({ owner: asked.owner, repository, at, after }),
  "old-signatures": z.strictObject({ repository, role: asked.role.optional(), days: asked.days, at, after }),
  "what-if": z.strictObject({
    repository: asked.repository,
    key: keyId.optional().meta({ description: "If this key were revoked." }),
    role: asked.role.optional().meta({ description: "If this delegation were removed." }),
    until: instant.optional().meta({ description: "If nobody signed until then." }),
    at,
  }),
  expiring: z.strictObject({ repository, days: asked.days, at, after }),
} as const satisfies Record<AuditQuestion, z.ZodObject>;

export const auditSummaries: Record<AuditQuestion, string> = {
  "could-sign": "Who could sign a path at an instant: keys, thresholds, and through which delegations.",
  signatures: "Who signed what, when it was published, and since when each signature counts.",
  changes: "What changed between two versions of a role, with what weakens marked.",
  keys: "Where keys are listed at an instant.",
  "shared-keys": "Keys that serve several roles or repositories at an instant.",
  "silent-keys": "Keys that may sign at an instant and have not for so many days.",
  person: "Where the keys are listed that were a person's at the instant, by the register.",
  "old-signatures": "Entries that were signed, or first seen, more than so many days before an instant.",
  "what-if":
    "What would break, role by role and name by name, if a key were revoked, a delegation removed, or nobody signed until an instant: by the verifier that clients use.",
  expiring:
    "Files that were current at an instant, and certificates that they listed, that end within so many days: what /api/v1/expiring says of repositories, for any instant, with the online roles.",
};

const cell = z.union([z.string(), z.number(), z.boolean(), z.null(), z.array(z.string())]);

export const auditAnswer = z.strictObject({
  format: z.literal("vidimus-audit/1"),
  question: z.enum(auditQuestions),
  at: instant,
  lines: z.array(z.record(z.string(), cell)).meta({
    description: "Every line has the same members; docs/audit.md says what they mean.",
  }),
  next: z.string().optional().meta({ description: "There is more: give it as `after`." }),
  notKept: z.boolean().meta({
    description:
      "Files were taken away by retention: the answer cannot be verified again, and may lack some lines.",
  }),
});

export const keysQuery = z.strictObject({
  owner: asked.owner.optional(),
  after: z
    .string()
    .regex(/^[0-9a-f]{64}@[0-9]{1,15}$/)
    .optional()
    .meta({ description: "The `next` of the answer before." }),
});

const registered = {
  key: keyId.meta({ description: "ID of the bare key." }),
  owner: asked.owner,
  custody: z.string().max(255).meta({ description: "Where its private half is kept, in words." }),
  since: instant,
  until: instant.optional(),
};

export const registerBody = z.strictObject(registered);
export const denyBody = z.strictObject({ reason: z.string().max(1_000) });
export const allowBody = z.strictObject({}).optional();

export const keyList = z.strictObject({
  format: z.literal("vidimus-keys/1"),
  keys: z.array(
    z.strictObject({ ...registered, registered: z.strictObject({ at: instant, by: z.string() }) }),
  ),
  next: z.string().optional(),
});

export const deniedList = z.strictObject({
  format: z.literal("vidimus-denied-keys/1"),
  keys: z.array(z.strictObject({ key: keyId, at: instant, by: z.string(), reason: z.string() })),
});

export const keyChange = z.strictObject({
  format: z.literal("vidimus-key-change/1"),
  key: keyId,
  changed: z.boolean().meta({ description: "False: it was so already." }),
  proposals: z
    .array(
      z.strictObject({
        repository: z.string(),
        id: z.string(),
        roles: z.array(z.string()).meta({ description: "Those that the key has signed." }),
        outcome: z.enum(["unaffected", "waits", "stuck"]).meta({
          description:
            "unaffected: others have signed enough; waits: others can sign in its place; stuck: there are not enough of them.",
        }),
      }),
    )
    .optional()
    .meta({ description: "Of a denial: the open proposals that hold a signature of the key." }),
});

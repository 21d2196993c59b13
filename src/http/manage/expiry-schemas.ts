/** What the management API takes and gives of expiry, old signatures and retention. */
import { z } from "zod";
import { expiryKinds } from "../../service/expiry/expiry-service.ts";

const instant = z.iso.datetime().meta({ description: "RFC 3339, UTC." });
const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds. */
const duration = z
  .string()
  .regex(/^[0-9]{1,6}[smhd]$/, "write a duration such as 90d")
  .meta({ description: "A whole number with its unit: 90d, 12h, 30m or 60s." });

export function milliseconds(text: string): number {
  return Number(text.slice(0, -1)) * units[text.slice(-1) as keyof typeof units];
}

const repository = z.string().min(1).max(4_096);
const count = z.string().regex(/^[0-9]{1,9}$/);
const after = repository
  .optional()
  .meta({ description: "Where the page begins: `next` of the one before it." });

export const expiringQuery = z.strictObject({
  within: duration.optional().meta({ description: "How far ahead; 90d without." }),
  after,
  limit: count.optional().meta({ description: "Repositories that are looked at: 1 to 200; 100 without." }),
});

export const expiring = z.strictObject({
  format: z.literal("vidimus-expiring/1"),
  at: instant,
  before: instant,
  expiring: z.array(
    z.strictObject({
      kind: z.enum(expiryKinds),
      expires: instant,
      repository: repository.optional().meta({ description: "Absent: it is the server's." }),
      role: z.string().optional(),
      name: z.string().optional().meta({
        description: "Of a file, its version; of a certificate, its subject; of a token, its name.",
      }),
      keyId: z.string().optional().meta({ description: "Of the key that a certificate is for." }),
      owner: z.string().optional().meta({ description: "Of a token: the user that it was made for." }),
    }),
  ),
  next: repository.optional().meta({ description: "There is more: give it as `after`." }),
});

export const oldSignaturesQuery = z.strictObject({
  olderThan: duration.optional().meta({ description: "180d without." }),
  after,
  limit: count.optional().meta({ description: "Repositories that are looked at: 1 to 200; 100 without." }),
});

export const oldSignatures = z.strictObject({
  format: z.literal("vidimus-old-signatures/1"),
  at: instant,
  before: instant,
  signatures: z.array(
    z.strictObject({
      repository,
      role: z.string(),
      target: z.string(),
      signed: instant.optional().meta({ description: "The date inside the signed bytes." }),
      firstSeen: instant.optional().meta({
        description: "Without such a date: since when this server has had it without a break.",
      }),
      orOlder: z
        .boolean()
        .optional()
        .meta({ description: "With firstSeen: what came before is not stored any more." }),
    }),
  ),
  next: repository.optional().meta({ description: "There is more: give it as `after`." }),
});

export const retentionQuery = z.strictObject({
  after,
  limit: count.optional().meta({ description: "Repositories that are looked at: 1 to 50; 50 without." }),
  targets: duration.optional().meta({
    description: "Also targets that were superseded for so long; without, as the policy says, or none.",
  }),
  delegations: duration.optional().meta({ description: "The same of delegated roles." }),
});

export const retentionBody = retentionQuery.omit({ limit: true }).extend({
  limit: z.int().min(1).max(50).optional(),
});

export const retention = z.strictObject({
  format: z.literal("vidimus-retention/1"),
  done: z.boolean().meta({ description: "Whether the files are gone, or only would go." }),
  files: z.array(
    z.strictObject({
      repository,
      role: z.string(),
      version: z.int(),
      sha256: z.string(),
      length: z.int(),
      stored: instant,
    }),
  ),
  next: repository.optional().meta({ description: "There is more: give it as `after`." }),
});

/**
 * What the management API takes and gives, once: requests are checked by these, and the OpenAPI document is made of them.
 *
 * Bounds stand here as far as they are properties of the API; what is a matter of the server's room is checked by the
 * service.
 */
import { z } from "zod";

const keyId = z.string().min(1).max(128).meta({ description: "ID of the key as the role lists it." });
const instant = z.iso.datetime().meta({ description: "RFC 3339, UTC." });

export const signature = z
  .strictObject({
    keyid: keyId,
    method: z.string().max(64).meta({ description: "As in metadata: ecdsa, eddsa, rsapss." }),
    sig: z.base64().max(4_096),
  })
  .meta({ description: "An entry of `signatures` as it stands in metadata." });

const role = z.string().min(1).max(255).meta({ description: "root, targets, or a delegation." });
const signatures = z.array(signature).max(64);

export const openBody = z.strictObject({
  files: z
    .array(
      z.strictObject({
        role,
        signed: z.string().min(2).meta({
          description: "The signed part in canonical form, byte for byte as it is to be signed.",
        }),
        signatures: signatures.optional(),
      }),
    )
    .min(1)
    .max(1_000),
  note: z.string().max(16_000).optional(),
  release: z.string().max(1_000).optional().meta({ description: "A label, to find what belongs together." }),
  lifetime: z.int().positive().optional().meta({ description: "Seconds until it expires." }),
});

export const signaturesBody = z.strictObject({
  files: z.array(z.strictObject({ role, signatures })).max(1_000),
});

export const rejectionBody = z.strictObject({
  role: role.meta({ description: "A role of the proposal that the key could sign." }),
  statement: z.string().max(8_192).meta({
    description:
      'In canonical form: {"_type":"Rejection","digest":…,"proposal":…,"reason":…,"repository":…}, the digest being the proposal\'s.',
  }),
  signature,
});

export const cancelBody = z.strictObject({}).optional();

export const state = z.enum(["open", "published", "rejected", "cancelled", "expired", "superseded"]);

const head = {
  id: z.string(),
  repository: z.string(),
  state,
  revision: z.int().meta({ description: "Grows with every change." }),
  opened: z.strictObject({ at: instant, by: z.string() }),
  expires: instant,
  settled: instant.optional().meta({ description: "When it ended." }),
  note: z.string(),
  release: z.string(),
  digest: z
    .string()
    .meta({ description: "SHA-256 over the signed parts of all files, by the names of their roles." }),
  complete: z
    .boolean()
    .meta({ description: "Nothing is missing, and nothing has kept it from being published." }),
  reason: z.string().meta({ description: "Why it ended, or could not be published." }),
  base: z.record(z.string(), z.int()).meta({ description: "The versions that it rests on; 0 for none." }),
};

export const proposal = z.strictObject({
  format: z.literal("vidimus-proposal/1"),
  ...head,
  files: z.array(
    z.strictObject({
      role,
      version: z.int(),
      signed: z.string(),
      signatures,
      denied: z.array(keyId).meta({
        description: "While it is open: whose signatures do not count, for their keys are denied.",
      }),
      needs: z
        .array(
          z.strictObject({
            by: z.enum(["current", "proposed"]),
            threshold: z.int(),
            signed: z.array(keyId),
            missing: z.array(keyId),
            met: z.boolean(),
          }),
        )
        .meta({
          description: "While it is open: whose signatures it needs. Of a root, by the old and the new.",
        }),
    }),
  ),
  events: z.array(
    z.strictObject({
      at: instant,
      kind: z.enum([
        ...state.options.filter((each) => each !== "open"),
        "opened",
        "proposed",
        "signed",
        "backed",
        "failed",
      ]),
      by: z.string(),
      detail: z.string(),
    }),
  ),
});

export const proposalList = z.strictObject({
  format: z.literal("vidimus-proposals/1"),
  proposals: z.array(
    z.strictObject({
      ...head,
      files: z.array(z.strictObject({ role, version: z.int(), signedBy: z.array(keyId) })),
    }),
  ),
  next: z.string().optional().meta({ description: "Where the next page begins: give it as `before`." }),
});

const onlineRole = z.enum(["timestamp", "snapshot"]);

export const adoptBody = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        role: onlineRole,
        private: z.base64().min(1).max(8_192).meta({ description: "PKCS#8 DER, ECDSA on P-256 or Ed25519." }),
      }),
    )
    .min(1)
    .max(32),
});

export const onlineKeys = z.strictObject({
  format: z.literal("vidimus-online-keys/1"),
  repository: z.string(),
  roles: z.array(
    z.strictObject({
      role: onlineRole,
      threshold: z.int(),
      keys: z.array(
        z.strictObject({
          id: keyId,
          held: z.boolean().meta({ description: "Whether this server can sign with it." }),
        }),
      ),
    }),
  ),
});

export const refusal = z.strictObject({
  errors: z
    .array(
      z.strictObject({
        code: z.string().meta({ description: "Stable; also in the header vidimus-code." }),
        message: z.string(),
        role: z.string().optional(),
        detail: z.record(z.string(), z.union([z.string(), z.number(), z.array(z.string())])).optional(),
      }),
    )
    .length(1),
});

/** Longest wait for a change, in seconds: below what proxies and idle connections commonly allow. */
export const maxWait = 20;

const count = z.string().regex(/^[0-9]{1,9}$/);
const place = z.string().regex(/^[0-9a-f]{16}$/);

export const listQuery = z.strictObject({
  state: state.optional(),
  before: place.optional().meta({ description: "ID of the proposal that the page comes after." }),
  limit: count.optional().meta({ description: "1 to 200; 50 without." }),
  release: z.string().min(1).max(1_000).optional(),
});

export const proposalQuery = z.strictObject({
  wait: count
    .optional()
    .meta({ description: `Seconds, at most ${maxWait}: answer when it changes, or then.` }),
  since: count.optional().meta({ description: "With wait: the revision that is known." }),
});

const entryNumber = z.string().regex(/^\d{1,15}$/);

export const trailQuery = z.strictObject({
  repository: z.string().max(255).optional(),
  kind: z.string().max(100).optional().meta({ description: "Such as repository.published." }),
  actor: z.string().max(255).optional().meta({ description: "Name of who did it." }),
  since: instant.optional().meta({ description: "RFC 3339, UTC: at this time or later." }),
  until: instant.optional().meta({ description: "RFC 3339, UTC: before this time." }),
  after: entryNumber.optional().meta({ description: "What comes after the entry of this number." }),
  limit: entryNumber.optional().meta({ description: "Entries of the page, 1 to 1000; 100 without." }),
});

export const trail = z.strictObject({
  format: z.literal("vidimus-audit-trail/1"),
  entries: z.array(
    z.strictObject({
      number: z.int(),
      at: z.int().meta({ description: "Milliseconds since 1970 UTC." }),
      kind: z.string(),
      actor: z.strictObject({ name: z.string(), method: z.string(), address: z.string() }),
      repository: z.string().meta({ description: "Empty: it is about the server." }),
      detail: z.string().meta({ description: "Canonical JSON, as its hash covers it." }),
      hash: z.string(),
    }),
  ),
  next: z.int().optional().meta({
    description: "`after` of the next page, also of an empty one. Without it there is nothing further now.",
  }),
});

export const trailHead = z.strictObject({
  format: z.literal("vidimus-audit-head/1"),
  number: z.int(),
  hash: z.string(),
  at: z.int().meta({ description: "Milliseconds since 1970 UTC." }),
  key: z
    .strictObject({ id: z.string(), keytype: z.string(), public: z.string() })
    .optional()
    .meta({ description: "Absent until the first head was signed." }),
});

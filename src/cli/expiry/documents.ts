/** The documents of the server, as far as these commands read them. */
import { z } from "zod";
import { PublishError } from "../../publisher/errors.ts";

const next = z.string().optional();

const expiringPage = z.object({
  at: z.string(),
  before: z.string(),
  expiring: z.array(
    z.object({
      kind: z.string(),
      expires: z.string(),
      repository: z.string().optional(),
      role: z.string().optional(),
      name: z.string().optional(),
      keyId: z.string().optional(),
      owner: z.string().optional(),
    }),
  ),
  next,
});
const signaturesPage = z.object({
  at: z.string(),
  before: z.string(),
  signatures: z.array(
    z.object({
      repository: z.string(),
      role: z.string(),
      target: z.string(),
      signed: z.string().optional(),
      firstSeen: z.string().optional(),
      orOlder: z.boolean().optional(),
    }),
  ),
  next,
});
const retentionPage = z.object({
  done: z.boolean(),
  files: z.array(
    z.object({
      repository: z.string(),
      role: z.string(),
      version: z.number(),
      sha256: z.string(),
      length: z.number(),
      stored: z.string(),
    }),
  ),
  next,
});

/** Throws `SERVER_REFUSED`. */
function reading<S extends z.ZodType>(schema: S): (document: unknown) => z.output<S> {
  return (document) => {
    const result = schema.safeParse(document);
    if (result.success) return result.data;
    throw new PublishError(
      "SERVER_REFUSED",
      "The server answers otherwise than this command expects: use the vidimus of its version.",
      { cause: result.error },
    );
  };
}

export const readExpiring = reading(expiringPage);
export const readSignatures = reading(signaturesPage);
export const readRetention = reading(retentionPage);

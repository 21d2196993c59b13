/** What the management API takes and gives about repositories that were made elsewhere. */
import { z } from "zod";

const role = z.string().min(1).max(255).meta({ description: "root, targets, or a delegation." });
const bytes = z.base64().min(4).meta({ description: "A file, byte for byte." });
const version = z.int();
const sha256 = z.string().meta({ description: "Lower-case hexadecimal." });
const named = z.array(z.strictObject({ role, bytes })).max(10_000);

export const takeOverBody = z.strictObject({
  origin: z.string().max(4_096).meta({ description: "Where it was taken from, for the record." }),
  roots: z.array(bytes).min(1).max(10_000).meta({ description: "All that are to be had, ascending." }),
  files: named.meta({ description: "The current file of every other role." }),
  dryRun: z.boolean().default(false).meta({ description: "Say what would come of it, and change nothing." }),
});

export const taken = z.strictObject({
  format: z.literal("vidimus-import/1"),
  changed: z.boolean().meta({ description: "False: it was here, the same to the byte." }),
  revision: z.int(),
  incarnation: z.int(),
  remarks: z
    .array(z.strictObject({ code: z.string(), role }))
    .meta({ description: "EXPIRED; UNUSABLE: clients pass it over; ABSENT: listed, and nobody needs it." }),
});

export const standing = z.strictObject({
  format: z.literal("vidimus-import-standing/1"),
  exists: z.boolean(),
  revision: z.int(),
  incarnation: z.int(),
  current: z.array(z.strictObject({ role, version, sha256 })),
  imported: z.strictObject({ at: z.iso.datetime(), origin: z.string() }).optional(),
  adopted: z.boolean().meta({ description: "The key of its timestamps is held here." }),
});

export const versionsQuery = z.strictObject({
  role,
  after: z
    .string()
    .regex(/^[0-9]{1,10}$/)
    .optional()
    .meta({ description: "The version that the page comes after." }),
});

export const versions = z.strictObject({
  format: z.literal("vidimus-import-versions/1"),
  versions: z.array(z.strictObject({ version, sha256 })),
  next: z.int().optional().meta({ description: "Where the next page begins: give it as `after`." }),
});

export const pastBody = z.strictObject({
  incarnation: z.int().meta({ description: "As the answer to the import had it." }),
  files: named.min(1).meta({
    description: "Timestamps and what they lead to. What is here already may be left out.",
  }),
});

export const added = z.strictObject({
  format: z.literal("vidimus-import-past/1"),
  added: z.int().meta({ description: "Files that were not here." }),
});

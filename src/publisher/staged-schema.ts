/** The file of staged edits as it is read: nothing that is not known is passed over. */
import { z } from "zod";
import { notaryKeyId } from "../core/keys.ts";
import { isRepositoryName, isTargetsRole, topRoles } from "../core/names.ts";
import type { Staged } from "./edits.ts";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const targetsRole = z.string().refine(isTargetsRole);
const json: z.ZodType = z.json();
const listedKey = z
  .strictObject({ id: sha256, keytype: z.string().max(64), public: z.string().max(65_536) })
  .refine(({ id, keytype, public: text }) => id === notaryKeyId(keytype, text));
const target = z.strictObject({
  length: z.int().min(0),
  sha256,
  sha512: z
    .string()
    .regex(/^[0-9a-f]{128}$/)
    .optional(),
  custom: json.optional(),
});
const threshold = z.int().min(1).max(256);

const edit = z.discriminatedUnion("edit", [
  z.strictObject({
    edit: z.literal("add"),
    role: targetsRole,
    name: z.string().min(1).max(4_096),
    target,
    stood: sha256.nullable(),
  }),
  z.strictObject({ edit: z.literal("remove"), role: targetsRole, name: z.string().min(1), stood: sha256 }),
  z.strictObject({
    edit: z.literal("delegation"),
    role: targetsRole,
    addKeys: z.array(listedKey).optional(),
    removeKeys: z.array(sha256).optional(),
    addPaths: z.array(z.string()).optional(),
    removePaths: z.array(z.string()).optional(),
    threshold: threshold.optional(),
  }),
  z.strictObject({ edit: z.literal("delegation-removal"), role: targetsRole }),
  z.strictObject({
    edit: z.literal("keys"),
    role: z.enum(topRoles),
    add: z.array(listedKey),
    remove: z.array(sha256),
  }),
  z.strictObject({ edit: z.literal("threshold"), role: z.enum(topRoles), threshold }),
  z.strictObject({
    edit: z.literal("resign"),
    role: z.union([z.literal("root"), targetsRole]),
    dated: z.boolean(),
  }),
]);

const staged = z.strictObject({
  format: z.literal("vidimus-staged/1"),
  server: z.string().min(1).max(2_048),
  repository: z.string().refine((name) => isRepositoryName(name, { older: true })),
  edits: z.array(edit).min(1),
});

/** What is staged, or what is wrong with the text. */
export function readStaged(text: string): Staged | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "it is not JSON";
  }
  const read = staged.safeParse(value);
  if (read.success) {
    const { server, repository, edits } = read.data;
    // What is undefined in the schema's type is never there in JSON.
    return { server, repository, edits: edits as Staged["edits"] };
  }
  const [issue] = read.error.issues;
  return `${issue?.path.join(".") || "it"}: ${issue?.message ?? "not as it must be"}`;
}

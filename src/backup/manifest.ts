/**
 * The first file in a backup: what is in it, and what each part must be.
 *
 * - A part has one of the names below, so that no name from a backup ever becomes a path.
 * - The number of the format grows when an older Vidimus could not restore what a newer one wrote. It is looked at
 *   before anything else.
 */
import { z } from "zod";
import { BackupError, damaged, notABackup } from "./errors.ts";

/** Every part there can be, in the order in which they lie in a backup, with its most bytes. */
export const partBounds = {
  "configuration.json": 1024 * 1024,
  "tls/ca.crt": 64 * 1024,
  "tls/ca.key": 64 * 1024,
  "tls/server.pem": 64 * 1024,
  kek: 4_097,
  "vidimus.sqlite": Number.MAX_SAFE_INTEGER,
} as const satisfies Record<string, number>;

export type PartName = keyof typeof partBounds;

export const manifestName = "manifest.json";
/** In bytes. */
export const maxManifest = 64 * 1024;
const formatName = "vidimus-backup";
const formatVersion = 1;

const count = z.int().min(0);

const schema = z.strictObject({
  format: z.literal(formatName),
  version: z.literal(formatVersion),
  /** When the copy of the store was taken, RFC 3339 in UTC. */
  made: z.iso.datetime(),
  /** The Vidimus that made it. */
  by: z.string().max(100),
  store: z.strictObject({
    /** The last migration in it, without the ending. */
    schema: z.string().max(200),
    counts: z.strictObject({
      repositories: count,
      metadata: count,
      publications: count,
      changes: count,
      onlineKeys: count,
    }),
  }),
  secretIncluded: z.boolean(),
  parts: z
    .array(
      z.strictObject({
        name: z.enum(Object.keys(partBounds) as [PartName, ...PartName[]]),
        bytes: count,
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      }),
    )
    .max(Object.keys(partBounds).length),
});

export type Manifest = z.output<typeof schema>;
export type Part = Manifest["parts"][number];
/** What of a store is compared after it was restored. */
export type StoreFacts = Manifest["store"];

export function writeManifest(facts: Omit<Manifest, "format" | "version">): Uint8Array {
  const manifest: Manifest = { format: formatName, version: formatVersion, ...facts };
  return Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
}

/** Throws `NOT_A_BACKUP`, `BACKUP_NEWER` or `BACKUP_DAMAGED`. */
export function readManifest(bytes: Uint8Array): Manifest {
  const value = parseJson(bytes);
  const { format, version } = z.looseObject({}).safeParse(value).data ?? {};
  if (format !== formatName) throw notABackup();
  if (Number.isSafeInteger(version) && Number(version) > formatVersion) {
    throw new BackupError(
      "BACKUP_NEWER",
      `The backup has format ${version}, this Vidimus knows ${formatVersion}: use the version that made it, or a later one.`,
    );
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw damaged("its manifest", parsed.error);
  const names = parsed.data.parts.map(({ name }) => name);
  const missing = names.at(-1) !== "vidimus.sqlite" || new Set(names).size !== names.length;
  const tooLong = parsed.data.parts.some(({ name, bytes: length }) => length > partBounds[name]);
  if (missing || tooLong || names.includes("kek") !== parsed.data.secretIncluded)
    throw damaged("its manifest");
  return parsed.data;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw notABackup(error);
  }
}

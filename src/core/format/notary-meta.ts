/** What Notary files say of other files: digests, snapshot, timestamp (notary-protocol.md 3.3). */
import { isBase64 } from "../bytes.ts";
import { MalformedError } from "../errors.ts";
import { type JsonObject, member } from "../json.ts";
import { maxSnapshotEntries } from "../limits.ts";
import type { FileReference, Hashes, Snapshot, Timestamp } from "../model.ts";
import { isTargetsRole } from "../names.ts";
import { eachEntry, entries, length, Shape } from "../shape.ts";

const referenceShape = new Shape("an entry of meta", ["hashes", "length"]);

/** Bytes of each digest that we know. */
const digestSizes = new Map([
  ["sha256", 32],
  ["sha512", 64],
]);
const maxAlgorithms = 8;

/**
 * Throws unless one of the needed digests is listed, and every digest of an algorithm we know has its size. Files of
 * metadata need a sha256, by which they are fetched; a target may have a sha512 alone (`notary addhash --sha512`).
 */
export function checkHashes(object: JsonObject, what: string, needed: readonly string[]): void {
  let strong = false;
  eachEntry(object, "hashes", maxAlgorithms, (algorithm, value) => {
    const size = digestSizes.get(algorithm);
    if (size === undefined) return;
    if (typeof value !== "string" || !isBase64(value, size)) {
      throw new MalformedError(
        "BAD_ENCODING",
        `Write the ${algorithm} of ${what} as standard base64 of its bytes.`,
      );
    }
    if (needed.includes(algorithm)) strong = true;
  });
  if (!strong)
    throw new MalformedError("BAD_SHAPE", `missing ${needed.join(" or ")} checksum information of ${what}`);
}

/** Digests that `checkHashes` passed, as hex. */
export function readHashes(object: JsonObject): Hashes {
  const hashes = new Map<"sha256" | "sha512", string>();
  for (const [algorithm, value] of entries(object, "hashes", maxAlgorithms)) {
    if (algorithm === "sha256" || algorithm === "sha512") {
      hashes.set(algorithm, Buffer.from(value as string, "base64").toString("hex"));
    }
  }
  return hashes;
}

function readReference(role: string, value: ReturnType<typeof member>): FileReference {
  const entry = referenceShape.read(value);
  checkHashes(entry, role, ["sha256"]);
  return {
    hashes: readHashes(entry),
    length: member(entry, "length") === undefined ? undefined : length(entry),
    version: undefined,
  };
}

export function readSnapshot(signed: JsonObject): Pick<Snapshot, "meta"> {
  const meta = new Map<string, FileReference>();
  for (const [role, value] of entries(signed, "meta", maxSnapshotEntries)) {
    if (role !== "root" && !isTargetsRole(role)) {
      throw new MalformedError(
        "BAD_ROLE_NAME",
        "A snapshot lists root, targets and delegations of targets only.",
      );
    }
    meta.set(role, readReference(role, value));
  }
  for (const role of ["root", "targets"]) {
    if (!meta.has(role)) {
      throw new MalformedError(
        "BAD_SHAPE",
        `snapshot type metadata invalid: missing ${role} sha256 checksum information`,
      );
    }
  }
  return { meta };
}

export function readTimestamp(signed: JsonObject): Pick<Timestamp, "snapshot"> {
  const given = new Map(entries(signed, "meta", maxSnapshotEntries)).get("snapshot");
  if (given === undefined) {
    throw new MalformedError(
      "BAD_SHAPE",
      "timestamp type metadata invalid: missing snapshot sha256 checksum information",
    );
  }
  return { snapshot: readReference("snapshot", given) };
}

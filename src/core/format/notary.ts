/**
 * Notary v1's dialect of TUF (notary-protocol.md chapter 3).
 *
 * What is peculiar here: `_type` with a capital, no `spec_version`; keys without schemes, certificates as keys;
 * signatures with a `method`, in base64; digests in base64; dates with any offset and fraction; snapshot entries
 * named after roles, root among them, without versions; delegations named by their whole path, with plain
 * prefixes as paths; `null` for empty lists.
 *
 * Case variants of member names, members outside `signed`, and control characters in strings are refused
 * (docs/divergences.md).
 */

import { decodeBase64, sha256Hex } from "../bytes.ts";
import { canonicalBytes } from "../canonical.ts";
import { rootCertificateFault } from "../certificates.ts";
import { parseDate } from "../dates.ts";
import { MalformedError, VidimusError } from "../errors.ts";
import { type JsonObject, member, parseJson } from "../json.ts";
import { notaryKeyId } from "../keys.ts";
import { maxSignatures } from "../limits.ts";
import { kindOf, type Metadata, type SignatureEntry, type Signed } from "../model.ts";
import { list, Shape, text, version } from "../shape.ts";
import type { FormatRules } from "./format.ts";
import { readSnapshot, readTimestamp } from "./notary-meta.ts";
import { readRoot } from "./notary-root.ts";
import { readTargets } from "./notary-targets.ts";
import { notaryWriter, notaryTypes as types } from "./notary-write.ts";

const envelope = new Shape("the file", ["signed", "signatures"], "refused");
const signedPart = new Shape('"signed"', [
  "_type",
  "version",
  "expires",
  "consistent_snapshot",
  "keys",
  "roles",
  "targets",
  "delegations",
  "meta",
]);
const signatureEntry = new Shape("a signature", ["keyid", "method", "sig"], "refused");

export const notary: FormatRules = {
  name: "notary",
  keyId: notaryKeyId,

  parse(role, bytes) {
    try {
      return parse(role, bytes);
    } catch (error) {
      if (error instanceof MalformedError && error.role === undefined) {
        throw new MalformedError(error.code, error.message, {
          role,
          ...(error.detail && { detail: error.detail }),
          cause: error.cause,
        });
      }
      throw error;
    }
  },

  rootKeyFault: ({ certificates }, repository, at) =>
    certificates === undefined
      ? "a root key must be a certificate"
      : rootCertificateFault(certificates, repository, at),

  covers: (paths, target) => paths.some((path) => target.startsWith(path)),
  narrow: (parent, child) => child.filter((path) => parent.some((prefix) => path.startsWith(prefix))),

  ...notaryWriter,
};

function parse(role: string, bytes: Buffer): Metadata {
  const { value, spans } = parseJson(bytes, { controlCharacters: false });
  const file = envelope.read(value);
  const signed = signedPart.read(member(file, "signed"));
  const signatures = readSignatures(file);
  const content = readSigned(role, signed);
  const span = spans.get("signed");
  return {
    role,
    bytes,
    sha256: sha256Hex(bytes),
    // What the scanner found canonical is verified as it came; only other layouts are written anew.
    message: span?.canonical ? bytes.subarray(span.start, span.end) : canonicalBytes(signed),
    signatures,
    signed: content,
  };
}

function readSigned(role: string, signed: JsonObject): Signed {
  const kind = kindOf(role);
  const given = text(signed, "_type", 64);
  if (given !== types[kind]) {
    throw new MalformedError(
      "BAD_TYPE",
      `${kind} type metadata invalid: expected type ${types[kind]}, not ${safe(given)}`,
    );
  }
  const common = { version: version(signed), expires: parseDate(text(signed, "expires", 80)) };
  try {
    switch (kind) {
      case "root":
        return { kind, ...common, ...readRoot(signed) };
      case "targets":
        return { kind, ...common, ...readTargets(role, signed) };
      case "snapshot":
        return { kind, ...common, ...readSnapshot(signed) };
      case "timestamp":
        return { kind, ...common, ...readTimestamp(signed) };
    }
  } catch (error) {
    if (error instanceof VidimusError) throw error;
    throw new MalformedError("BAD_SHAPE", "The file has a shape that cannot be read.", { cause: error });
  }
}

function readSignatures(file: JsonObject): SignatureEntry[] {
  const seen = new Set<string>();
  return list(file, "signatures", maxSignatures).map((value) => {
    const entry = signatureEntry.read(value);
    const keyId = text(entry, "keyid", 128);
    if (seen.has(keyId)) throw new MalformedError("BAD_SHAPE", "Sign with each key ID at most once.");
    seen.add(keyId);
    const method = member(entry, "method");
    if (method !== undefined && typeof method !== "string") {
      throw new MalformedError("BAD_SHAPE", 'Make "method" a string.');
    }
    return { keyId, method: method ?? "", signature: decodeBase64(text(entry, "sig", 4_096), "signature") };
  });
}

/** Text from outside in a message: printable ASCII only, and short. */
function safe(given: string): string {
  return given.replace(/[^\x20-\x7e]/g, "?").slice(0, 32);
}

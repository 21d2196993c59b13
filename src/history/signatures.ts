/**
 * Who signed what, when, and since when a signature counts.
 *
 * Signatures carry no date: when a file was signed is not known, when this server first had it is. A signature counts from
 * the first instant at which the file was current and whoever gives its role keys listed this one. For a root the giver is the
 * root before it and the root itself.
 */
import { canonicalKeyId, type ListedKey, openKey } from "../core/keys.ts";
import type { Metadata, RoleKeys, Root, SignatureEntry, Targets } from "../core/model.ts";
import { parentRole } from "../core/names.ts";
import { countSignatures } from "../core/threshold.ts";
import { rootRole } from "../core/verify.ts";
import { instant, instantOrNull, type Line } from "./answer.ts";
import { currentAfter, currentUntil, type Open, type Past, type Row } from "./past.ts";

export interface SignatureOf {
  /** As the file names it, and as it is known whatever it is wrapped in; undefined where no giver lists it. */
  readonly keyId: string;
  readonly canonicalId: string | undefined;
  /** Which role's keys it counts among: the role, or `root before`. */
  readonly as: readonly string[];
  /** Undefined: it never counted. */
  readonly validSince: number | undefined;
}

export interface SignedVersion {
  readonly row: Row;
  readonly until: number | undefined;
  readonly principal: string | undefined;
  /** How many signatures the role needed when it was published, and how many counted. */
  readonly needed: number | undefined;
  readonly counted: number | undefined;
  readonly signatures: readonly SignatureOf[];
  /** The bytes are there: whoever doubts it can verify it again. */
  readonly kept: boolean;
}

/** A version with its signatures. */
export async function signedVersion(past: Past, row: Row, open: Open): Promise<SignedVersion> {
  const until = currentUntil(past, row);
  const head = { row, until, principal: past.changes.get(row.revision)?.principal };
  const file = await open(row);
  if (file === undefined) {
    return { ...head, needed: undefined, counted: undefined, signatures: [], kept: false };
  }
  const givers = await giversOf(past, row, until, open, file);
  const [first] = givers;
  const count = first && countSignatures(file, first.keys);
  return {
    ...head,
    needed: first?.keys.threshold,
    counted: count?.signed.length,
    signatures: file.signatures.map((entry) => signatureOf(file, entry, givers)),
    kept: true,
  };
}

interface Giver {
  readonly as: string;
  readonly keys: RoleKeys;
  /** From when on it gave these keys while the version was current. */
  readonly from: number;
}

/** Whoever gave the role keys while this version was current, the one of its publication first. */
async function giversOf(
  past: Past,
  row: Row,
  until: number | undefined,
  open: Open,
  file: Metadata,
): Promise<readonly Giver[]> {
  if (row.role === "root") {
    const root = file as Metadata<Root>;
    const own: Giver = { as: "root", keys: rootRole(root.signed, "root"), from: row.storedAt };
    const before = past.rows.get("root")?.find(({ version }) => version === row.version - 1);
    const previous = before && ((await open(before)) as Metadata<Root> | undefined);
    if (previous === undefined) return [own];
    return [own, { as: "root before", keys: rootRole(previous.signed, "root"), from: row.storedAt }];
  }
  const giver = parentRole(row.role) ?? "root";
  const first = currentAfter(past, giver, row.revision);
  const later = (past.rows.get(giver) ?? []).filter(
    (each) =>
      each.version > (first?.version ?? 0) &&
      each.revision > row.revision &&
      (until === undefined || each.storedAt < until),
  );
  const givers: Giver[] = [];
  for (const each of first === undefined ? later : [first, ...later]) {
    const parent = (await open(each)) as Metadata<Root> | Metadata<Targets> | undefined;
    const keys = parent && keysGiven(parent.signed, row.role);
    if (keys !== undefined) {
      givers.push({ as: row.role, keys, from: Math.max(row.storedAt, each.storedAt) });
    }
  }
  return givers;
}

function keysGiven(signed: Root | Targets, role: string): RoleKeys | undefined {
  if (signed.kind === "targets") return signed.delegations.find((each) => each.role === role);
  return signed.roles.get(role as "targets" | "snapshot" | "timestamp");
}

function signatureOf(file: Metadata, entry: SignatureEntry, givers: readonly Giver[]): SignatureOf {
  let listed: ListedKey | undefined;
  let validSince: number | undefined;
  const as = new Set<string>();
  for (const giver of givers) {
    const key = giver.keys.keys.get(entry.keyId);
    if (key === undefined) continue;
    listed = key;
    const material = openKey(key)?.material;
    const alone = { message: file.message, signatures: [entry] };
    const isGood = countSignatures(alone, giver.keys).signed.some((each) => each.material === material);
    if (!isGood) continue;
    as.add(giver.as);
    if (validSince === undefined || giver.from < validSince) validSince = giver.from;
  }
  return {
    keyId: entry.keyId,
    canonicalId: listed && canonicalKeyId(listed),
    as: [...as],
    validSince,
  };
}

/** Whether a key is meant by an ID, bare or as it is listed. */
export function isKey({ keyId, canonicalId }: SignatureOf, id: string): boolean {
  return keyId === id || canonicalId === id;
}

/** One line for each signature; a version whose bytes are gone has one, without a key. */
export function signatureLines(
  repository: string,
  version: SignedVersion,
  wanted: (signature: SignatureOf) => boolean,
): readonly Line[] {
  const { row, until, principal, needed, counted, kept } = version;
  const head = {
    repository,
    role: row.role,
    version: row.version,
    sha256: row.sha256,
    publishedAt: instant(row.storedAt),
    publishedBy: principal ?? null,
    currentUntil: instantOrNull(until),
    expires: instant(row.expires),
    needed: needed ?? null,
    counted: counted ?? null,
    kept,
  };
  if (!kept) return [{ ...head, key: null, listedAs: null, as: [], validSince: null }];
  return version.signatures.filter(wanted).map((signature) => ({
    ...head,
    key: signature.canonicalId ?? null,
    listedAs: signature.keyId,
    as: signature.as,
    validSince: instantOrNull(signature.validSince),
  }));
}

/**
 * What a key needs whose private part never comes here, whether an agent or a token has it: its public part as metadata
 * lists it, and signing through whoever has it.
 *
 * Invariant: a signature is given out only after it verified with the public part, so an agent or token that makes
 * nonsense is found here and not by everybody who reads the metadata.
 */
import type { KeyObject } from "node:crypto";
import { MalformedError } from "../../core/errors.ts";
import { type ListedKey, notaryKeyId, openKey, type UsableKey } from "../../core/keys.ts";
import { verifySignature } from "../../core/schemes.ts";
import type { KeyInfo, MadeSignature, OpenKey } from "./custody.ts";
import { type KeyCode, KeyError } from "./errors.ts";

/** A public key that metadata may list (notary-protocol.md 3.4). */
export interface PublicPart {
  readonly listed: ListedKey;
  readonly usable: UsableKey;
}

/** Undefined for a key that would count nowhere: of another type or curve, or too weak. */
export function publicPart(key: KeyObject): PublicPart | undefined {
  const keytype = keytypes.get(key.asymmetricKeyType ?? "");
  if (keytype === undefined) return undefined;
  const text = (
    keytype === "ed25519"
      ? Buffer.from(key.export({ format: "jwk" }).x as string, "base64url")
      : key.export({ format: "der", type: "spki" })
  ).toString("base64");
  const listed = { id: notaryKeyId(keytype, text), keytype, public: text };
  try {
    const usable = openKey(listed);
    return usable && { listed, usable };
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}

const keytypes = new Map([
  ["ec", "ecdsa"],
  ["ed25519", "ed25519"],
  ["rsa", "rsa"],
]);

/** A key as an agent or token offers it. */
export interface Offered {
  /** What it is called there, beside its ID. */
  readonly names: readonly string[];
  readonly part: PublicPart | undefined;
  /** Why it cannot sign metadata, to follow "The key …"; undefined where it can. */
  readonly unfit: string | undefined;
}

/**
 * The one key that is meant by an ID or a name. One that cannot sign is refused with its reason, unless the same words mean one
 * that can. Throws `KEY_UNKNOWN`, `KEY_AMBIGUOUS`, `KEY_UNSUPPORTED`.
 */
export function chooseKey<T extends Offered>(
  all: readonly T[],
  asked: string,
  { place, add }: { readonly place: string; readonly add: string },
): T & { readonly part: PublicPart } {
  const meant = all.filter(
    ({ part, names }) => part?.listed.id === asked || (asked !== "" && names.includes(asked)),
  );
  const fit = new Map<string, T & { readonly part: PublicPart }>();
  for (const each of meant) {
    const { part, unfit } = each;
    if (part !== undefined && unfit === undefined && !fit.has(part.listed.id)) {
      fit.set(part.listed.id, { ...each, part });
    }
  }
  const [first] = fit.values();
  const name = plainName(asked);
  if (fit.size > 1) {
    throw new KeyError(
      "KEY_AMBIGUOUS",
      `The ${place} has ${fit.size} keys called ${name}; name one by its ID.`,
    );
  }
  if (first !== undefined) return first;
  const unfit = meant[0]?.unfit;
  if (unfit !== undefined) throw new KeyError("KEY_UNSUPPORTED", `The key ${name} in the ${place} ${unfit}.`);
  throw new KeyError("KEY_UNKNOWN", `The ${place} has no key ${name}; ${add}.`);
}

/** The keys that cannot sign, unless the same key is there once more in a form that can. */
export function faultsOf(all: readonly Offered[], place: string): readonly KeyError[] {
  const fit = new Set(all.flatMap(({ part, unfit }) => (unfit === undefined ? [part?.listed.id] : [])));
  return all.flatMap(({ names, part, unfit }) => {
    if (unfit === undefined || (part !== undefined && fit.has(part.listed.id))) return [];
    const name = plainName(names.findLast((each) => each !== "") ?? "without a name");
    // With its ID, by which somebody may have asked for it.
    const id = part === undefined ? "" : ` (${part.listed.id})`;
    const about = part === undefined ? [] : [part.listed.id];
    return [
      new KeyError("KEY_UNSUPPORTED", `The key ${name}${id} in the ${place} ${unfit}.`, undefined, about),
    ];
  });
}

export type Purpose = "metadata" | "certificate";

/** Whoever has the private part. */
export interface Outside {
  /** Throws `KeyError`. */
  make(message: Uint8Array, what: Purpose): Promise<MadeSignature>;
  /** Called once, at the first `close`. */
  close(): void;
  /** Refuses a signature that does not verify. */
  readonly wrong: { readonly code: KeyCode; readonly sentence: string };
}

export function openOutsideKey(info: KeyInfo, part: PublicPart, outside: Outside): OpenKey {
  let closed = false;
  return {
    info: { ...info, algorithm: part.usable.kind, listed: part.listed },
    async sign(message, what = "metadata") {
      const refuseClosed = () => {
        if (closed) throw new KeyError("KEY_CLOSED", "The key was closed; open it again to sign.");
      };
      refuseClosed();
      // The caller may write into its bytes while somebody is asked to confirm.
      const signed = Buffer.from(message);
      const made = await outside.make(signed, what);
      refuseClosed();
      const { kind, key } = part.usable;
      if (!verifySignature(kind, key, made.method, signed, made.bytes)) {
        throw new KeyError(outside.wrong.code, outside.wrong.sentence);
      }
      return made;
    },
    close() {
      if (closed) return;
      closed = true;
      outside.close();
    },
  };
}

/** What agents and tokens call a key, made fit for a terminal: one line, bounded, nothing that it would obey. */
export function plainName(text: string): string {
  return [...text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ").trim()].slice(0, longestName).join("");
}

const longestName = 128;

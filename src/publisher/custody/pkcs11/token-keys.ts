/** The keys of a token as people mean them: which are chosen, which can sign, and which private one belongs to a public one. */
import { compareCodePoints } from "../../../core/bytes.ts";
import { KeyError } from "../errors.ts";
import { type Offered, type PublicPart, plainName, publicPart } from "../outside-key.ts";
import * as ck from "./constants.ts";
import type { TokenHost } from "./host.ts";
import type { PrivateKey, PublicObject, TokenInfo } from "./messages.ts";
import { publicKeyOf } from "./public-object.ts";
import { wayOf } from "./signing.ts";
import type { TokenSelection } from "./uri.ts";

export interface TokenKey extends Offered {
  readonly token: TokenInfo;
  readonly object: PublicObject;
}

export function placeOf({ label }: TokenInfo): string {
  return `token ${plainName(label)}`.trim();
}

export function wantsPin({ flags }: TokenInfo): boolean {
  return (flags & ck.CKF_LOGIN_REQUIRED) !== 0;
}

export function namesToken({ token, serial, manufacturer, model, slotId }: TokenSelection): boolean {
  return [token, serial, manufacturer, model, slotId].some((each) => each !== undefined);
}

export function matches(token: TokenInfo, wanted: TokenSelection): boolean {
  return (
    (wanted.token ?? token.label) === token.label &&
    (wanted.serial ?? token.serial) === token.serial &&
    (wanted.manufacturer ?? token.manufacturer) === token.manufacturer &&
    (wanted.model ?? token.model) === token.model &&
    (wanted.slotId ?? token.slot) === token.slot
  );
}

export function isSelected({ label, id }: PublicObject, wanted: TokenSelection): boolean {
  return (
    (wanted.object ?? label) === label && (wanted.id === undefined || Buffer.compare(wanted.id, id) === 0)
  );
}

/** Each key once, a public key before a certificate of it, in the order of their labels. Tokens give them in any order. */
export function keysOf(token: TokenInfo, objects: readonly PublicObject[]): readonly TokenKey[] {
  const byId = new Map<string, TokenKey>();
  for (const object of objects) {
    const key = publicKeyOf(object);
    if (key === undefined) continue;
    const part = publicPart(key);
    const name = part?.listed.id ?? key.export({ format: "der", type: "spki" }).toString("hex");
    if (byId.has(name)) continue;
    byId.set(name, { token, object, part, names: [object.label], unfit: unfitness(token, part) });
  }
  return [...byId.values()].sort((a, b) => compare(a.object, b.object));
}

function compare(a: PublicObject, b: PublicObject): number {
  return compareCodePoints(a.label, b.label) || Buffer.compare(a.id, b.id);
}

function unfitness({ flags, mechanisms }: TokenInfo, part: PublicPart | undefined) {
  if (part === undefined) {
    return "is of a kind or size that metadata does not take; use EC on P-256, Ed25519, or RSA of at least 2048 bits";
  }
  if (wayOf(part.usable.kind, mechanisms) === undefined) {
    return "is of a kind that the token's module does not sign with; use EC on P-256";
  }
  if (flags & ck.CKF_PROTECTED_AUTHENTICATION_PATH) {
    return "is in a token with a PIN pad of its own, which the driver cannot use; use another token";
  }
  return undefined;
}

/** The private key that belongs to a public one. Throws `TOKEN_REFUSED`, `KEY_UNSUPPORTED`, `KEY_AMBIGUOUS`. */
export async function findPrivate(host: TokenHost, { token, object }: TokenKey): Promise<PrivateKey> {
  const { id, label, keyType } = object;
  const found = await host.ask("privateKeys", { slot: token.slot, keyType, id });
  const named = found.filter((each) => each.label === label);
  const fitting = found.length > 1 || id.length === 0 ? named : found;
  const [key] = fitting;
  if (key === undefined) {
    const sentence = `The ${placeOf(token)} has the public key ${plainName(label)} only; import its private key, or use another.`;
    throw new KeyError("TOKEN_REFUSED", sentence);
  }
  if (fitting.length > 1) {
    const sentence = `The ${placeOf(token)} has ${fitting.length} private keys called ${plainName(label)}; give each a CKA_ID of its own.`;
    throw new KeyError("KEY_AMBIGUOUS", sentence);
  }
  if (!key.signs) {
    const sentence = `The key ${plainName(label)} in the ${placeOf(token)} was made for something else than signing; use another.`;
    throw new KeyError("KEY_UNSUPPORTED", sentence);
  }
  return key;
}

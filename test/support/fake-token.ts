/** Tokens for `children/fake-pkcs11.ts`: what they hold, how they misbehave, and what was called. */
import { createPublicKey, type KeyObject } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A driver for `Pkcs11Options.driver`. */
export const fakeDriver: string = join(import.meta.dirname, "children/fake-pkcs11.ts");

export interface FakeObject {
  /** 1 certificate, 2 public key, 3 private key. */
  readonly class: 1 | 2 | 3;
  readonly label: string;
  /** CKA_ID in hex. */
  readonly id: string;
  /** PEM; of a public object, the public part. */
  readonly privateKey: string;
  /** Wants the PIN for each signature. */
  readonly always?: boolean;
  /** Makes signatures of zeros. */
  readonly wrong?: boolean;
  /** Attributes in hex by number; null: it has none. */
  readonly attributes?: Readonly<Record<number, string | null>>;
}

export interface FakeToken {
  readonly slot: number;
  readonly label: string;
  readonly serial?: string;
  readonly flags?: number;
  readonly pin?: string;
  /** How many wrong PINs lock it. */
  readonly tries?: number;
  readonly mechanisms?: readonly number[];
  readonly objects: readonly FakeObject[];
  /** Was taken out after it was seen. */
  readonly gone?: boolean;
  /** Never stops giving objects. */
  readonly endless?: boolean;
}

export type Misbehaviour = "hang" | "crash" | "exit" | { readonly name: string; readonly code: number };

export interface FakeModule {
  readonly tokens: readonly FakeToken[];
  /** What goes wrong in a call. */
  readonly on?: Readonly<Record<string, Misbehaviour>>;
  /** All messages that will be signed, in base64. */
  readonly messages?: readonly string[];
}

/** A key as a token has it, in its two parts. */
export function pair(
  key: KeyObject,
  label: string,
  id: string,
  more: Partial<FakeObject> = {},
): FakeObject[] {
  const privateKey = key.export({ format: "pem", type: "pkcs8" }).toString();
  const publicKey = createPublicKey(key).export({ format: "pem", type: "spki" }).toString();
  return [
    { class: 2, label, id, privateKey: publicKey, ...(more.attributes && { attributes: more.attributes }) },
    { class: 3, label, id, privateKey, ...more },
  ];
}

/** Writes a module, or writes it anew; gives its path. */
export function writeModule(folder: string, module: FakeModule): string {
  const path = join(folder, "module.json");
  writeFileSync(path, JSON.stringify(module));
  return path;
}

/** What was called since the beginning, by all processes. */
export function callsOf(module: string): readonly string[] {
  const log = `${module}.log`;
  return existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
}

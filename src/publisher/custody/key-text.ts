/**
 * Private keys as PEM texts of others: the stock clients' files, PKCS#8, and what OpenSSL wrote before it.
 *
 * Listing opens nothing, so what an encrypted text says of its key is its headers. Neither PBES2 nor the older encryption
 * has a MAC: a wrong passphrase and damaged content cannot be told apart, and both are taken for a wrong passphrase.
 */
import { createPrivateKey, type KeyObject } from "node:crypto";
import type { Secret } from "./custody.ts";
import { KeyError } from "./errors.ts";
import { openSealed, readSealed, seal } from "./pbes2.ts";
import { type PemBlock, readPem, writePem } from "./pem.ts";
import { readPkcs8, writePkcs8, writeStockPkcs8 } from "./pkcs8.ts";

/** One key of a text. */
export interface KeyText {
  readonly role: string | undefined;
  readonly repository: string | undefined;
  /** The ID in the header `path` of an export of the stock clients. */
  readonly id: string | undefined;
  /** The key, where it lies there in the clear. */
  readonly key: KeyObject | undefined;
  /** Undefined: the passphrase is wrong, or the content is damaged. */
  open(secret: Secret): Promise<KeyObject | undefined>;
}

/** What is said of a key in a text. */
export interface KeyHints {
  readonly role?: string | undefined;
  readonly repository?: string | undefined;
}

/** Keys in one text. */
const mostKeys = 1_000;

/** Throws `KEY_FILE_DAMAGED` for a text without a key, `KEY_UNSUPPORTED` for keys in forms that are not read. */
export function readKeyTexts(text: string): readonly KeyText[] {
  // OpenSSL writes the name of the curve as a block of its own.
  const blocks = readPem(text).filter(({ label }) => label.endsWith("PRIVATE KEY"));
  if (blocks.length === 0) throw noKey();
  if (blocks.length > mostKeys) {
    throw new KeyError("KEY_UNSUPPORTED", `A file of more than ${mostKeys} keys is not read: split it.`);
  }
  return blocks.map(keyOf);
}

function keyOf(block: PemBlock): KeyText {
  const { label, headers, body } = block;
  const said = {
    role: headers.get("role"),
    repository: headers.get("gun"),
    id: /([0-9a-f]{64})(?:\.key)?$/.exec(headers.get("path") ?? "")?.[1],
  };
  switch (label) {
    case "ENCRYPTED PRIVATE KEY": {
      const sealed = readSealed(body);
      return {
        ...said,
        key: undefined,
        async open(secret) {
          const der = await openSealed(sealed, secret);
          try {
            return der && readPkcs8(der);
          } finally {
            der?.fill(0);
          }
        },
      };
    }
    case "PRIVATE KEY":
      return inTheClear(said, body, () => readPkcs8(body));
    case "EC PRIVATE KEY":
    case "RSA PRIVATE KEY":
      if (headers.has("Proc-Type")) {
        const pem = traditional(block);
        return { ...said, key: undefined, open: async (secret) => opened(pem, secret) };
      }
      return inTheClear(said, body, () =>
        createPrivateKey({ key: body, format: "der", type: label === "EC PRIVATE KEY" ? "sec1" : "pkcs1" }),
      );
    case "OPENSSH PRIVATE KEY":
      throw new KeyError(
        "KEY_UNSUPPORTED",
        "This is a private key of OpenSSH: add it to an ssh-agent with ssh-add and use it from there, or turn a copy of the file into PKCS#8 with ssh-keygen -p -m PKCS8 -f COPY.",
      );
    default:
      throw new KeyError(
        "KEY_UNSUPPORTED",
        `A private key in the form ${label} is not read here: write it as PKCS#8 with the program that made it, such as notary key passwd of a newer notary.`,
      );
  }
}

function inTheClear(
  said: Omit<KeyText, "key" | "open">,
  body: Buffer,
  read: () => KeyObject | undefined,
): KeyText {
  let key: KeyObject | undefined;
  try {
    key = read();
  } catch {
    // What the platform says may hold parts of the content.
  } finally {
    body.fill(0);
  }
  if (key === undefined) throw noKey();
  return { ...said, key, open: async () => key };
}

/** With the two headers that say how it is encrypted, and without those of the stock clients. */
function traditional({ label, headers, body }: PemBlock): string {
  const kept = ["Proc-Type", "DEK-Info"].flatMap((name) => {
    const value = headers.get(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return writePem(label, kept, body);
}

function opened(pem: string, secret: Secret): KeyObject | undefined {
  try {
    return createPrivateKey({
      key: pem,
      format: "pem",
      passphrase: Buffer.from(secret.buffer, secret.byteOffset, secret.length),
    });
  } catch {
    return undefined;
  }
}

/** How a text is to be read: by stock clients of Notary, or by everybody. */
export type TextForm = "notary" | "pkcs8";

/** @param secret undefined to leave the key in the clear */
export async function writeKeyText(
  key: KeyObject,
  form: TextForm,
  hints: KeyHints,
  secret: Secret | undefined,
  testingOnlyIterations?: number,
): Promise<string> {
  const der = form === "notary" ? writeStockPkcs8(key) : writePkcs8(key);
  try {
    const headers = form === "notary" ? headersOf(hints) : [];
    return secret === undefined
      ? writePem("PRIVATE KEY", headers, der)
      : writePem("ENCRYPTED PRIVATE KEY", headers, await seal(der, secret, testingOnlyIterations));
  } finally {
    der.fill(0);
  }
}

/** As the stock clients have them: a repository for keys of the base roles below root alone. */
function headersOf({ role, repository }: KeyHints): readonly (readonly [string, string])[] {
  const ofRepository = repository !== undefined && (role === "targets" || role === "snapshot");
  return [
    ...(ofRepository ? [["gun", repository] as const] : []),
    ...(role === undefined ? [] : [["role", role] as const]),
  ];
}

function noKey(): KeyError {
  return new KeyError("KEY_FILE_DAMAGED", "There is no private key in PEM that could be read.");
}

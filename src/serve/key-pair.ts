/** Reading a certificate and its private key, and being sure that they can serve before anything listens. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { StartError, systemCode } from "./errors.ts";

/** A certificate (its chain after it) and key, both PEM, that belong together and that TLS accepts. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
  /** End of the certificate's validity, milliseconds since 1970. */
  readonly notAfter: number;
}

const largestPem = 1_048_576;

/** Throws `CERTIFICATE_UNREADABLE` or `KEY_UNREADABLE`. `what`: how the file is called in the sentence. */
export function readPem(path: string, what: "certificate" | "key"): string {
  const code = what === "key" ? "KEY_UNREADABLE" : "CERTIFICATE_UNREADABLE";
  let size: number;
  let content: string;
  try {
    size = statSync(path).size;
    content = size > largestPem ? "" : readFileSync(path, "utf8");
  } catch (error) {
    throw new StartError(
      code,
      `The TLS ${what} ${path} cannot be read (${systemCode(error)}): check the path and its permissions.`,
      error,
    );
  }
  if (size > largestPem) throw new StartError(code, `The TLS ${what} ${path} is larger than 1 MiB.`);
  if (content.trim() === "") throw new StartError(code, `The TLS ${what} ${path} is empty.`);
  return content;
}

/** Throws `CERTIFICATE_BAD`. */
export function parseCertificate(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new StartError("CERTIFICATE_BAD", `The TLS certificate ${path} is not a PEM certificate.`, error);
  }
}

/** Throws `KEY_BAD`. */
export function parseKey(pem: string, path: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new StartError(
      "KEY_BAD",
      `The TLS key ${path} is not a PEM private key without passphrase: store it decrypted, readable by this process alone.`,
      error,
    );
  }
}

/** Throws `CERTIFICATE_BAD`, `KEY_BAD` or `KEY_MISMATCH`. The paths are for the sentences only. */
export function checkPair(
  pem: { readonly certificate: string; readonly key: string },
  paths: { readonly certificate: string; readonly key: string },
): KeyPair {
  const certificate = parseCertificate(pem.certificate, paths.certificate);
  const key = parseKey(pem.key, paths.key);
  if (!certificate.checkPrivateKey(key)) {
    throw new StartError(
      "KEY_MISMATCH",
      `The TLS key ${paths.key} does not belong to the certificate ${paths.certificate}: use the key it was issued for, and put the server's certificate first in its file.`,
    );
  }
  try {
    createSecureContext({ cert: pem.certificate, key: pem.key, minVersion: "TLSv1.2" });
  } catch (error) {
    throw new StartError(
      "CERTIFICATE_BAD",
      `TLS does not accept the certificate ${paths.certificate}.`,
      error,
    );
  }
  return { ...pem, notAfter: certificate.validToDate.getTime() };
}

/**
 * The operator's own files. Throws `StartError`; never falls back to anything (NCC finding 8: a server whose key did
 * not load went on in plain HTTP).
 */
export function readKeyPair(paths: { readonly certificate: string; readonly key: string }): KeyPair {
  return checkPair(
    { certificate: readPem(paths.certificate, "certificate"), key: readPem(paths.key, "key") },
    paths,
  );
}

/** True if others than the owner may read the file. */
export function isExposed(path: string): boolean {
  return (statSync(path).mode & 0o077) !== 0;
}

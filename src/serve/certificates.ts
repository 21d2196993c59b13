/**
 * The certificate that the server makes for itself, in the folder `tls` of the data directory:
 *
 *     ca.crt       the CA, to be given to clients             0644
 *     ca.key       its private key                            0600
 *     server.pem   the server's private key and certificate   0600, one file so that they change together
 *
 * Invariants: made on first start, never shipped; a CA once made is never replaced by the server, for clients hold
 * it: beside any trace of one, a missing `ca.crt` stops the start; every file is whole or absent; a key that others
 * can read stops the start; a server certificate with less than 30 days left, other names or another CA is renewed
 * under the CA in force.
 */
import { X509Certificate } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { basename } from "node:path";
import { hasNames, issueServerCertificate, makeAuthority } from "./authority.ts";
import { StartError, systemCode } from "./errors.ts";
import { writeFolder, writeNew, writeWhole } from "./files.ts";
import { checkPair, isExposed, type KeyPair, parseCertificate, parseKey, readPem } from "./key-pair.ts";
import { type TlsPaths, tlsPaths } from "./tls-paths.ts";

const day = 86_400_000;
const renewBefore = 30 * day;
const warnBefore = 365 * day;

export interface MadeCertificate {
  readonly pair: KeyPair;
  /** Path of the file with both parts of the pair. */
  readonly file: string;
  /** Path of the CA's certificate. */
  readonly authorityFile: string;
  /** SHA-256 of the CA's certificate, upper-case hex with colons. */
  readonly authorityFingerprint: string;
  /** A sentence for the operator when the CA is near its end. */
  readonly warning: string | undefined;
}

export interface CertificateRequest {
  /** The data directory; must exist. */
  readonly directory: string;
  readonly names: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Make and renew nothing; use what is there. */
  readonly readOnly: boolean;
}

/** SHA-256 of a PEM certificate, upper-case hex with colons, as `openssl x509 -fingerprint -sha256` prints it. */
export function fingerprint(certificate: string): string {
  return new X509Certificate(certificate).fingerprint256;
}

/**
 * The certificate to serve with, made or renewed if need be. Idempotent: call it again to renew in time.
 * Throws `StartError`.
 */
export async function ensureCertificate(request: CertificateRequest): Promise<MadeCertificate> {
  const paths = tlsPaths(request.directory);
  const authority = await ensureAuthority(paths, request);
  const current = readServer(paths);
  const pair =
    current !== undefined && (request.readOnly || isGood(current, authority, request))
      ? current
      : await renewServer(paths, authority, request);
  return {
    pair,
    file: paths.server,
    authorityFile: paths.authority,
    authorityFingerprint: fingerprint(authority),
    warning: endWarning(authority, paths, request.now),
  };
}

/** PEM of the CA in force. */
async function ensureAuthority(paths: TlsPaths, request: CertificateRequest): Promise<string> {
  if (!existsSync(paths.authority)) {
    if (existsSync(paths.authorityKey) || existsSync(paths.server)) throw lost(paths);
    if (request.readOnly) throw missing(paths.authority);
    const made = await makeAuthority(request.now);
    write(paths, () => {
      // A start that is cut off leaves both or neither.
      if (!existsSync(paths.directory)) {
        writeFolder(paths.directory, [
          { name: basename(paths.authorityKey), content: made.key, mode: 0o600 },
          { name: basename(paths.authority), content: made.certificate, mode: 0o644 },
        ]);
        return;
      }
      writeNew(paths.authorityKey, made.key, 0o600);
      try {
        writeNew(paths.authority, made.certificate, 0o644);
      } catch (error) {
        // A key without certificate was never used, and would stop the next start.
        rmSync(paths.authorityKey, { force: true });
        throw error;
      }
    });
  }
  const pem = readPem(paths.authority, "certificate");
  const certificate = parseCertificate(pem, paths.authority);
  if (certificate.validToDate.getTime() <= request.now) {
    throw new StartError(
      "CERTIFICATE_EXPIRED",
      `The CA ${paths.authority} has expired: ${replacement(paths)}`,
    );
  }
  return pem;
}

/** The stored pair, or undefined if there is none or it is not usable. */
function readServer(paths: TlsPaths): KeyPair | undefined {
  if (!existsSync(paths.server)) return undefined;
  refuseExposed(paths.server);
  const pem = readPem(paths.server, "certificate");
  try {
    return checkPair({ certificate: pem, key: pem }, { certificate: paths.server, key: paths.server });
  } catch {
    return undefined;
  }
}

function isGood(pair: KeyPair, authority: string, { names, now }: CertificateRequest): boolean {
  const issuer = new X509Certificate(authority);
  const certificate = new X509Certificate(pair.certificate);
  const lasting = Math.min(now + renewBefore, issuer.validToDate.getTime());
  return (
    pair.notAfter >= lasting &&
    certificate.validFromDate.getTime() <= now &&
    certificate.verify(issuer.publicKey) &&
    hasNames(certificate.raw, names)
  );
}

async function renewServer(
  paths: TlsPaths,
  authority: string,
  request: CertificateRequest,
): Promise<KeyPair> {
  if (request.readOnly) throw missing(paths.server);
  if (!existsSync(paths.authorityKey)) {
    throw new StartError(
      "KEY_UNREADABLE",
      `The server's certificate has to be renewed and the CA's key ${paths.authorityKey} is missing: restore it from the back-up, or ${replacement(paths)}`,
    );
  }
  refuseExposed(paths.authorityKey);
  const key = parseKey(readPem(paths.authorityKey, "key"), paths.authorityKey);
  checkPair(
    { certificate: authority, key: readPem(paths.authorityKey, "key") },
    { certificate: paths.authority, key: paths.authorityKey },
  );
  const issued = await issueServerCertificate({ certificate: authority, key }, request.names, request.now);
  const pem = issued.key + issued.certificate;
  write(paths, () => writeWhole(paths.server, pem, 0o600));
  return checkPair({ certificate: pem, key: pem }, { certificate: paths.server, key: paths.server });
}

function write(paths: TlsPaths, action: () => void): void {
  try {
    action();
  } catch (error) {
    throw new StartError(
      "DATA_UNUSABLE",
      `The folder ${paths.directory} cannot be written (${systemCode(error)}): give the user of this process write access to it, or name another with --data.`,
      error,
    );
  }
}

function refuseExposed(path: string): void {
  if (!isExposed(path)) return;
  throw new StartError("KEY_EXPOSED", `Others can read the private key in ${path}: run chmod 600 on it.`);
}

function missing(path: string): StartError {
  return new StartError(
    "CERTIFICATE_MISSING",
    `There is no ${path} and a read-only server makes none: start once without --read-only, or set tls.certificate and tls.key.`,
  );
}

function lost(paths: TlsPaths): StartError {
  return new StartError(
    "CERTIFICATE_MISSING",
    `The CA ${paths.authority} is missing beside what was made with it: restore it from the back-up, or, to begin anew with another CA, ${replacement(paths)}`,
  );
}

function replacement(paths: TlsPaths): string {
  return `remove the folder ${paths.directory}, start again, and give the new ca.crt to every client.`;
}

function endWarning(authority: string, paths: TlsPaths, now: number): string | undefined {
  const end = new X509Certificate(authority).validToDate;
  if (end.getTime() - now >= warnBefore) return undefined;
  return `The CA ends on ${end.toISOString().slice(0, 10)}: plan a day to ${replacement(paths)}`;
}

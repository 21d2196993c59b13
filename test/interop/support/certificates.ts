/**
 * Keys and certificates made at test time with the `openssl` program: an authority for TLS, and what
 * people bring to a root role or a delegation. Nothing is kept in the repository, so nothing expires there.
 */

import { createHash, createPrivateKey, createPublicKey } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./process.ts";

/** A key pair by its files, all PEM. */
export interface KeyFiles {
  readonly certificate: string;
  /** PKCS#8, not encrypted, mode 0600. */
  readonly privateKey: string;
  /** Hex SHA-256 of the bare public key in canonical form: the ID that Notary's command line prints. */
  readonly keyId: string;
}

export interface KeyOptions {
  readonly algorithm?: "ecdsa" | "rsa";
  readonly commonName?: string;
}

export interface Authority {
  /** Path of the authority's certificate. */
  readonly ca: string;
  /** A certificate for `localhost` and 127.0.0.1, good for both ends of TLS. */
  issueTls(name: string): Promise<KeyFiles>;
  /** A certificate with this common name and no extended usage, as pinning by authority wants it. */
  issueSigner(name: string, commonName: string): Promise<KeyFiles>;
}

const signerExtensions = [
  "basicConstraints=critical,CA:FALSE",
  "keyUsage=critical,digitalSignature",
  "extendedKeyUsage=codeSigning",
];

/** Makes a key and a self-signed certificate: `NAME.crt` and `NAME.key` in the directory. */
export async function selfSigned(
  directory: string,
  name: string,
  options: KeyOptions = {},
): Promise<KeyFiles> {
  const files = { certificate: join(directory, `${name}.crt`), privateKey: join(directory, `${name}.key`) };
  await makeKey(files.privateKey, options.algorithm ?? "ecdsa");
  await openssl(
    ...["req", "-x509", "-new", "-sha256", "-key", files.privateKey, "-out", files.certificate],
    ...["-days", "365", "-subj", subject(options.commonName ?? name)],
    ...signerExtensions.flatMap((extension) => ["-addext", extension]),
  );
  return { ...files, keyId: canonicalKeyId(files.privateKey) };
}

/** Makes a new authority: `NAME.pem` and `NAME.key` in the directory. */
export async function createAuthority(directory: string, name = "ca"): Promise<Authority> {
  const [ca, caKey] = [join(directory, `${name}.pem`), join(directory, `${name}.key`)];
  await makeKey(caKey, "ecdsa");
  await openssl(
    ...["req", "-x509", "-new", "-sha256", "-key", caKey, "-out", ca, "-days", "30"],
    ...["-subj", subject(`interop ${name}`), "-addext", "keyUsage=critical,keyCertSign,cRLSign"],
  );
  const issue = async (file: string, commonName: string, extensions: readonly string[]) => {
    const files = { certificate: join(directory, `${file}.crt`), privateKey: join(directory, `${file}.key`) };
    const [request, extensionFile] = [join(directory, `${file}.csr`), join(directory, `${file}.ext`)];
    await makeKey(files.privateKey, "ecdsa");
    writeFileSync(extensionFile, ["basicConstraints=critical,CA:FALSE", ...extensions, ""].join("\n"));
    await openssl("req", "-new", "-key", files.privateKey, "-out", request, "-subj", subject(commonName));
    await openssl(
      ...["x509", "-req", "-sha256", "-in", request, "-CA", ca, "-CAkey", caKey, "-CAcreateserial"],
      ...["-days", "30", "-extfile", extensionFile, "-out", files.certificate],
    );
    return { ...files, keyId: canonicalKeyId(files.privateKey) };
  };
  return {
    ca,
    issueTls: (file) =>
      issue(file, "localhost", [
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "extendedKeyUsage=serverAuth,clientAuth",
      ]),
    issueSigner: (file, commonName) => issue(file, commonName, ["keyUsage=critical,digitalSignature"]),
  };
}

/**
 * The private key as an encrypted PEM with Notary's `role` header, the only form that `--rootkey` and
 * `key rotate --key` take. The traditional OpenSSL encryption, which both sides read.
 */
export function encryptedKey(key: KeyFiles, role: string, passphrase: string): string {
  const privateKey = createPrivateKey(readFileSync(key.privateKey));
  const pem =
    privateKey.asymmetricKeyType === "rsa"
      ? privateKey.export({ type: "pkcs1", format: "pem", cipher: "aes-256-cbc", passphrase })
      : privateKey.export({ type: "sec1", format: "pem", cipher: "aes-256-cbc", passphrase });
  return String(pem).replace(/^(Proc-Type: .*\n)/m, `role: ${role}\n$1`);
}

async function makeKey(file: string, algorithm: "ecdsa" | "rsa"): Promise<void> {
  const parameters =
    algorithm === "ecdsa"
      ? ["EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:named_curve"]
      : ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
  await openssl("genpkey", "-out", file, "-algorithm", ...parameters);
}

async function openssl(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await run("openssl", args, { env: { PATH: process.env.PATH ?? "" } });
  if (code !== 0) throw new Error(`openssl ${args[0]} failed: ${stderr}`);
}

/** A subject of one common name; slashes are escaped because `openssl` separates names with them. */
function subject(commonName: string): string {
  return `/CN=${commonName.replaceAll("/", "\\/")}`;
}

function canonicalKeyId(file: string): string {
  const key = createPublicKey(readFileSync(file));
  const keytype = key.asymmetricKeyType === "rsa" ? "rsa" : "ecdsa";
  const spki = key.export({ type: "spki", format: "der" }).toString("base64");
  const canonical = `{"keytype":"${keytype}","keyval":{"private":null,"public":"${spki}"}}`;
  return createHash("sha256").update(canonical).digest("hex");
}

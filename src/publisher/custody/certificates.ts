/**
 * Root certificates (notary-protocol.md 7.4) for any key that can sign, wherever its private part is: the key signs its own
 * certificate as it signs metadata, and never leaves its place.
 *
 * Stock clients take a root key as a certificate alone, of ECDSA P-256 or RSA. Ed25519 serves below root.
 */
// The certificate library finds its parts through this, and must be loaded after it.
import "reflect-metadata";
import { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { commonName as commonNameOf, isWeaklySigned, parseCertificates } from "../../core/certificates.ts";
import { type ListedKey, notaryKeyId, openKey } from "../../core/keys.ts";
import { maxRepositoryName } from "../../core/limits.ts";
import type { OpenKey } from "./custody.ts";
import { KeyError } from "./errors.ts";

export interface RootCertificate {
  /** The certificate alone, with its final newline. */
  readonly pem: string;
  /** The key as a Notary root lists it: its ID is of this certificate, and another one of the same key has another. */
  readonly listed: ListedKey;
}

/**
 * Self-signed, for code signing, no CA, with a random serial number: as the stock client makes it.
 *
 * Throws `KEY_UNSUPPORTED` for a key or name that no stock client takes, and what the key's `sign` throws.
 * @param commonName the repository, or a path above it followed by `/*`
 */
export async function makeRootCertificate(
  key: OpenKey,
  commonName: string,
  notBefore: Date,
  notAfter: Date,
): Promise<RootCertificate> {
  if (!(notBefore.getTime() < notAfter.getTime())) throw new TypeError("a certificate begins before it ends");
  checkCommonName(commonName);
  const { algorithm, spki } = certifiable(key);
  const generator = x509.X509CertificateGenerator;
  const made = await generator.createSelfSigned(
    {
      name: [{ CN: [commonName] }],
      notBefore,
      notAfter,
      signingAlgorithm: algorithm,
      keys: {
        publicKey: spki as unknown as webcrypto.CryptoKey,
        privateKey: { algorithm } as unknown as webcrypto.CryptoKey,
      },
      extensions: [
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment,
          true,
        ),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.codeSigning]),
        new x509.BasicConstraintsExtension(false, undefined, true),
      ],
    },
    signingWith(key),
  );
  const pem = `${made.toString("pem")}\n`;
  check(pem, commonName, key);
  const keytype = `${key.info.algorithm}-x509`;
  const text = Buffer.from(pem, "latin1").toString("base64");
  return { pem, listed: { id: notaryKeyId(keytype, text), keytype, public: text } };
}

/** What the certificate library asks of a platform, with the one signature that it wants made by the key. */
function signingWith(key: OpenKey): webcrypto.Crypto {
  const subtle = {
    async sign(
      _algorithm: unknown,
      _key: unknown,
      content: ArrayBuffer | ArrayBufferView,
    ): Promise<ArrayBuffer> {
      const bytes = ArrayBuffer.isView(content)
        ? new Uint8Array(content.buffer, content.byteOffset, content.byteLength)
        : new Uint8Array(content);
      const made = await key.sign(bytes, "certificate");
      if (made.method !== "ecdsa" && made.method !== "rsapkcs1v15") {
        throw new KeyError(
          "KEY_UNSUPPORTED",
          `The key ${key.info.id} (${key.info.place}) cannot sign its certificate by PKCS#1 v1.5, which stock clients want of RSA: use an ECDSA P-256 key for the root.`,
        );
      }
      return Uint8Array.from(made.bytes).buffer;
    },
  };
  return {
    subtle,
    getRandomValues: webcrypto.getRandomValues.bind(webcrypto),
  } as unknown as webcrypto.Crypto;
}

function certifiable({ info }: OpenKey) {
  const { key } = openKey(info.listed) ?? {};
  const spki = key?.export({ format: "der", type: "spki" });
  if (info.algorithm === "ed25519" || spki === undefined) {
    throw new KeyError(
      "KEY_UNSUPPORTED",
      `The key ${info.id} is of Ed25519, which stock clients do not take as a root: use it below root, and an ECDSA P-256 key for the root.`,
    );
  }
  if (info.algorithm === "rsa") return { spki, algorithm: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } };
  if (key?.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw new KeyError(
      "KEY_UNSUPPORTED",
      `The key ${info.id} is not on P-256, as the key of a root has to be: use another.`,
    );
  }
  return { spki, algorithm: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } };
}

function checkCommonName(name: string): void {
  if (name !== "" && Buffer.byteLength(name) <= maxRepositoryName && !/\p{C}/u.test(name)) return;
  throw new KeyError(
    "KEY_UNSUPPORTED",
    `The name in a root certificate is a repository's, of at most ${maxRepositoryName} bytes: give that, or a path above it with /* behind it.`,
  );
}

/** Nothing is given out that our own rules would not take. */
function check(pem: string, commonName: string, { info }: OpenKey): void {
  const { leaf } = parseCertificates(pem);
  const key = openKey(info.listed)?.key;
  const isRight =
    key !== undefined &&
    leaf.publicKey.equals(key) &&
    leaf.verify(key) &&
    !isWeaklySigned(leaf) &&
    !leaf.ca &&
    commonNameOf(leaf) === commonName;
  if (!isRight) throw new TypeError("the certificate that was made is not the one that was wanted");
}

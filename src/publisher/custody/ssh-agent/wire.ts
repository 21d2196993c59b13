/**
 * The bytes of SSH that an agent's answers are made of: strings and numbers (RFC 4251, section 5), public keys and signatures
 * (RFC 4253 section 6.6, RFC 5656 section 3.1, RFC 8332, RFC 8709, OpenSSH's PROTOCOL.u2f and PROTOCOL.certkeys).
 *
 * Everything comes from outside. What cannot be read is a `RangeError`, which the caller turns into a refusal.
 */
import { createPublicKey, type KeyObject } from "node:crypto";

/** Reads from front to back and never beyond the end. */
export class SshReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  uint32(): number {
    return this.#take(4).readUInt32BE();
  }

  string(): Buffer {
    return this.#take(this.uint32());
  }

  /** Names of types and curves. */
  word(): string {
    return this.string().toString("latin1");
  }

  /** A positive number without its leading zeros; at most `most` bytes of it. */
  positive(most: number): Buffer {
    const digits = this.string();
    if ((digits[0] ?? 0) >= 0x80) throw new RangeError("a negative number");
    const from = digits.findIndex((digit) => digit !== 0);
    if (from < 0 || digits.length - from > most) throw new RangeError("a number out of bounds");
    return digits.subarray(from);
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new RangeError("more bytes than were announced");
  }

  #take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new RangeError("fewer bytes than were announced");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

/** A byte string with its length in front. */
export function sshString(bytes: Uint8Array): Buffer {
  return Buffer.concat([uint32(bytes.length), bytes]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export interface SshKey {
  /** As in the blob: `ssh-ed25519`, `sk-ssh-ed25519@openssh.com`, … */
  readonly type: string;
  readonly form: "plain" | "security-key" | "certificate";
  /** Undefined for a type whose content is not known here. */
  readonly key: KeyObject | undefined;
}

const largestModulus = 2_048;

/** Reads a public key. Of a security key or a certificate that is the bare key inside, so that it can be named. */
export function readSshKey(blob: Buffer): SshKey {
  const reader = new SshReader(blob);
  const type = reader.word();
  const certificate = /-cert-v\d\d@openssh\.com$/.test(type);
  const base = type.replace(/(?:-cert-v\d\d)?@openssh\.com$/, "");
  if (certificate) reader.string(); // the nonce
  const key = readBareKey(base.replace(/^sk-/, ""), reader);
  const form = certificate ? "certificate" : base.startsWith("sk-") ? "security-key" : "plain";
  if (form === "plain" && key !== undefined) reader.end();
  return { type, form, key };
}

function readBareKey(base: string, reader: SshReader): KeyObject | undefined {
  switch (base) {
    case "ssh-ed25519": {
      const x = reader.string();
      if (x.length !== 32) throw new RangeError("not 32 bytes of Ed25519");
      return jwk({ kty: "OKP", crv: "Ed25519", x: x.toString("base64url") });
    }
    case "ssh-rsa": {
      const [e, n] = [reader.positive(8), reader.positive(largestModulus)];
      return jwk({ kty: "RSA", e: e.toString("base64url"), n: n.toString("base64url") });
    }
    case "ecdsa-sha2-nistp256":
    case "ecdsa-sha2-nistp384":
    case "ecdsa-sha2-nistp521": {
      const curve = reader.word();
      if (`ecdsa-sha2-${curve}` !== base) throw new RangeError("a curve of another type");
      return readPoint(`P-${curve.slice("nistp".length)}`, reader.string());
    }
    default:
      return undefined;
  }
}

/** An uncompressed point (SEC 1, section 2.3.3). */
function readPoint(crv: string, point: Buffer): KeyObject {
  if (point[0] !== 4 || point.length % 2 !== 1) throw new RangeError("not an uncompressed point");
  const half = (point.length - 1) / 2;
  const [x, y] = [point.subarray(1, 1 + half), point.subarray(1 + half)];
  return jwk({ kty: "EC", crv, x: x.toString("base64url"), y: y.toString("base64url") });
}

function jwk(key: { [name: string]: string }): KeyObject {
  try {
    return createPublicKey({ key, format: "jwk" });
  } catch (cause) {
    throw new RangeError("not a public key", { cause });
  }
}

/** A signature as metadata has it (notary-protocol.md 3.6), with its method, from the form of SSH. */
export function readSshSignature(blob: Buffer, key: KeyObject): { method: string; bytes: Buffer } {
  const reader = new SshReader(blob);
  const algorithm = reader.word();
  const content = reader.string();
  reader.end();
  switch (algorithm) {
    case "ssh-ed25519":
      return { method: "eddsa", bytes: content };
    case "ecdsa-sha2-nistp256": {
      const numbers = new SshReader(content);
      const pair = [numbers.positive(32), numbers.positive(32)];
      numbers.end();
      return { method: "ecdsa", bytes: Buffer.concat(pair.map((number) => widened(number, 32))) };
    }
    case "rsa-sha2-256": {
      const size = Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8);
      return { method: "rsapkcs1v15", bytes: widened(content, size) };
    }
    default:
      throw new RangeError("a signature of another algorithm");
  }
}

/** Some agents leave the zeros in front away. */
function widened(number: Buffer, size: number): Buffer {
  return Buffer.concat([Buffer.alloc(Math.max(0, size - number.length)), number]);
}

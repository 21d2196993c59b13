/**
 * The chain check: what a reader finds who believes nothing. Everything is fetched over HTTP and checked with
 * node:crypto and a canonical form of its own, not with the code under test.
 *
 * - timestamp → snapshot → root, targets and every declared delegation: each digest and length is that of the bytes
 *   served, by digest, by version and as current file;
 * - every signature threshold is met by distinct keys, under the current root or the parent;
 * - nothing has expired; the newest row of the changefeed names the timestamp.
 */
import { constants, createHash, createPublicKey, type KeyObject, verify, X509Certificate } from "node:crypto";
import type { Answer } from "./client.ts";

export interface ChainOptions {
  readonly at: number;
  /** Roles that may have expired. */
  readonly expired?: readonly string[];
  /**
   * Delegations that must have become unusable (their parent has taken the keys away); others must not. `any`: each
   * may have.
   */
  readonly unavailable?: readonly string[] | "any";
}

export interface Chain {
  /** Version by role. */
  readonly versions: ReadonlyMap<string, number>;
  readonly digests: ReadonlyMap<string, string>;
}

// biome-ignore lint/suspicious/noExplicitAny: what a server sent is looked at as it is
type Json = any;
type Fetch = (path: string) => Promise<Answer>;

/** Throws with a sentence on the first thing that is wrong. */
export async function checkChain(fetch: Fetch, repository: string, options: ChainOptions): Promise<Chain> {
  return await new ChainChecker(fetch, repository, options).run();
}

class ChainChecker {
  readonly #fetch: Fetch;
  readonly #base: string;
  readonly #options: ChainOptions;
  readonly #versions = new Map<string, number>();
  readonly #digests = new Map<string, string>();

  constructor(fetch: Fetch, repository: string, options: ChainOptions) {
    this.#fetch = fetch;
    this.#base = `/v2/${repository}/_trust`;
    this.#options = options;
  }

  async run(): Promise<Chain> {
    const timestampBytes = await this.#get("timestamp.json");
    const timestamp = JSON.parse(timestampBytes.toString("utf8"));
    const snapshot = await this.#follow("snapshot", timestamp.signed.meta.snapshot);
    const root = await this.#follow("root", snapshot.signed.meta.root);
    const { keys, roles } = root.signed;
    this.#check("root", root, keys, roles.root);
    this.#check("timestamp", timestamp, keys, roles.timestamp);
    this.#check("snapshot", snapshot, keys, roles.snapshot);
    this.#digests.set("timestamp", hash("sha256", timestampBytes, "hex"));
    this.#versions.set("timestamp", timestamp.signed.version);
    const targets = await this.#follow("targets", snapshot.signed.meta.targets);
    this.#check("targets", targets, keys, roles.targets);
    await this.#delegations(snapshot, targets);
    for (const [role, digest] of this.#digests) await this.#sameByVersion(role, digest);
    const feed = JSON.parse((await this.#get("", "changefeed?records=-1")).toString("utf8"));
    const row = feed.records[0];
    demand(
      row?.Category === "update" &&
        row.SHA256 === this.#digests.get("timestamp") &&
        row.Version === timestamp.signed.version,
      "the newest row of the changefeed names the timestamp",
    );
    return { versions: this.#versions, digests: this.#digests };
  }

  async #delegations(snapshot: Json, parent: Json): Promise<void> {
    for (const delegation of parent.signed.delegations?.roles ?? []) {
      const { name } = delegation;
      if (!Object.hasOwn(snapshot.signed.meta, name)) continue;
      const file = await this.#follow(name, snapshot.signed.meta[name]);
      const { unavailable } = this.#options;
      const lacking = signers(file, parent.signed.delegations.keys, delegation) < delegation.threshold;
      if (unavailable === "any" && lacking) continue;
      if (unavailable !== "any" && unavailable?.includes(name)) {
        demand(lacking, `${name} was expected to lack signatures`);
        continue;
      }
      this.#check(name, file, parent.signed.delegations.keys, delegation);
      await this.#delegations(snapshot, file);
    }
  }

  /** The file that a reference names, fetched by its digest and compared with the current one. */
  async #follow(role: string, reference: Json): Promise<Json> {
    const hex = Buffer.from(reference.hashes.sha256, "base64").toString("hex");
    const bytes = await this.#get(`${role}.${hex}.json`);
    demand(hash("sha256", bytes, "hex") === hex, `${role} has the digest it is listed with`);
    demand(reference.length === bytes.length, `${role} has the length it is listed with`);
    const { sha512 } = reference.hashes;
    demand(sha512 === undefined || hash("sha512", bytes, "base64") === sha512, `${role} has its sha512`);
    demand(bytes.equals(await this.#get(`${role}.json`)), `${role}.json is the listed file`);
    const file = JSON.parse(bytes.toString("utf8"));
    this.#digests.set(role, hex);
    this.#versions.set(role, file.signed.version);
    return file;
  }

  async #sameByVersion(role: string, digest: string): Promise<void> {
    const bytes = await this.#get(`${this.#versions.get(role)}.${role}.json`);
    demand(hash("sha256", bytes, "hex") === digest, `${role} by version is the current file`);
  }

  #check(role: string, file: Json, keys: Json, needed: Json): void {
    const type = role.startsWith("targets") ? "Targets" : role[0]?.toUpperCase() + role.slice(1);
    demand(file.signed._type === type, `${role} is of type ${type}`);
    demand(Number.isInteger(file.signed.version) && file.signed.version > 0, `${role} has a version`);
    const count = signers(file, keys, needed);
    demand(count >= needed.threshold && needed.threshold > 0, `${role} is signed by ${needed.threshold}`);
    const expired = Date.parse(file.signed.expires) <= this.#options.at;
    demand(!expired || this.#options.expired?.includes(role), `${role} has not expired`);
  }

  async #get(file: string, path = `tuf/${file}`): Promise<Buffer> {
    const { status, body } = await this.#fetch(`${this.#base}/${path}`);
    demand(status === 200, `${path} is served, not ${status}`);
    return body;
  }
}

function demand(holds: boolean | undefined, what: string): asserts holds {
  if (!holds) throw new Error(`the chain is broken: ${what}`);
}

function hash(algorithm: string, bytes: Buffer, form: "hex" | "base64"): string {
  return createHash(algorithm).update(bytes).digest(form);
}

type Check = (message: Buffer, key: KeyObject, signature: Buffer) => boolean;

const checks: Readonly<Record<string, Check>> = {
  eddsa: (message, key, signature) => verify(null, message, key, signature),
  ecdsa: (message, key, signature) =>
    verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature),
  rsapss: (message, key, signature) =>
    verify("sha256", message, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, signature),
  rsapkcs1v15: (message, key, signature) => verify("sha256", message, key, signature),
};

/** Distinct keys with a valid signature. */
function signers(file: Json, keys: Json, needed: Json): number {
  const message = Buffer.from(canonical(file.signed), "utf8");
  const seen = new Set<string>();
  for (const { keyid, method, sig } of file.signatures) {
    const key = needed.keyids?.includes(keyid) ? publicKey(keys[keyid]) : undefined;
    if (key === undefined) continue;
    const signature = Buffer.from(sig, "base64");
    const valid = checks[method?.toLowerCase()]?.(message, key, signature) ?? false;
    if (valid) seen.add(JSON.stringify(key.export({ format: "jwk" })));
  }
  return seen.size;
}

/** Undefined for a type of key that nobody knows. */
function publicKey({ keytype, keyval }: Json): KeyObject | undefined {
  if (!/^(ed25519|(ecdsa|rsa)(-x509)?)$/.test(keytype)) return undefined;
  const content = Buffer.from(keyval.public, "base64");
  if (keytype.endsWith("-x509")) return new X509Certificate(content).publicKey;
  if (content.subarray(0, 5).toString() === "-----") return createPublicKey(content);
  if (keytype !== "ed25519") return createPublicKey({ key: content, format: "der", type: "spki" });
  const jwk = { kty: "OKP", crv: "Ed25519", x: content.toString("base64url") };
  return createPublicKey({ key: jwk, format: "jwk" });
}

function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const names = Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    return `{${names.map((name) => `${canonical(name)}:${canonical(value[name])}`).join(",")}}`;
  }
  if (typeof value !== "string") return String(value);
  return `"${value.replace(/["\\]/g, "\\$&")}"`;
}

/** Known answers, computed without this code base (test/vectors/notary/vectors). */
import { describe, expect, it } from "vitest";
import { decodeBase64, sha256Hex } from "../../src/core/bytes.ts";
import { canonicalBytes } from "../../src/core/canonical.ts";
import { notary } from "../../src/core/format/notary.ts";
import type { JsonObject } from "../../src/core/json.ts";
import { parseJson } from "../../src/core/json.ts";
import { notaryKeyId, openKey } from "../../src/core/keys.ts";
import type { Root, Targets } from "../../src/core/model.ts";
import { verifySignature } from "../../src/core/schemes.ts";
import { countSignatures } from "../../src/core/threshold.ts";
import { rootRole, verifyRole, verifyRoot } from "../../src/core/verify.ts";
import { readFixture, verifyAt } from "../support/fixtures.ts";

interface KeyVector {
  readonly keytype: string;
  readonly public: string;
  readonly key_id_input: string;
  readonly key_id: string;
  readonly canonical_key_id?: string;
}

interface Vectors {
  readonly canonical_names: {
    readonly canonical_sha256: string;
    readonly canonical_length: number;
    readonly key: KeyVector;
    readonly method: string;
    readonly sig: string;
    readonly key_order: readonly string[];
  };
  readonly keys: readonly KeyVector[];
  readonly signatures: readonly {
    readonly from: string;
    readonly signed_canonical_sha256: string;
    readonly signed_canonical_length: number;
    readonly signatures: readonly { readonly keyid: string; readonly method: string; readonly sig: string }[];
  }[];
}

const vectors = JSON.parse(readFixture("vectors/vectors.json").toString("utf8")) as Vectors;
const moment = { at: verifyAt, expiry: "enforced" } as const;

it("has a known answer for each of the five key types", () => {
  expect(vectors.keys.map(({ keytype }) => keytype).sort()).toEqual([
    "ecdsa",
    "ecdsa-x509",
    "ed25519",
    "rsa",
    "rsa-x509",
  ]);
});

describe.each([...vectors.keys, vectors.canonical_names.key])("the $keytype key $key_id", (key) => {
  it("hashes the documented text", () => {
    const text = { keytype: key.keytype, keyval: { private: null, public: key.public } };
    expect(canonicalBytes(text).toString("utf8")).toBe(key.key_id_input);
  });

  it("has its key ID", () => {
    expect(notaryKeyId(key.keytype, key.public)).toBe(key.key_id);
  });

  it("has its canonical key ID", () => {
    const opened = openKey({ id: key.key_id, keytype: key.keytype, public: key.public });
    expect(opened?.canonicalId).toBe(key.canonical_key_id ?? key.key_id);
  });
});

describe("canonical form with awkward names", () => {
  const { canonical_names: known } = vectors;
  const wire = readFixture("vectors/canonical-names.targets.json");
  const canonical = readFixture("vectors/canonical-names.signed.canonical");

  it("is the known 787 bytes", () => {
    const { message } = notary.parse("targets", wire);
    expect(Buffer.from(message)).toEqual(canonical);
    expect(message.length).toBe(known.canonical_length);
    expect(sha256Hex(message)).toBe(known.canonical_sha256);
  });

  it("is not what went over the wire, where Go escapes five characters", () => {
    const { value, spans } = parseJson(wire, { controlCharacters: false });
    expect(spans.get("signed")?.canonical).toBe(false);
    expect(canonicalBytes((value as JsonObject).signed as JsonObject)).toEqual(canonical);
  });

  it("has all names", () => {
    const { signed } = notary.parse("targets", wire);
    expect([...(signed as Targets).targetNames()].sort()).toEqual([...known.key_order].sort());
  });

  it("carries the known signature", () => {
    const { key, method, sig } = known;
    const opened = openKey({ id: key.key_id, keytype: key.keytype, public: key.public });
    if (opened === undefined) return expect.unreachable();
    const signature = decodeBase64(sig, "signature");
    expect(verifySignature(opened.kind, opened.key, method, canonical, signature)).toBe(true);
  });

  it("is sealed to the bytes that the original server stored", () => {
    const { message, signatures } = notary.parse("targets", wire);
    expect(notary.seal(message, signatures)).toEqual(wire);
  });
});

describe.each(vectors.signatures)("the signature on $from", ({ from, signatures, ...known }) => {
  const role = from.replace(/^.*\/|\.json$/g, "");
  const file = notary.parse(role, readFixture(from));
  const dir = from.split("/")[0];
  const root = notary.parse("root", readFixture(`${dir}/metadata/root.json`)).signed as Root;

  it("covers the known canonical form", () => {
    expect(file.message.length).toBe(known.signed_canonical_length);
    expect(sha256Hex(file.message)).toBe(known.signed_canonical_sha256);
  });

  it("verifies under the known key ID", () => {
    const [known] = signatures;
    const entry = {
      keyId: known?.keyid ?? "",
      method: known?.method ?? "",
      signature: decodeBase64(known?.sig ?? "", "signature"),
    };
    expect(file.signatures).toEqual([entry]);
    const count = countSignatures(file, rootRole(root, role as "root" | "timestamp"));
    expect(count.signed.map(({ id }) => id)).toEqual([known?.keyid]);
  });
});

describe("null lists, as the stock client writes them", () => {
  const repository = "null/x3852";
  const root = verifyRoot(
    notary.parse("root", readFixture("vectors/null-lists/root.json")),
    { format: notary, repository },
    undefined,
    moment,
  );
  const read = (name: string) =>
    verifyRole(
      notary.parse("targets", readFixture(`vectors/null-lists/${name}.json`)),
      rootRole(root.signed, "targets"),
      moment,
    ).signed as Targets;

  it("keyids null: the delegation has no keys", () => {
    const [delegation] = read("targets-keyids-null").delegations;
    expect([delegation?.role, delegation?.keys.size, delegation?.threshold]).toEqual(["targets/a", 0, 1]);
  });

  it("roles null: there are no delegations", () => {
    expect(read("targets-roles-null").delegations).toEqual([]);
  });
});

/**
 * Counting signatures (threats V1 to V7 and V25): the most repeated bug of the field.
 * Long, since each place where signatures are counted is tried in each way.
 */
import { sign } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Json } from "../../src/core/json.ts";
import {
  bareKey,
  certificateKey,
  generatePrivateKey,
  makeRootCertificate,
  type PublisherKey,
} from "../support/bare/keys.ts";
import {
  again,
  compressed,
  rsaForm,
  rsaKey,
  type SignatureJson,
  withSignatures,
} from "../support/forgery.ts";
import { type Files, newKey, newRootKey, type Owner, signedOf, signJson } from "../support/publisher.ts";
import { start, startServer, type TestServer } from "../support/server.ts";

const repository = "example.org/thresholds";
let server: TestServer;
let owner: Owner;

beforeEach(async () => {
  server = await startServer();
  owner = await server.owner(repository);
});
afterEach(async () => await server.close());

const publish = (files: Files) => server.publish(repository, files);
const listedOf = (keys: readonly PublisherKey[]) => keys.map(({ listed }) => listed);

/** A place where two keys must sign. `draft` publishes what is needed first and gives an upload that both signed. */
interface Place {
  readonly where: string;
  readonly role: string;
  readonly code: string;
  readonly draft: () => Promise<Files>;
}

async function twoRootKeys(): Promise<PublisherKey[]> {
  const keys = [owner.rootKey, await newRootKey(repository, start)];
  owner.root.keys.root = listedOf(keys);
  owner.root.thresholds.root = 2;
  owner.root.signers = keys;
  return keys;
}

function delegation(role: string): Place {
  return {
    where: role,
    role,
    code: "THRESHOLD",
    async draft() {
      if (role !== "targets/a") owner.delegate("targets/a");
      owner.delegate(role, [newKey(), newKey()], 2);
      return owner.first();
    },
  };
}

const places: readonly Place[] = [
  {
    where: "the root, by its own keys",
    role: "root",
    code: "ROOT_NOT_SELF_SIGNED",
    async draft() {
      await twoRootKeys();
      return owner.first();
    },
  },
  {
    where: "the root, by the previous keys",
    role: "root",
    code: "ROOT_NOT_SIGNED_BY_PREVIOUS",
    async draft() {
      const keys = await twoRootKeys();
      await publish(owner.first());
      const next = await newRootKey(repository, start);
      owner.root.keys.root = [next.listed];
      owner.root.thresholds.root = 1;
      owner.root.signers = [...keys, next];
      return owner.next("root");
    },
  },
  {
    where: "targets",
    role: "targets",
    code: "THRESHOLD",
    async draft() {
      const keys = [newKey(), newKey()];
      owner.root.keys.targets = listedOf(keys);
      owner.root.thresholds.targets = 2;
      owner.targets.signers = keys;
      return owner.first();
    },
  },
  {
    where: "the snapshot",
    role: "snapshot",
    code: "THRESHOLD",
    async draft() {
      const keys = [newKey(), newKey()];
      owner.root.keys.snapshot = listedOf(keys);
      owner.root.thresholds.snapshot = 2;
      owner.snapshot.signers = keys;
      return owner.first();
    },
  },
  delegation("targets/a"),
  delegation("targets/a/b"),
];

/** The upload with the two signatures of the place replaced. Others, such as a new root key's, stay. */
async function edited(
  { role, draft }: Place,
  edit: (a: SignatureJson, b: SignatureJson) => readonly object[],
): Promise<Files> {
  const files = new Map(await draft());
  files.set(
    role,
    withSignatures(files.get(role) as Buffer, ([a, b, ...rest]) => [
      ...edit(a as SignatureJson, b as SignatureJson),
      ...rest,
    ]),
  );
  // A snapshot of the publisher's own lists what is sent.
  return files;
}

describe.each(places)("V1: $where needs two signatures", (place) => {
  test("V1: both are accepted", async () => {
    expect((await publish(await edited(place, (a, b) => [a, b]))).status).toBe(200);
  });
  test("V1: one is refused", async () => {
    expect((await publish(await edited(place, (a) => [a]))).code).toBe(place.code);
  });
  test("V1, V5: one of them twice under its ID is refused", async () => {
    expect((await publish(await edited(place, (a) => [a, a]))).code).toBe("BAD_SHAPE");
  });
  test("V1: one of them copied under the other's ID is refused", async () => {
    const files = await edited(place, (a, b) => [a, { ...a, keyid: b.keyid }]);
    expect((await publish(files)).code).toBe(place.code);
  });
  test("V6: both are accepted with a third that is garbage", async () => {
    const garbage = { keyid: "0".repeat(64), method: "ecdsa", sig: Buffer.alloc(64).toString("base64") };
    expect((await publish(await edited(place, (a, b) => [garbage, a, b]))).status).toBe(200);
  });
});

test("V1: a timestamp that needs two keys is refused, since the server has one", async () => {
  owner.root.keys.timestamp.push(newKey().listed);
  owner.root.thresholds.timestamp = 2;
  expect((await publish(owner.first())).code).toBe("ONLINE_KEY_UNKNOWN");
});

test("V6: a role's own key with a wrong signature harms nothing", async () => {
  const keys = [newKey(), newKey(), newKey()];
  owner.root.keys.targets = listedOf(keys);
  owner.root.thresholds.targets = 2;
  owner.targets.signers = keys;
  const files = new Map(owner.first());
  files.set(
    "targets",
    withSignatures(files.get("targets") as Buffer, ([a, b, c]) => [
      { ...a, sig: b?.sig },
      b as SignatureJson,
      c as SignatureJson,
    ]),
  );
  expect((await publish(files)).status).toBe(200);
});

/** One private key in two wrappings. */
const twins: Record<string, () => Promise<readonly [PublisherKey, PublisherKey]>> = {
  "two certificates": async () => {
    const key = generatePrivateKey("ecdsa");
    const certificate = async () =>
      certificateKey(again(key), await makeRootCertificate(key, repository, new Date(start)));
    return [await certificate(), await certificate()];
  },
  "a certificate and the bare key": async () => {
    const key = generatePrivateKey("ecdsa");
    return [certificateKey(key, await makeRootCertificate(key, repository, new Date(start))), bareKey(key)];
  },
  "a certificate with LF and with CRLF": async () => {
    const key = generatePrivateKey("ecdsa");
    const pem = (await makeRootCertificate(key, repository, new Date(start))).replaceAll("\r\n", "\n");
    return [certificateKey(key, pem), certificateKey(key, pem.replaceAll("\n", "\r\n"))];
  },
  "a compressed and an uncompressed point": async () => {
    const key = generatePrivateKey("ecdsa");
    return [bareKey(key), compressed(key)];
  },
  "an RSA key as PEM and as DER": async () => [rsaForm("pem", "spki"), rsaForm("der", "spki")],
  "an RSA key signing by PSS and by PKCS#1 v1.5": async () => {
    const pkcs = rsaForm("pem", "spki");
    return [
      bareKey(rsaKey()),
      {
        listed: pkcs.listed,
        sign: (message) => ({
          keyId: pkcs.listed.id,
          method: "rsapkcs1v15",
          signature: sign("sha256", message, rsaKey()),
        }),
      },
    ];
  },
};

describe.each(Object.keys(twins))("V2: one key as %s", (what) => {
  const make = twins[what] as () => Promise<readonly [PublisherKey, PublisherKey]>;

  test("V2: two seats cannot both be its", async () => {
    const [one, two] = await make();
    owner.root.keys.targets = listedOf([one, two]);
    owner.root.thresholds.targets = 2;
    owner.targets.signers = [one, two];
    expect((await publish(owner.first())).code).toBe("BAD_THRESHOLD");
  });

  test("V2: of three seats it fills one", async () => {
    const [one, two] = await make();
    const third = newKey();
    owner.root.keys.targets = listedOf([one, two, third]);
    owner.root.thresholds.targets = 2;
    owner.targets.signers = [one, two];
    expect((await publish(owner.first())).code).toBe("THRESHOLD");
    owner.targets.signers = [two, third];
    expect((await publish(owner.first())).status).toBe(200);
  });

  test("V2: in a delegation it counts once", async () => {
    const [one, two] = await make();
    owner.delegate("targets/a", [one, two], 2);
    expect((await publish(owner.first())).code).toBe("THRESHOLD");
  });
});

test("V2: an RSA key as PKCS#1 is no key at all", async () => {
  owner.root.keys.targets = listedOf([rsaForm("pem", "spki"), rsaForm("pem", "pkcs1")]);
  owner.targets.signers = [rsaForm("pem", "spki")];
  expect((await publish(owner.first())).code).toBe("BAD_KEY");
});

test("V2: two certificates of one key are one root key", async () => {
  const key = generatePrivateKey("ecdsa");
  const [one, two] = [0, 1].map(() => makeRootCertificate(key, repository, new Date(start)));
  const twin = [
    certificateKey(key, await (one as Promise<string>)),
    certificateKey(key, await (two as Promise<string>)),
  ];
  owner.root.keys.root = [...listedOf(twin), owner.rootKey.listed];
  owner.root.thresholds.root = 2;
  owner.root.signers = twin;
  expect((await publish(owner.first())).code).toBe("ROOT_NOT_SELF_SIGNED");
});

const wrongThresholds: readonly [string, Json][] = [
  ["0", 0],
  ["-1", -1],
  ["a string", "1"],
  ["null", null],
  ["true", true],
  ["2^31", 2_147_483_648],
  ["nothing", []],
];

describe.each(wrongThresholds)("V3: a threshold of %s", (_what, threshold) => {
  test.each(["root", "targets", "snapshot", "timestamp"])("V3: of %s is refused", async (role) => {
    const signed = signedOf(owner.rootFile());
    const roles = signed.roles as Record<string, Record<string, Json>>;
    (roles[role] as Record<string, Json>).threshold = threshold;
    const files = new Map(owner.first()).set("root", signJson(signed, [owner.rootKey]));
    expect((await publish(files)).code).toBe("BAD_THRESHOLD");
  });

  test("V3: of a delegation is refused", async () => {
    owner.delegate("targets/a");
    const signed = signedOf(owner.targetsFile());
    const [entry] = (signed.delegations as { roles: Record<string, Json>[] }).roles;
    (entry as Record<string, Json>).threshold = threshold;
    const files = new Map(owner.first()).set("targets", signJson(signed, [owner.targetsKey]));
    expect((await publish(files)).code).toBe("BAD_THRESHOLD");
  });
});

test("V3: a threshold with a fraction, or none, is refused", async () => {
  owner.root.thresholds.targets = 987_654;
  const file = owner.rootFile().toString("utf8");
  const upload = (text: string) => new Map(owner.first()).set("root", Buffer.from(text));
  expect((await publish(upload(file.replace("987654", "0.5")))).code).toBe("BAD_NUMBER");
  expect((await publish(upload(file.replace(',"threshold":987654', "")))).code).toBe("BAD_THRESHOLD");
});

test.each(["root", "targets", "snapshot", "timestamp"] as const)(
  "V4: a threshold of two with one key is refused for %s",
  async (role) => {
    owner.root.thresholds[role] = 2;
    expect((await publish(owner.first())).code).toBe("BAD_THRESHOLD");
  },
);

test("V4: a key listed twice is refused", async () => {
  const [key] = owner.root.keys.targets;
  if (key !== undefined) owner.root.keys.targets = [key, key];
  owner.root.thresholds.targets = 2;
  expect((await publish(owner.first())).code).toBe("BAD_THRESHOLD");
});

test("V4: a delegation with more seats than keys is accepted, unusable, and told to the operator", async () => {
  owner.targets.delegations.push({ role: "targets/a", keys: [newKey().listed], threshold: 2, paths: [""] });
  expect((await publish(owner.files("root", "targets"))).status).toBe(200);
  expect(server.log.some((line) => line.includes("fewer keys than its threshold"))).toBe(true);
});

test("V7: facts beside the signed part are refused", async () => {
  const file = JSON.parse(owner.targetsFile().toString("utf8"));
  const bytes = Buffer.from(JSON.stringify({ ...file, version: 7, signers: ["somebody"] }));
  expect((await publish(new Map(owner.first()).set("targets", bytes))).code).toBe("UNSIGNED_MEMBER");
});

test("V25: 10,001 signatures are refused by their number, at once", async () => {
  const many = (make: (i: number) => object) =>
    withSignatures(owner.targetsFile(), () => Array.from({ length: 10_001 }, (_, i) => make(i)));
  const [good] = JSON.parse(owner.targetsFile().toString("utf8")).signatures;
  for (const file of [
    many((i) => ({ ...good, keyid: i.toString(16).padStart(64, "0") })),
    many(() => good),
  ]) {
    const began = performance.now();
    expect((await publish(new Map(owner.first()).set("targets", file))).code).toBe("TOO_MANY");
    expect(performance.now() - began).toBeLessThan(1_000);
  }
});

test("V25: 64 signatures are read, 65 are not", async () => {
  const pad = (count: number) =>
    withSignatures(owner.targetsFile(), (all) => [
      ...all,
      ...Array.from({ length: count - 1 }, (_, i) => ({
        keyid: i.toString(16).padStart(64, "0"),
        method: "eddsa",
        sig: Buffer.alloc(64).toString("base64"),
      })),
    ]);
  expect((await publish(new Map(owner.first()).set("targets", pad(65)))).code).toBe("TOO_MANY");
  expect((await publish(new Map(owner.first()).set("targets", pad(64)))).status).toBe(200);
});

/**
 * Mutated uploads by the thousand: each is answered with a 4xx in the API's words, or accepted with a chain that
 * holds. Never a 5xx, a hang or a crash.
 *
 * Mutations know the structure, so that they reach beyond the first check: a file is changed and signed again, a
 * signature is moved, a key is damaged and listed under its true ID, and only some uploads are broken as bytes. Long,
 * since every kind of mutation is in one generator.
 */
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Json } from "../../src/core/json.ts";
import { notaryKeyId } from "../../src/core/keys.ts";
import type { PublisherKey } from "../support/bare/keys.ts";
import type { Answer } from "../support/client.ts";
import {
  boundary,
  multipart,
  multipartType,
  type Part,
  part,
  parts,
  uploadOf,
} from "../support/multipart.ts";
import { propertyTimeout, runs } from "../support/properties.ts";
import { newKey, type Owner, signJson } from "../support/publisher.ts";
import { startServer, type TestServer } from "../support/server.ts";

const repository = "example.org/mutated";
let server: TestServer;
let owner: Owner;
/** One key for every delegation, so that a mutated parent can be signed without making keys. */
const delegationKey = newKey();

beforeAll(async () => {
  server = await startServer({ limits: { uploadBytes: 3_000_000, uploadFiles: 20 } });
  owner = await server.owner(repository, "client");
  owner.delegate("targets/releases", [delegationKey]);
  owner.delegate("targets/releases/stable", [delegationKey]);
  owner.addTarget("kernel");
  owner.addTarget("initrd", "targets/releases");
  await server.publish(repository, owner.first());
});
afterAll(async () => await server.close());

const roles = ["root", "targets", "targets/releases", "targets/releases/stable", "snapshot"] as const;
const megabyte = "x".repeat(1_000_000);
const values: readonly Json[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  2,
  2_147_483_648,
  Number.MAX_SAFE_INTEGER,
  "",
  "\u0000",
  "\u{1f600}",
  "__proto__",
  "targets",
  "2031-01-01T00:00:00Z",
  [],
  {},
  [null],
  [[]],
  { "": "" },
  JSON.parse('{"__proto__":{"threshold":0}}') as Json,
  JSON.parse("[".repeat(25) + "]".repeat(25)) as Json,
];

/** Where in a value to do what; numbers choose among what is there. */
type Edit =
  | { readonly kind: "replace"; readonly place: number; readonly value: Json }
  | { readonly kind: "remove" | "double" | "rename" | "large"; readonly place: number }
  | { readonly kind: "copy"; readonly place: number; readonly from: number }
  | { readonly kind: "flip"; readonly place: number; readonly at: number };

const place = fc.nat(10_000);
const edit: fc.Arbitrary<Edit> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("replace" as const), place, value: fc.constantFrom(...values) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("remove" as const, "double" as const, "rename" as const),
      place,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("copy" as const), place, from: place }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("flip" as const), place, at: place }) },
);
/** Costly, so seldom. */
const rareEdit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 60, arbitrary: edit },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("large" as const), place }) },
);

/** Null in all but one of so many. */
function seldom<T>(arbitrary: fc.Arbitrary<T>, one: number): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: one - 1, arbitrary: fc.constant(null) }, { weight: 1, arbitrary });
}

interface FileMutation {
  /** Which of the files that are sent. */
  readonly file: number;
  readonly edits: readonly Edit[];
  /** Signed again after the edit, or left with the signatures of before. */
  readonly resign: boolean;
  readonly inSignatures: boolean;
  /** Bytes changed in the finished file. */
  readonly bytes: readonly { readonly at: number; readonly value: number }[];
}

const fileMutation: fc.Arbitrary<FileMutation> = fc.record({
  file: fc.nat(100),
  edits: fc.array(rareEdit, { minLength: 1, maxLength: 3 }),
  resign: fc.constantFrom(true, true, true, false),
  inSignatures: fc.oneof(
    { weight: 4, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
  bytes: fc.oneof(
    { weight: 12, arbitrary: fc.constant([]) },
    {
      weight: 1,
      arbitrary: fc.array(fc.record({ at: fc.nat(100_000), value: fc.nat(255) }), {
        minLength: 1,
        maxLength: 4,
      }),
    },
  ),
});

const headerMutations = [
  'Content-Disposition: form-data; filename="targets"',
  "Content-Disposition: form-data",
  'Content-Disposition: form-data; filename="../root"',
  'Content-Disposition: form-data; filename="root"; filename="targets"',
  'Content-Disposition: form-data; filename="timestamp"',
  "Content-Disposition: form-data; filename=targets",
  "Content-Disposition form-data",
  ": nothing",
  "Content-Transfer-Encoding: base64",
  `X-Long: ${"y".repeat(10_000)}`,
  "\u0000\u0001",
];

const upload = fc.record({
  /** Roles sent, before any mutation. */
  sent: fc.subarray([...roles], { minLength: 1 }),
  files: fc.array(fileMutation, { minLength: 1, maxLength: 2 }),
  shuffle: fc.array(fc.nat(10), { maxLength: 3 }),
  drop: seldom(fc.nat(10), 16),
  double: seldom(fc.nat(10), 20),
  header: seldom(fc.tuple(fc.nat(10), fc.nat(2), fc.constantFrom(...headerMutations)), 14),
  rename: seldom(
    fc.tuple(fc.nat(10), fc.constantFrom("root", "targets", "snapshot", "timestamp", "targets/x", "foo")),
    14,
  ),
  body: seldom(fc.record({ at: fc.nat(100_000), value: fc.nat(255), cut: fc.boolean() }), 20),
  type: seldom(
    fc.constantFrom(
      "",
      "text/plain",
      "multipart/form-data",
      `multipart/form-data; boundary=${boundary}x`,
      "multipart/mixed; boundary=\u00e9",
      "a b c",
    ),
    25,
  ),
});

type Mutation = typeof upload extends fc.Arbitrary<infer T> ? T : never;

const untouched: Mutation = {
  sent: [...roles],
  files: [],
  shuffle: [],
  drop: null,
  double: null,
  header: null,
  rename: null,
  body: null,
  type: null,
};

test(
  "a mutated upload is refused in the API's words, or leaves a chain that holds",
  async () => {
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(upload, async (mutation) => {
        const began = performance.now();
        const { body, type } = await make(mutation);
        const { revision } = await server.store.state(repository);
        try {
          const headers = type === "" ? {} : { "content-type": type };
          const answer = await server.upload(repository, body, headers, { unavailable: "any" });
          statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
          check(answer);
          expect(performance.now() - began).toBeLessThan(5_000);
        } finally {
          // A repository that a mutation took over is of no use to the next.
          if ((await server.store.state(repository)).revision !== revision) await startAnew();
        }
      }),
      { ...runs<[Mutation]>(10_000), examples: [[untouched]] },
    );
    // A property whose every upload is refused at the door would prove little.
    expect(statuses.get(200) ?? 0).toBeGreaterThan(0);
    expect(statuses.get(400) ?? 0).toBeGreaterThan(0);
    expect((await server.get("/livez")).status).toBe(200);
  },
  propertyTimeout,
);

function check({ status, code, error, body }: Answer): void {
  if (status === 200) return;
  expect(status).toBeGreaterThanOrEqual(400);
  expect(status).toBeLessThan(500);
  expect(code).toMatch(/^[A-Z][A-Z0-9_]+$/);
  expect(error?.code).toMatch(/^[A-Z][A-Z0-9_]+$/);
  expect(body.length).toBeLessThanOrEqual(1_024);
}

async function startAnew(): Promise<void> {
  await server.request(`/v2/${repository}/_trust/tuf/`, { method: "DELETE" });
  owner.root.version = 1;
  owner.snapshot.version = 1;
  for (const draft of owner.roles.values()) draft.version = 1;
  owner.root.keys.timestamp = [await server.key(repository, "timestamp")];
  // Without the chain check, which the next accepted upload gets.
  const { status } = await server.request(`/v2/${repository}/_trust/tuf/`, uploadOf(owner.first()));
  expect(status).toBe(200);
}

async function make(mutation: Mutation): Promise<{ body: Buffer; type: string }> {
  const { current } = await server.store.state(repository);
  for (const [role, { length, sha256 }] of current) {
    if (role !== "snapshot" && role !== "timestamp")
      owner.snapshot.meta.set(role, { length, sha256, sha512: undefined });
  }
  const next = (role: string) => (current.get(role)?.version ?? 0) + 1;
  owner.root.version = next("root");
  owner.snapshot.version = next("snapshot");
  for (const [role, draft] of owner.roles) draft.version = next(role);
  // Snapshots are made last, over the files as they are sent.
  const sent = roles.filter((role) => mutation.sent.includes(role));
  const files = new Map<string, Buffer>();
  for (const role of sent.filter((each) => each !== "snapshot")) {
    files.set(role, mutated(role, owner.files(role).get(role) as Buffer, mutation));
  }
  if (sent.includes("snapshot")) {
    owner.listInSnapshot(files);
    files.set("snapshot", mutated("snapshot", owner.snapshotFile(), mutation));
  }
  const { all, type } = { all: rearranged(parts(files), mutation), type: mutation.type ?? multipartType };
  return { body: damaged(multipart(all), mutation.body), type };
}

function mutated(role: string, file: Buffer, { sent, files }: Mutation): Buffer {
  let bytes = file;
  for (const each of files) {
    if (sent[each.file % sent.length] !== role) continue;
    const { signed, signatures } = JSON.parse(file.toString("utf8")) as { signed: Json; signatures: Json };
    let [content, marks] = [signed, signatures];
    for (const change of each.edits) {
      if (each.inSignatures) marks = edited(marks, change);
      else content = relisted(edited(content, change));
    }
    bytes =
      each.resign && !each.inSignatures
        ? signJson(content, signersOf(role))
        : Buffer.from(JSON.stringify({ signed: content, signatures: marks }));
    for (const { at, value } of each.bytes) bytes[at % bytes.length] = value;
  }
  return bytes;
}

function signersOf(role: string): readonly PublisherKey[] {
  if (role === "root") return owner.root.signers;
  return role === "snapshot" ? owner.snapshot.signers : owner.role(role).signers;
}

/** Every place in a value: the object or list, and the name in it. */
function placesIn(value: Json): [Record<string, Json>, string][] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Record<string, Json>;
  return Object.entries(holder).flatMap(([name, inner]) => [
    [holder, name] as [Record<string, Json>, string],
    ...placesIn(inner),
  ]);
}

function edited(value: Json, change: Edit): Json {
  const copy = structuredClone(value);
  const all = placesIn(copy);
  const [holder, name] = all[change.place % Math.max(all.length, 1)] ?? [];
  if (holder === undefined || name === undefined) return copy;
  switch (change.kind) {
    case "replace":
      holder[name] = change.value;
      break;
    case "remove":
      delete holder[name];
      break;
    case "double":
      if (Array.isArray(holder)) holder.push(structuredClone(holder[Number(name)]) as Json);
      else holder[`${name}2`] = structuredClone(holder[name]) as Json;
      break;
    case "rename":
      holder[name.toUpperCase()] = holder[name] as Json;
      break;
    case "large":
      holder[name] = megabyte;
      break;
    case "copy": {
      const [source, from] = all[change.from % all.length] ?? [];
      if (source !== undefined && from !== undefined) holder[name] = structuredClone(source[from]) as Json;
      break;
    }
    case "flip":
      holder[name] = flipped(holder[name] as Json, change.at);
  }
  return Array.isArray(copy) ? copy.filter((each) => each !== undefined) : copy;
}

/** One letter of a text, one bit of a number. In base64 the text stays base64, so that what it holds is looked at. */
function flipped(value: Json, at: number): Json {
  if (typeof value === "number") return value ^ (1 << (at % 20));
  if (typeof value !== "string" || value.length === 0) return value;
  const i = at % value.length;
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return value.slice(0, i) + letters[at % 64] + value.slice(i + 1);
}

/** Keys under the IDs of what they hold now, wherever those are named: so that damaged keys are opened. */
function relisted(content: Json): Json {
  let text = JSON.stringify(content);
  const holders = [content, (content as { delegations?: Json })?.delegations] as { keys?: Json }[];
  for (const holder of holders) {
    if (typeof holder?.keys !== "object" || holder.keys === null) continue;
    for (const [id, key] of Object.entries(
      holder.keys as Record<string, { keytype?: Json; keyval?: { public?: Json } }>,
    )) {
      const { keytype, keyval } = key ?? {};
      if (typeof keytype !== "string" || typeof keyval?.public !== "string" || id.length !== 64) continue;
      text = text.replaceAll(id, notaryKeyId(keytype, keyval.public));
    }
  }
  return JSON.parse(text) as Json;
}

function rearranged(all: readonly Part[], { shuffle, drop, double, header, rename }: Mutation): Part[] {
  const list = [...all];
  const at = (n: number) => n % Math.max(list.length, 1);
  for (const n of shuffle) list.push(...list.splice(at(n), 1));
  if (drop !== null) list.splice(at(drop), 1);
  if (double !== null && list.length > 0) list.push(list[at(double)] as Part);
  if (rename !== null && list.length > 0)
    list[at(rename[0])] = part(rename[1], (list[at(rename[0])] as Part).body);
  if (header !== null && list.length > 0) {
    const [n, line, text] = header;
    const { headers, body } = list[at(n)] as Part;
    list[at(n)] = { headers: headers.toSpliced(line, line === 2 ? 0 : 1, text), body };
  }
  return list;
}

function damaged(body: Buffer, change: Mutation["body"]): Buffer {
  if (change === null) return body;
  const at = change.at % body.length;
  if (change.cut) return body.subarray(0, at);
  body[at] = change.value;
  return body;
}

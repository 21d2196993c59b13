/** Many keys in few bytes: what an upload can make the server open before anything of it is verified. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { notaryKeyId } from "../../src/core/keys.ts";
import { maxKeyUses, maxUploadKeys, maxUsedKeys } from "../../src/core/limits.ts";
import { newKey, type Owner } from "../support/publisher.ts";
import { startServer, type TestServer } from "../support/server.ts";

const repository = "example.org/flood";
let server: TestServer;
let owner: Owner;

beforeEach(async () => {
  server = await startServer();
  owner = await server.owner(repository);
});
afterEach(async () => await server.close());

/** Keys of a type nobody knows cost nothing to make; they count like all others. */
const keys = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => {
    const text = Buffer.from(`key ${from + i}`).toString("base64");
    const listed = { id: notaryKeyId("unknown", text), keytype: "unknown", public: text };
    return { ...newKeyHand, listed };
  });
const newKeyHand = newKey();

/** Root and targets only: the delegated files themselves are of no interest here. */
const top = () => new Map([...owner.first()].filter(([role]) => !role.includes("/")));

function delegate(count: number, each: number, distinct: number) {
  const all = keys(distinct);
  for (let i = 0; i < count; i++) {
    const some = Array.from({ length: each }, (_, j) => all[(i * each + j) % distinct] ?? newKeyHand);
    owner.delegate(`targets/r${i}`, some, 1);
  }
}

test("as many different keys in one file as may be are taken", async () => {
  delegate(4, maxUsedKeys / 4, maxUsedKeys);
  expect((await server.publish(repository, top())).status).toBe(200);
});

test("one different key more is TOO_MANY", async () => {
  delegate(5, (maxUsedKeys + 8) / 5, maxUsedKeys + 1);
  expect((await server.publish(repository, top())).code).toBe("TOO_MANY");
});

test("the same keys used too often in one file are TOO_MANY", async () => {
  delegate(maxKeyUses / 64 + 1, 64, 64);
  expect((await server.publish(repository, top())).code).toBe("TOO_MANY");
});

test("the keys of all files of one upload are bounded together", async () => {
  const files = top();
  const targets = files.get("targets") as Buffer;
  for (let i = 0; i * 400 <= maxUploadKeys; i++) {
    owner.targets.delegations = [];
    for (const [j, some] of [keys(200, i * 400), keys(200, i * 400 + 200)].entries()) {
      owner.delegate(`targets/a${j}`, some, 1);
    }
    const text = (owner.first().get("targets") as Buffer).toString("utf8");
    files.set(`targets/x${i}`, Buffer.from(text.replaceAll("targets/a", `targets/x${i}/a`)));
  }
  files.set("targets", targets);
  expect((await server.publish(repository, files)).code).toBe("TOO_MANY");
});

/** What is left of a lost store is not taken for a first start. */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { beginAnew, refuseLost } from "../../src/wire/lost-store.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { codeOf } from "../support/refusal.ts";

let data: string;
beforeEach(() => {
  data = temporaryDirectory();
  mkdirSync(join(data, "tls"));
});

function configured(values: Readonly<Record<string, string>> = {}) {
  const flags = Object.entries({ data, ...values }).map(([key, text]) => ({ flag: "--set", key, text }));
  return loadConfig({ flags, env: {}, readFile: () => "" }).config;
}

const refusal = (config = configured()) => codeOf((async () => refuseLost(config, data))());
const put = (name: string, content = "x") => writeFileSync(join(data, name), content);

describe.each([
  "kek",
  "kek.new",
  "tls/ca.key",
  "tls/server.pem",
  "operator-token",
  "token-key.pem",
  "vidimus.sqlite-wal",
  "vidimus.sqlite.schema-0004",
])("%s without a store", (name) => {
  it("is refused, with an empty store too, and told by its name", async () => {
    put(name);
    expect(await refusal()).toBe("STORE_CORRUPT");
    expect(() => refuseLost(configured(), data)).toThrow(name);
    put("vidimus.sqlite", "");
    put("high-water-mark", "");
    expect(await refusal()).toBe("STORE_CORRUPT");
  });

  it("is as it should be beside a store, and a matter of the mark where that is", async () => {
    put(name);
    put("high-water-mark");
    refuseLost(configured(), data);
    put("high-water-mark", "");
    put("vidimus.sqlite");
    refuseLost(configured(), data);
  });
});

it("a first start, one that was cut off early, and a store in memory are not refused", () => {
  refuseLost(configured(), data);
  for (const name of ["lock.db", "server.pid", "vidimus.sqlite", "high-water-mark"]) put(name, "");
  refuseLost(configured(), data);
  put("kek");
  refuseLost(configured({ "store.kind": "memory" }), data);
});

it("the mark counts where it is configured to lie", async () => {
  put("kek");
  put("elsewhere");
  refuseLost(configured({ "store.highWaterMark": join(data, "elsewhere") }), data);
  expect(await refusal(configured({ "store.highWaterMark": join(data, "nowhere") }))).toBe("STORE_CORRUPT");
});

it("beginning anew makes a store, and is refused where there is one", async () => {
  put("kek");
  await beginAnew(configured());
  refuseLost(configured(), data);
  const before = readdirSync(data).sort();
  expect(await codeOf(beginAnew(configured()))).toBe("STORE_CORRUPT");
  expect(readdirSync(data).sort()).toEqual(before);
});

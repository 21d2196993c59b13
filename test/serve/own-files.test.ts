/** Nothing that is written lands on a file that the server lives by. */
import { linkSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { StartError } from "../../src/serve/errors.ts";
import { configuredOutputs, refuseOwnFiles } from "../../src/serve/own-files.ts";
import { temporaryDirectory } from "../support/directory.ts";

let folder: string;
const at = (name: string) => join(folder, name);

beforeEach(() => {
  folder = temporaryDirectory();
  mkdirSync(at("data/tls"), { recursive: true });
});

function configured(values: Readonly<Record<string, string>> = {}) {
  const flags = Object.entries({ data: at("data"), ...values }).map(([key, text]) => ({
    flag: "--set",
    key,
    text,
  }));
  return loadConfig({ flags, env: {}, readFile: () => "" }).config;
}

function refusal(path: string, config = configured(), file?: string): string | undefined {
  const before = readdirSync(folder, { recursive: true }).sort();
  try {
    refuseOwnFiles(config, [{ name: "--ready-file", path }], file);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(StartError);
    expect((error as StartError).code).toBe("OWN_FILE");
    return (error as StartError).message;
  } finally {
    expect(readdirSync(folder, { recursive: true }).sort()).toEqual(before);
  }
}

const ofDirectory = [
  "vidimus.sqlite",
  "vidimus.sqlite-wal",
  "vidimus.sqlite-shm",
  "vidimus.sqlite.schema-0003",
  "lock.db",
  "server.pid",
  "high-water-mark",
  "kek",
  "kek.new",
  "operator-token",
  "token-key.pem",
  "tls/ca.crt",
  "tls/ca.key",
  "tls/server.pem",
];

describe.each(ofDirectory)("%s of the data directory is not written over", (name) => {
  const own = () => at(`data/${name}`);

  it("by its name, before it is there", () => {
    expect(refusal(own())).toMatch(/^--ready-file names .*: nothing was written; [^\n]*\.$/);
  });

  it("by a detour, and relative to the working directory", () => {
    expect(refusal(at(`data/tls/../../data/${name}`))).toBeDefined();
    expect(refusal(relative(process.cwd(), own()))).toBeDefined();
  });

  it("by a link to it, to its folder, or to nothing yet", () => {
    symlinkSync(own(), at("link"));
    expect(refusal(at("link"))).toBeDefined();
    writeFileSync(own(), "");
    expect(refusal(at("link"))).toBeDefined();
    symlinkSync(at("link"), at("second"));
    expect(refusal(at("second"))).toBeDefined();
    symlinkSync(dirname(own()), at("folder"));
    expect(refusal(join(at("folder"), name.split("/").at(-1) ?? ""))).toBeDefined();
  });

  it("by a hard link", () => {
    writeFileSync(own(), "");
    linkSync(own(), at("hard"));
    expect(refusal(at("hard"))).toBeDefined();
    rmSync(own());
    expect(refusal(at("hard"))).toBeUndefined();
  });
});

describe("what is configured is not written over", () => {
  it.each([
    ["store.highWaterMark", { "store.highWaterMark": "mark" }],
    ["audit.headFile", { "audit.headFile": "heads" }],
    ["policy.file", { "policy.file": "policy.yaml" }],
    ["tls.key", { "tls.certificate": "a.pem", "tls.key": "b.pem" }],
    ["webhooks.ca", { "webhooks.ca": "ca.pem" }],
  ])("%s", (key, values) => {
    const placed = Object.fromEntries(Object.entries(values).map(([name, file]) => [name, at(file)]));
    const config = configured(placed);
    for (const [name, path] of Object.entries(placed)) {
      expect(refusal(path, config)).toContain(`what ${name} names`);
    }
    expect(Object.keys(placed)).toContain(key);
  });

  it("the secret's file and its successor", () => {
    const config = configured({ "signer.secret": `file:${at("secret")}` });
    expect(refusal(at("secret"), config)).toContain("what signer.secret names");
    expect(refusal(at("secret.new"), config)).toContain("what signer.secret names");
  });

  it("the configuration file", () => {
    expect(refusal(at("vidimus.yaml"), configured(), at("vidimus.yaml"))).toContain("what --config names");
  });
});

describe("what the server writes as it is configured", () => {
  const outputs = (values: Readonly<Record<string, string>>) => () => {
    const config = configured(values);
    refuseOwnFiles(config, configuredOutputs(config), undefined);
  };

  it.each(["store.highWaterMark", "audit.headFile", "server.socket"])("%s spares the store", (key) => {
    expect(outputs({ [key]: at("data/vidimus.sqlite") })).toThrow(`${key} names`);
    expect(outputs({ [key]: at("data/kek") })).toThrow(StartError);
    expect(outputs({ [key]: at("elsewhere") })).not.toThrow();
  });

  it("is not one file for two things", () => {
    const both = { "store.highWaterMark": at("one"), "audit.headFile": at("one") };
    expect(outputs(both)).toThrow(StartError);
  });

  it("may name the mark where it lies anyway", () => {
    expect(outputs({ "store.highWaterMark": at("data/high-water-mark") })).not.toThrow();
  });
});

it("other files may be written, in the data directory too", () => {
  for (const name of ["ready.json", "data/ready.json", "data/backup.age", "data/kek.txt", "vidimus.sqlite"]) {
    expect(refusal(at(name))).toBeUndefined();
  }
});

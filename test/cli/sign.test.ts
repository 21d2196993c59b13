/** `vidimus sign`: what a registry holds is signed by its digest, and nothing else is. */
import { hash } from "node:crypto";
import { truncateSync } from "node:fs";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { openTrust } from "../../src/client/trust.ts";
import type { TrustServer } from "../support/bare/exchange.ts";
import { plainServer, type TestServer } from "../support/fetching.ts";
import { Person } from "../support/person.ts";
import { runningServer } from "../support/running-server.ts";

const image = JSON.stringify({ schemaVersion: 2, config: {}, layers: [] });
const index = JSON.stringify({
  schemaVersion: 2,
  manifests: [
    { digest: "sha256:1", platform: { os: "linux", architecture: "amd64" } },
    { digest: "sha256:2", platform: { os: "linux", architecture: "arm64" } },
  ],
});
const digestOf = (text: string) => `sha256:${hash("sha256", text, "hex")}`;
const types = {
  image: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
};

let server: TrustServer;
let registry: TestServer;
let person: Person;
let name: string;
let counter = 0;
/** What the registry answers under each reference. */
const held = new Map<string, readonly [type: string, body: string]>();

beforeAll(async () => {
  server = await runningServer();
  registry = await plainServer((request, response) => {
    const reference = /\/manifests\/(.+)$/.exec(request.url)?.[1] ?? "";
    const found = held.get(reference);
    if (found === undefined) response.writeHead(404).end("{}");
    else response.writeHead(200, { "content-type": found[0] }).end(found[1]);
  });
});

beforeEach(async () => {
  held.clear();
  held.set("1", [types.image, image]);
  held.set(digestOf(image), [types.image, image]);
  held.set("multi", [types.index, index]);
  held.set(digestOf(index), [types.index, index]);
  name = `127.0.0.1:${registry.port}/team/app${counter++}`;
  person = new Person(server);
  await person.key("root");
  await person.key("one");
  await person.well("repo", "init", name, "--root", "root", "--targets", "one", ...person.trusted());
});

async function resolved(reference: string): Promise<string> {
  const trust = await openTrust({
    policy: person.home.at("trust.yaml"),
    cacheDir: person.home.at("reader"),
    environment: {},
  });
  try {
    return (await trust.resolve(reference)).digest;
  } finally {
    await trust.close();
  }
}

it("a tag outside of what the role may sign is refused, and nothing is staged", async () => {
  await person.key("two");
  await person.well("delegation", "add", name, "targets/x", "--key", "two", "--path", "v", "-p");
  const argv = ["sign", `${name}:1@${digestOf(image)}`, "--role", "targets/x", "--no-input"];
  for (const more of [[], ["-p"]]) {
    const { code, out, err } = await person.run(...argv, ...more);
    expect([code, out, err]).toEqual([
      exitCodes.outsidePaths.code,
      "",
      expect.stringContaining("1 lies outside of what targets delegates to targets/x"),
    ]);
  }
  expect((await person.well("status")).out).toBe("Nothing is staged.\n");
});

it("a role is not chosen as if a damaged key file were not there", async () => {
  await person.key("other");
  const { place } = await person.key("release");
  for (const key of ["other", "release"])
    await person.well("delegation", "add", name, `targets/${key}`, "--key", key, "--all-paths");
  await person.well("publish", name);
  truncateSync(place, 100);
  const argv = ["sign", `${name}:1@${digestOf(image)}`, "--no-input"];
  const { code, err } = await person.run(...argv);
  expect([code, err]).toEqual([exitCodes.keyFile.code, expect.stringContaining(place)]);
  expect((await person.run(...argv, "--role", "targets/other", "-p")).code).toBe(exitCodes.ok.code);
});

describe("an image or index", () => {
  it.each([
    ["1", image],
    ["multi", index],
  ])("that is named with its digest is signed: %s", async (tag, body) => {
    await person.well("sign", `${name}:${tag}@${digestOf(body)}`, "--no-input", "-p");
    expect(await resolved(`${name}:${tag}`)).toBe(digestOf(body));
    expect(registry.seen.at(-1)?.headers.accept).toContain(types.index);
  });

  it("is named by the builder's metadata file", async () => {
    person.home.write("metadata.json", JSON.stringify({ "containerimage.digest": digestOf(index) }));
    await person.well("sign", `${name}:2`, "--metadata", person.home.at("metadata.json"), "--no-input", "-p");
    expect(await resolved(`${name}:2`)).toBe(digestOf(index));
    person.home.write("metadata.json", "{}");
    const odd = await person.run(
      "sign",
      `${name}:3`,
      "--metadata",
      person.home.at("metadata.json"),
      "--no-input",
    );
    expect(odd.code).toBe(exitCodes.edit.code);
  });

  it("is not signed where nobody can be asked and no digest is named", async () => {
    expect((await person.run("sign", `${name}:1`, "--no-input")).code).toBe(exitCodes.usage.code);
    expect((await person.run("sign", `${name}:1`)).code).toBe(exitCodes.registry.code);
    expect((await person.well("status")).out).toBe("Nothing is staged.\n");
  });

  it("moves only where that is said", async () => {
    await person.well("sign", `${name}:1@${digestOf(image)}`, "--no-input", "-p");
    const moved = await person.run("sign", `${name}:1@${digestOf(index)}`, "--no-input", "-p");
    expect([moved.code, moved.err]).toEqual([exitCodes.edit.code, expect.stringContaining("--move")]);
    await person.well("sign", `${name}:1@${digestOf(index)}`, "--no-input", "--move", "-p");
    expect(await resolved(`${name}:1`)).toBe(digestOf(index));
  });

  it("goes to the delegations whose keys are here, or is refused", async () => {
    await person.key("builder", "ed25519");
    await person.well("delegation", "add", name, "targets/releases", "--key", "builder", "--all-paths", "-p");
    const { out } = await person.well("sign", `${name}:1@${digestOf(image)}`, "--no-input", "-p");
    expect(out).toContain("targets/releases 1");
    const other = await person.key("else", "ed25519");
    person.home.write("else.pem", other.pem);
    await person.well("delegation", "remove", name, "targets/releases", "-p");
    await person.well("delegation", "add", name, "targets/x", "--key", "else", "--path", "v", "-p");
    const none = await person.run("sign", `${name}:multi@${digestOf(index)}`, "--no-input");
    expect([none.code, none.err]).toEqual([exitCodes.edit.code, expect.stringContaining("--role")]);
  });
});

describe("a registry", () => {
  it.each<[string, () => void]>([
    [
      "that gives another digest than it was asked for",
      () => held.set(digestOf(image), [types.image, index]),
    ],
    ["that has not the image", () => held.delete(digestOf(image))],
    ["that gives something else", () => held.set(digestOf(image), ["text/html", image])],
  ])("%s is refused, and nothing is staged", async (_what, spoil) => {
    spoil();
    const { code, out } = await person.run("sign", `${name}:1@${digestOf(image)}`, "--no-input", "-p");
    expect([code, out]).toEqual([exitCodes.registry.code, ""]);
    expect((await person.well("status")).out).toBe("Nothing is staged.\n");
  });
});

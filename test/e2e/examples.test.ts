/** What the examples say before they pull anything. What they build is in test/interop/client/examples.test.ts. */
import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { endings } from "../../src/client/errors.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { deadPort } from "../support/fetching.ts";
import { simulated, siteOf } from "../support/trusting.ts";

const examples = resolve(import.meta.dirname, "../../examples");
const library = [process.execPath, join(examples, "builder.ts")] as const;
const shell = ["/bin/sh", join(examples, "builder.sh")] as const;

const both = [
  ["the library's builder", library],
  ["the shell's builder", shell],
] as const;
const client = `${process.execPath} ${resolve(examples, "../src/client/cli/main.ts")}`;

function run(
  [program, script]: readonly [string, string],
  args: readonly string[],
  cwd: string,
  verifier = "false",
) {
  const env = { PATH: process.env.PATH, HOME: cwd, VIDIMUS_CLIENT: verifier };
  const ended = Promise.withResolvers<{ code: number; said: string }>();
  execFile(program, [script, ...args], { cwd, env, timeout: 30_000 }, (error, _, said) =>
    ended.resolve({ code: error === null ? 0 : Number(error.code), said }),
  );
  return ended.promise;
}

/** A folder whose policy leads to a server. */
function folderFor(server: string): string {
  const cwd = temporaryDirectory();
  const rule = { match: "**", tofu: true };
  writeFileSync(join(cwd, "trust.yaml"), JSON.stringify({ server, repositories: [rule] }));
  return cwd;
}

describe("a directory that is there already", () => {
  it.each(both)("is refused by %s before anything is asked, and left alone", async (_, builder) => {
    const cwd = temporaryDirectory();
    mkdirSync(join(cwd, "rootfs"));
    const result = await run(builder, ["registry.example.test/app:1", "rootfs"], cwd);
    expect(result).toEqual({ code: 2, said: expect.stringContaining("one that is not there yet") });
    expect(readdirSync(cwd)).toEqual(["rootfs"]);
  });
});

it.each(both)("%s says how it is called", async (_, builder) => {
  for (const args of [[], ["app:1"], ["app:1", "rootfs", "more"]]) {
    const cwd = temporaryDirectory();
    expect(await run(builder, args, cwd)).toEqual({
      code: 2,
      said: expect.stringMatching(/^Usage: .* IMAGE DIRECTORY /),
    });
    expect(readdirSync(cwd)).toEqual([]);
  }
});

it.each(both)(
  "%s says which server is away and how to look for the reason, and leaves nothing",
  async (_, builder) => {
    const server = `http://127.0.0.1:${await deadPort()}`;
    const cwd = folderFor(server);
    const { code, said } = await run(builder, ["127.0.0.1:5000/acme/app:1", "rootfs"], cwd, client);
    expect(code).toBe(endings.unreachable.exit);
    expect(said).toContain(`${server} cannot be reached`);
    expect(said).toContain(`vidimus-client doctor --policy trust.yaml --server ${server}`);
    expect(readdirSync(cwd).filter((name) => name.startsWith("rootfs"))).toEqual([]);
  },
);

it.each(both)("%s says which registry is away, and leaves nothing", async (_, builder) => {
  const registry = `127.0.0.1:${await deadPort()}`;
  const sim = await simulated(`${registry}/acme/app`, "1");
  const later = Date.now() + 86_400_000;
  for (const role of [sim.root, sim.targetsOf("targets"), sim.snapshot, sim.timestamp]) role.expires = later;
  sim.publish();
  const cwd = folderFor((await siteOf(sim)).url);
  const { code, said } = await run(builder, [`${registry}/acme/app:1`, "rootfs"], cwd, client);
  expect([code, said]).toEqual([1, expect.stringContaining(registry)]);
  expect(said).toMatch(/cannot be reached|does not give/);
  expect(readdirSync(cwd).filter((name) => name.startsWith("rootfs"))).toEqual([]);
});

/** A release over thirty repositories: proposed by a script that has no key, signed by two people who unlock once each. */

import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { listedTargets, notaryPerson } from "../support/notary.ts";
import { newKey, personWithFiles, personWithToken, type SigningPerson } from "../support/signing-people.ts";
import type { TrustServer } from "../support/trust-server.ts";
import { startVidimus } from "../support/vidimus-server.ts";

const driver = inject("tokenDriver");
const possible = inject("notary") && driver !== null;
const release = "2027.1";
const repositories = Array.from(
  { length: 30 },
  (_, at) => `registry.example.test/release/app-${String(at).padStart(2, "0")}`,
);

describe.skipIf(!possible)("a release of thirty repositories", () => {
  let server: TrustServer;
  let directory: string;
  let script: SigningPerson;
  let alice: SigningPerson;
  let carol: SigningPerson;

  beforeAll(async () => {
    directory = mkdtempSync(join(inject("scratch"), "release-"));
    server = await startVidimus(join(directory, "server"));
    script = personWithFiles(server, join(directory, "script"));
    alice = personWithFiles(server, join(directory, "alice"));
    carol = await personWithToken(server, join(directory, "carol"), driver ?? "");
    // Who makes the repositories has the keys of both at hand, this once.
    const maker = personWithFiles(server, join(directory, "maker"));
    const [ofAlice, ofCarol] = [newKey(), newKey()];
    await maker.key("root");
    for (const person of [maker, alice]) await person.key("alice", ofAlice);
    for (const person of [maker, carol]) await person.key("carol", ofCarol);
    for (const repository of repositories) {
      const keys = ["--root", "root", "--targets", "alice", "--targets", "carol"];
      await maker.do("repo", "init", repository, ...keys, "--targets-threshold", "2", ...maker.trusted());
    }
    for (const person of [script, alice, carol]) person.takePolicyOf(maker);
  }, 180_000);

  afterAll(async () => {
    await carol?.end();
    await server?.stop();
  });

  interface Listed {
    readonly repository: string;
    readonly state: string;
    readonly files: readonly { readonly signedBy: readonly string[] }[];
  }

  async function listed(): Promise<readonly Listed[]> {
    const { stdout } = await script.do("proposal", "list", "--release", release, "--all", "--json");
    return (JSON.parse(stdout) as { proposals: readonly Listed[] }).proposals;
  }

  /** What a stranger with the stock client sees in each, `NAME` by repository. */
  async function read(): Promise<readonly string[]> {
    const reader = notaryPerson(server, join(directory, "reader"));
    const seen: string[] = [];
    for (const repository of repositories) {
      const result = await reader.do(["list", repository]);
      seen.push(
        listedTargets(result)
          .map(({ name, role }) => `${name}@${role}`)
          .join(),
      );
    }
    return seen;
  }

  test("is seen on one screen, takes one unlocking of each, and lands whole", async () => {
    for (const [at, repository] of repositories.entries()) {
      await script.do("add", repository, release, script.file("build", `build ${at}`));
      await script.propose(repository, "--release", release);
    }
    expect(script.asked).toEqual([]);

    const screen = (await alice.do("proposal", "list", "--release", release)).stdout.trimEnd().split("\n");
    expect(screen).toHaveLength(1 + repositories.length);
    for (const repository of repositories)
      expect(screen.filter((line) => line.includes(` ${repository} `))).toHaveLength(1);

    const first = await alice.do("proposal", "sign", "--release", release, "--yes");
    expect(first.stdout.match(/^ *\+ 2027\.1 /gm)).toHaveLength(repositories.length);
    expect(alice.asked).toHaveLength(1);
    // One signature is nothing to readers.
    expect((await listed()).map(({ state, files }) => `${state} ${files[0]?.signedBy.length}`)).toEqual(
      repositories.map(() => "open 1"),
    );
    expect(await read()).toEqual(repositories.map(() => ""));

    await carol.do("proposal", "sign", "--release", release, "--yes");
    expect(carol.asked).toHaveLength(1);
    const after = await listed();
    expect(after.map(({ repository }) => repository).sort()).toEqual(repositories);
    expect(new Set(after.map(({ state }) => state))).toEqual(new Set(["published"]));
    expect(await read()).toEqual(repositories.map(() => `${release}@targets`));
    expect((await alice.do("proposal", "list", "--release", release)).stdout).toBe(
      `There is no open proposal in the release ${release}. Those in other states are listed with --all.\n`,
    );
  }, 300_000);
});

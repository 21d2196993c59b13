/**
 * A Notary of Debian's packages is filled by the stock clients and taken over by our commands: while it answers, by its changefeed
 * and by a list of names; and from what its clients kept, when it is gone. The same people then go on with the same directories.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { fetchFrom } from "../support/https.ts";
import { MovingPeople, repositories, sleepers } from "../support/moving-people.ts";
import { refusal } from "../support/notary.ts";
import { type Postgres, startPostgres } from "../support/postgres.ts";
import type { Result } from "../support/process.ts";
import { startReferenceServer } from "../support/reference-server.ts";
import { differences } from "../support/served.ts";
import { filesOf, type OldFiles } from "../support/taken-over.ts";
import type { TrustServer } from "../support/trust-server.ts";
import { startVidimus } from "../support/vidimus-server.ts";

const place = inject("docker");
const possible = inject("notary") && inject("databases") && place !== null;
const { app, own, quorum, gone } = repositories;
const pinned = ["none", "pins not met"];

interface Told {
  readonly repository: string;
  readonly outcome: string;
  readonly roots: readonly [number, number];
  readonly findings: readonly { readonly code: string; readonly sentence: string }[];
}
const told = ({ stdout }: Result): readonly Told[] =>
  (JSON.parse(stdout) as { repositories: Told[] }).repositories;
const outcomes = (result: Result) =>
  Object.fromEntries(told(result).map(({ repository, outcome }) => [repository, outcome]));

interface KeyReport {
  readonly faults: readonly unknown[];
  readonly found: readonly {
    readonly counts: readonly object[];
    readonly past: readonly {
      readonly why: string;
      readonly repository: string;
      readonly role: string;
      readonly since: number | null;
    }[];
  }[];
  readonly repositories: readonly {
    readonly repository: string;
    readonly asOf: string;
    readonly root: string;
    readonly advice: readonly string[];
  }[];
}

describe.skipIf(!possible)("a Notary on PostgreSQL", () => {
  let directory: string;
  let postgres: Postgres;
  let old: TrustServer;
  let files: OldFiles;
  /** As they were when the old server was switched off. */
  let people: MovingPeople;
  let digest: unknown;
  const servers: TrustServer[] = [];

  const newServer = async (name: string): Promise<TrustServer> => {
    const started = await startVidimus(join(directory, name));
    servers.push(started);
    return started;
  };

  beforeAll(async () => {
    if (place === null) throw new Error("no docker engine");
    directory = mkdtempSync(join(inject("scratch"), "import-"));
    postgres = await startPostgres();
    old = await startReferenceServer(join(directory, "old"), { databases: postgres });
    people = new MovingPeople(old, place, join(directory, "people"));
    await people.fill();
    const seen = await people.read([]);
    digest = seen.at(-1)?.[1];
    expect(seen).toEqual(people.expected(expect.stringMatching(/^sha256:/), []));
    expect(await people.pinned()).toEqual(pinned);
    files = await filesOf({ url: postgres.server, environment: {} });
  }, 240_000);
  afterAll(async () => {
    for (const server of servers) await server.stop();
    await old?.stop();
    await postgres?.stop();
  });

  /** Each by whoever can: what is said of it is in `takeover.test.ts`. */
  async function adoptAll(moved: MovingPeople): Promise<void> {
    const said = await moved.adoptAll();
    for (const repository of [app, moved.image]) expect(said[repository]).toContain("Published");
    expect(said[quorum]).toContain("is published");
  }

  test("is taken over by its changefeed, to the byte, and again brings nothing", async () => {
    const server = await newServer("feed");
    const here = people.told(server);
    const flags = ["import", "notary", old.url, "--old-ca", old.ca, "--json"];
    const dry = await here.operator([...flags, "--dry-run"]);
    expect([dry.code, dry.stderr]).toEqual([0, ""]);
    expect(new Set(Object.values(outcomes(dry)))).toEqual(new Set(["wouldBeTaken"]));
    expect((await fetchFrom(server, `/v2/${app}/_trust/tuf/root.json`)).status).toBe(404);
    const taken = await here.operator(flags);
    expect([taken.code, taken.stderr]).toEqual([0, ""]);
    expect(outcomes(taken)).toEqual({
      [people.image]: "taken",
      [app]: "taken",
      [own]: "taken",
      [quorum]: "taken",
    });
    expect([...files.keys()].sort()).toEqual(people.all);
    expect(await differences(files, server)).toEqual([]);
    const again = await here.operator(flags);
    expect([again.code, new Set(Object.values(outcomes(again)))]).toEqual([0, new Set(["same"])]);
  });

  test("is taken over by a list of names, and what it has not is named", async () => {
    const server = await newServer("list");
    const here = people.told(server);
    const list = join(directory, "names");
    writeFileSync(list, [app, own, "# a remark", quorum, gone, people.image, ""].join("\n"));
    const flags = ["import", "notary", old.url, "--old-ca", old.ca, "--json"];
    const taken = await here.operator([...flags, "--names", list]);
    expect([taken.code, taken.stderr]).toEqual([83, ""]);
    expect(outcomes(taken)).toMatchObject({ [app]: "taken", [quorum]: "taken", [gone]: "absent" });
    expect(await differences(files, server)).toEqual([]);
    await old.stop();
    const away = await here.operator([...flags, app]);
    expect([away.code, away.stdout, away.stderr.trim().split("\n").length]).toEqual([84, "", 1]);
  });

  test("what people's keys are for is told, which count no more and since when, and what to do", async () => {
    const here = people.told(servers[0] as TrustServer);
    const report = async (who: string, home: string) => {
      const laptop = here.laptop(home, app);
      const { code, stdout } = await laptop.try("key", "import", people.cacheOf(who), "--json");
      return { code, ...(JSON.parse(stdout) as KeyReport) };
    };
    const owner = await report("owner", "key-importer");
    expect([owner.code, owner.faults]).toEqual([0, []]);
    expect(owner.repositories.map(({ repository, asOf, root }) => [repository, asOf, root]).sort()).toEqual([
      [app, "server", "signable"],
      [own, "server", "signable"],
    ]);
    const past = owner.found.flatMap((key) =>
      key.past.map(({ why, repository, role, since }) => [why, repository, role, since]),
    );
    // Its root's key was rotated twice; `gone` was deleted before the move.
    expect(past.filter(([why]) => why === "REPLACED")).toEqual(
      expect.arrayContaining([
        ["REPLACED", app, "root", 3],
        ["REPLACED", app, "root", 4],
      ]),
    );
    expect(past.filter(([, repository]) => repository === gone).map(([why]) => why)).toContain(
      "REPOSITORY_UNKNOWN",
    );
    const next = owner.repositories.flatMap(({ advice }) => advice);
    expect(next).toContainEqual(
      expect.stringContaining(`its root can be signed here: vidimus adopt ${app} `),
    );
    const alice = await report("alice", "key-importer-2");
    expect(alice.found.map(({ counts }) => counts)).toEqual([
      [{ repository: app, role: "targets/releases" }],
    ]);
    expect(alice.repositories).toMatchObject([{ repository: app, root: "lost" }]);
    const docker = await report("docker-owner", "key-importer-3");
    expect(docker.repositories).toMatchObject([{ repository: people.image, root: "signable" }]);
  }, 120_000);

  test("goes on for the same people: all of it read at once, and published to once it is adopted", async () => {
    const server = servers[0] as TrustServer;
    const moved = people.movedTo(server, join(directory, "people-feed"));
    expect(await moved.read()).toEqual(moved.expected(digest));
    expect(await moved.pinned()).toEqual(pinned);
    await adoptAll(moved);
    expect(await moved.read()).toEqual(moved.expected(digest));
    expect(await moved.pinned()).toEqual(pinned);
    expect(await moved.goOn()).toEqual(moved.expectedSince());
    expect(await differences(files, server, "gone on")).toEqual([]);
  }, 240_000);

  test("that is gone is taken over from what its clients kept, and the same people go on", async () => {
    const server = await newServer("caches");
    const moved = people.movedTo(server, join(directory, "people-caches"));
    const caches = [
      "owner",
      "alice",
      "reader",
      ...sleepers,
      "docker-owner",
      "docker-alice",
      "docker-reader",
    ].map((who) => people.cacheOf(who));
    const taken = await moved.operator(["import", "trustdir", ...caches, "--json"]);
    expect([taken.code, taken.stderr]).toEqual([0, ""]);
    expect(told(taken).map(({ repository, outcome, roots }) => [repository, outcome, roots])).toEqual([
      [people.image, "taken", [1, 1]],
      [app, "taken", [2, 5]],
      [own, "taken", [1, 1]],
      [quorum, "taken", [3, 3]],
    ]);
    expect(await moved.read()).toEqual(moved.expected(digest));
    await adoptAll(moved);
    expect(await moved.goOn()).toEqual(moved.expectedSince());
  }, 240_000);

  test("from one cache alone it goes on for whoever is one root behind at most, and for all once their caches came, too", async () => {
    const server = await newServer("alone");
    const moved = people.movedTo(server, join(directory, "people-alone"));
    const taken = await moved.operator(["import", "trustdir", people.cacheOf("reader")]);
    expect([taken.code, taken.stderr]).toEqual([0, ""]);
    expect(taken.stdout).toContain("begins at root 5");
    expect(await moved.names("reader", app)).toEqual(await moved.names("newcomer", app));
    // Of three rotations since; the last one slept through one, whose root the keys of the one before have signed.
    const said: string[] = [];
    for (const who of sleepers) said.push(refusal(await moved.person(who).try(["list", app])));
    expect(said).toEqual(["no trust data", "no trust data", "none"]);
    const older = await moved.operator(["import", "trustdir", ...sleepers.map((who) => people.cacheOf(who))]);
    expect([older.code, older.stderr]).toEqual([0, ""]);
    for (const who of sleepers) expect(refusal(await moved.person(who).try(["list", app]))).toBe("none");
    expect(await moved.names("reader", app)).toEqual(await moved.names("newcomer", app));
  }, 120_000);
});

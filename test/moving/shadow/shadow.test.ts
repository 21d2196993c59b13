/** Two servers that are compared: each kind of difference is planted and found, and nothing is found where there is none. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TrustError } from "../../../src/client/errors.ts";
import { sha256Hex } from "../../../src/core/bytes.ts";
import { notary } from "../../../src/core/format/notary.ts";
import { usualCrawlLimits } from "../../../src/moving/crawl.ts";
import { SourceError } from "../../../src/moving/errors.ts";
import type { NotarySource } from "../../../src/moving/notary-source.ts";
import { compareServers, type Shadow } from "../../../src/moving/shadow/shadow.ts";
import { freshState, readState, type ShadowState, writeState } from "../../../src/moving/shadow/state.ts";
import { folderWith } from "../../support/folder.ts";
import { app, importFrom, publishOn, sourceAt, withHistory } from "../../support/moving.ts";
import type { Owner } from "../../support/publisher.ts";
import { startServer, type TestServer } from "../../support/server.ts";

const day = 86_400_000;

let there: TestServer;
let here: TestServer;
let owner: Owner;
let state: ShadowState;
beforeEach(async () => {
  there = await startServer();
  here = await startServer();
  owner = await withHistory(there);
  await importFrom(sourceAt(there.port), here, [app]);
  state = freshState(sourceAt(here.port).origin, sourceAt(there.port).origin);
});
afterEach(async () => {
  await there.close();
  await here.close();
});

interface Changes extends Partial<Omit<Shadow, "here" | "there">> {
  readonly atHere?: (source: NotarySource) => Partial<NotarySource>;
  readonly atThere?: (source: NotarySource) => Partial<NotarySource>;
}

async function shadowed({ atHere, atThere, ...changes }: Changes = {}) {
  const [mine, theirs] = [sourceAt(here.port), sourceAt(there.port)];
  try {
    return await compareServers(
      {
        here: { ...mine, ...atHere?.(mine) },
        there: { ...theirs, ...atThere?.(theirs) },
        crawl: { format: notary, limits: usualCrawlLimits, now: () => here.clock.now() },
        inFlight: 4,
        repositories: undefined,
        pause: async () => undefined,
        onState: async (next) => {
          state = next;
        },
        ...changes,
      },
      state,
    );
  } finally {
    mine.close();
    theirs.close();
  }
}

/** Nothing differs, everything could be compared, and so many repositories were looked at. */
const all = (repositories: object) => ({
  differences: [],
  uncompared: [],
  repositories: { same: 0, differing: 0, absent: 0, uncompared: 0, excepted: 0, ...repositories },
});

const found = async (changes?: Changes) =>
  (await shadowed(changes)).differences.map(({ role = "", code }) => `${role} ${code}`.trim());

/** Gives other bytes for one file. */
const changing =
  (name: string, change: (bytes: Buffer) => Buffer | undefined) =>
  (source: NotarySource): Partial<NotarySource> => ({
    file: async (repository, asked, most) => {
      const bytes = await source.file(repository, asked, most);
      return asked === name && bytes !== undefined ? change(bytes) : bytes;
    },
  });

describe("nothing differs", () => {
  it("after an import, and the changefeeds are read on from there", async () => {
    expect(await shadowed()).toMatchObject(all({ same: 1 }));
    expect(state.read.there).not.toBe("");
    expect(await shadowed()).toMatchObject(all({}));
    owner.addTarget("3.0");
    await publishOn(there, owner, "targets");
    await importFrom(sourceAt(there.port), here, [app]);
    expect(await shadowed()).toMatchObject(all({ same: 1 }));
  });

  it("where somebody publishes while both are read", async () => {
    let first = true;
    owner.addTarget("3.0");
    const meanwhile = (source: NotarySource): Partial<NotarySource> => ({
      file: async (...asked) => {
        if (first) {
          first = false;
          await publishOn(there, owner, "targets");
          await importFrom(sourceAt(there.port), here, [app]);
        }
        return await source.file(...asked);
      },
    });
    expect(await shadowed({ atThere: meanwhile })).toMatchObject(all({ same: 1 }));
  });

  it("of a repository that was deleted at both", async () => {
    for (const server of [here, there]) await server.request(`/v2/${app}/_trust/tuf/`, { method: "DELETE" });
    expect(await shadowed()).toMatchObject(all({ absent: 1 }));
  });
});

describe("a difference is found:", () => {
  it("a publication that was not brought further", async () => {
    owner.addTarget("3.0");
    await publishOn(there, owner, "targets");
    expect(await found()).toEqual(["timestamp OLDER_HERE", "snapshot OLDER_HERE", "targets OLDER_HERE"]);
    const { differences } = await shadowed();
    expect(differences[2]?.sentence).toContain("vidimus import notary");
    expect(differences[2]).toMatchObject({ repository: app, here: { version: 4 }, there: { version: 5 } });
  });

  it("one that was made here", async () => {
    owner.addTarget("3.0");
    await publishOn(there, owner, "targets");
    // The two change places.
    [here, there] = [there, here];
    state = freshState(state.there, state.here);
    expect(await found()).toEqual(["timestamp OLDER_THERE", "snapshot OLDER_THERE", "targets OLDER_THERE"]);
  });

  it("a timestamp that was renewed there alone, and has expired here", async () => {
    await shadowed();
    for (const server of [here, there]) server.clock.advance(15 * day);
    await there.file(app, "timestamp.json");
    expect(await found()).toEqual(["timestamp EXPIRED_HERE"]);
  });

  it("a repository at one server alone", async () => {
    await there.publish("only/there", (await there.owner("only/there")).first());
    await here.publish("only/here", (await here.owner("only/here")).first());
    const { differences } = await shadowed();
    expect(differences.map(({ repository, code }) => [repository, code])).toEqual([
      ["only/here", "MISSING_THERE"],
      ["only/there", "MISSING_HERE"],
    ]);
  });

  it("a repository that was deleted there", async () => {
    await shadowed();
    await there.request(`/v2/${app}/_trust/tuf/`, { method: "DELETE" });
    expect(await found()).toEqual(["MISSING_THERE"]);
  });

  it("two histories under one name", async () => {
    for (const server of [here, there]) await withHistory(server, "a/two");
    const codes = await found();
    expect(codes).toContain("root DIFFERENT");
    expect(new Set(codes.map((each) => each.split(" ")[1]))).toEqual(new Set(["DIFFERENT"]));
  });

  it("an older file that is of another history", async () => {
    owner.addTarget("3.0");
    await publishOn(there, owner, "targets");
    const other = (bytes: Buffer) => Buffer.concat([bytes, Buffer.from(" ")]);
    expect(await found({ atThere: changing("4.targets.json", other) })).toContain("targets DIFFERENT");
  });

  it("bytes that do not verify, at either server", async () => {
    const broken = (bytes: Buffer) =>
      Buffer.from(bytes.toString("utf8").replace(/"version":1/, '"version":9'));
    expect(await found({ atHere: changing("1.root.json", broken) })).toEqual(["UNUSABLE_HERE"]);
    expect(await found({ atThere: changing("1.root.json", broken) })).toEqual(["UNUSABLE_THERE"]);
  });

  it.each(["root", "timestamp"])("a repository without its %s, which is not called missing", async (role) => {
    const gone = changing(`${role}.json`, () => undefined);
    const { differences } = await shadowed({ atThere: gone });
    expect(differences).toMatchObject([{ code: "UNUSABLE_THERE", repository: app }]);
    expect(differences[0]?.sentence).toContain(`and no ${role}`);
    expect(await found({ atHere: gone })).toEqual(["UNUSABLE_HERE"]);
  });

  it("roots that readers with an old cache would need", async () => {
    const gone = changing("1.root.json", () => undefined);
    expect(await found({ atHere: gone })).toEqual(["root MISSING_HERE"]);
    expect(await found({ atThere: gone })).toEqual(["root MISSING_THERE"]);
  });
});

it("what is read is told, a repository that is read again as the one it was", async () => {
  await there.publish("only/there", (await there.owner("only/there")).first());
  const looks: (readonly [string, number, number])[] = [];
  await shadowed({ inFlight: 1, onLook: (...look) => looks.push(look) });
  expect(looks.slice(0, 3)).toEqual([
    ["only/there", 1, 2],
    [app, 2, 2],
    ["only/there", 2, 2],
  ]);
});

describe("what is remembered", () => {
  it("says since when, stays open until it is gone, and is looked at each time", async () => {
    await there.publish("only/there", (await there.owner("only/there")).first());
    const [first] = (await shadowed()).differences;
    const began = here.clock.now();
    expect(first?.since).toBe(began);
    here.clock.advance(day);
    const again = await shadowed();
    expect(again.repositories).toMatchObject({ same: 0, differing: 1 });
    expect(again.differences[0]?.since).toBe(began);
    await importFrom(sourceAt(there.port), here, ["only/there"]);
    expect((await shadowed()).differences).toEqual([]);
    expect(state.open).toEqual([]);
  });

  it("is not touched for others when one is named", async () => {
    await there.publish("only/there", (await there.owner("only/there")).first());
    await shadowed();
    const before = state;
    expect(await shadowed({ repositories: new Set([app]) })).toMatchObject(all({ same: 1 }));
    expect(state).toEqual(before);
  });

  it("lets a comparison that was cut off go on, and loses no change of meanwhile", async () => {
    // More than one piece of the list; all of them are gone again.
    const many = new Map(Array.from({ length: 600 }, (_, i) => [`n/${String(i).padStart(4, "0")}`, false]));
    const feed = (extra: readonly string[], last: string) => () => ({
      changes: async () => ({
        changed: new Map([...many, ...extra.map((name) => [name, false] as const)]),
        last,
      }),
    });
    let left = 2;
    const cut = shadowed({
      atHere: feed([], "7"),
      atThere: feed([], "8"),
      onState: async (next) => {
        state = next;
        if (--left === 0) throw new Error("killed");
      },
    });
    await expect(cut).rejects.toThrow("killed");
    expect(state.under).toEqual({ upTo: "n/0511", read: { here: "7", there: "8" } });
    const after = await shadowed({ atHere: feed([], "9"), atThere: feed([], "9") });
    expect(after.repositories.absent).toBe(88);
    // What changed while it was cut off is of the next one.
    expect([state.read, state.under]).toEqual([{ here: "7", there: "8" }, undefined]);
  });

  it("is kept in a file of its own pair of servers", async () => {
    const home = folderWith({ bad: "{", other: JSON.stringify(freshState("a", "b")) });
    const path = home.at("state.json");
    expect(await readState(path, state.here, state.there)).toEqual(state);
    await shadowed();
    await writeState(path, state);
    expect(await readState(path, state.here, state.there)).toEqual(state);
    for (const name of ["bad", "other"])
      await expect(readState(home.at(name), state.here, state.there)).rejects.toMatchObject({
        code: "SHADOW_STATE",
      });
    await expect(writeState(home.at("no/such/state.json"), state)).rejects.toMatchObject({
      code: "SHADOW_STATE",
    });
  });
});

describe("what could not be compared", () => {
  const failing =
    (code: "SOURCE_UNREACHABLE" | "SOURCE_FORBIDDEN" | "SOURCE_FAILING", name = "") =>
    () => ({
      file: async (_repository: string, asked: string) => {
        if (asked.includes(name)) throw new SourceError(code, `Because of ${code}.`);
        return undefined;
      },
    });
  const telling = (...names: readonly string[]) => ({
    atThere: (source: NotarySource) => ({
      changes: async (after: string) => {
        const { changed, last } = await source.changes(after, 10);
        return { changed: new Map([...changed, ...names.map((name) => [name, true] as const)]), last };
      },
    }),
  });
  const reasons = async (changes: Changes) => {
    const compared = await shadowed(changes);
    expect(compared.differences).toEqual([]);
    return compared.uncompared.map(({ repository, code, sentence }) => [repository, code, sentence]);
  };

  it.each(["SOURCE_FORBIDDEN", "SOURCE_FAILING"] as const)(
    "for %s is no difference, is not the same either, and is looked at again until it can be",
    async (code) => {
      const compared = await shadowed({ atThere: failing(code) });
      expect(compared).toMatchObject({ differences: [], repositories: { same: 0, uncompared: 1 } });
      expect(compared.uncompared).toMatchObject([
        { repository: app, code, sentence: `${app} was not compared: Because of ${code}.` },
      ]);
      expect(state.open).toMatchObject([{ repository: app, code }]);
      expect(await shadowed()).toMatchObject(all({ same: 1 }));
      expect(state.open).toEqual([]);
    },
  );

  it("for a file of the past that alone is refused", async () => {
    owner.addTarget("3.0");
    await publishOn(there, owner, "targets");
    const refusing = (source: NotarySource) => ({
      file: async (...asked: Parameters<NotarySource["file"]>) => {
        if (asked[1] === "4.targets.json") throw new SourceError("SOURCE_FORBIDDEN", "No.");
        return await source.file(...asked);
      },
    });
    expect(await reasons({ atThere: refusing })).toEqual([[app, "SOURCE_FORBIDDEN", expect.any(String)]]);
  });

  it("for a name that cannot be here is named, and never asked for", async () => {
    const odd = "Odd Name/_trust";
    expect(await reasons(telling(odd))).toEqual([
      [odd, "BAD_REPOSITORY_NAME", expect.stringContaining("No repository can be called")],
    ]);
    // It is remembered, for nothing has become of it.
    expect(await shadowed()).toMatchObject({ repositories: { same: 0, uncompared: 1 } });
    expect(await shadowed({ except: new Set([odd]) })).toMatchObject(all({ excepted: 1 }));
    expect(await shadowed()).toMatchObject(all({}));
  });

  it("because neither has what was named, or what a changefeed tells of", async () => {
    const ghost = "not/there";
    expect(await reasons({ repositories: new Set([ghost]) })).toEqual([
      [ghost, "NOT_FOUND", expect.stringContaining("check the name")],
    ]);
    expect(await reasons(telling(ghost))).toEqual([
      [ghost, "NOT_FOUND", expect.stringContaining("its server has lost it")],
    ]);
    // Nobody tells of it any more.
    expect(await shadowed()).toMatchObject(all({ absent: 1 }));
  });

  it("keeps no other from being compared", async () => {
    await there.publish("only/there", (await there.owner("only/there")).first());
    const refusing = (source: NotarySource) => ({
      file: async (...asked: Parameters<NotarySource["file"]>) => {
        if (asked[0] === "only/there") throw new SourceError("SOURCE_FAILING", "It answered 400.");
        return await source.file(...asked);
      },
    });
    expect(await shadowed({ atThere: refusing })).toMatchObject({
      differences: [],
      uncompared: [{ repository: "only/there", code: "SOURCE_FAILING" }],
      repositories: { same: 1, uncompared: 1 },
      codes: new Map([["SOURCE_FAILING", 1]]),
    });
  });

  it("because a server is away ends it, and so does a changefeed that cannot be read", async () => {
    await expect(shadowed({ atThere: failing("SOURCE_UNREACHABLE") })).rejects.toMatchObject({
      code: "SHADOW_UNREADABLE",
    });
    const silent = () => ({
      changes: async () => {
        throw new SourceError("SOURCE_LIST", "x");
      },
    });
    await expect(shadowed({ atThere: silent })).rejects.toMatchObject({ code: "SHADOW_UNREADABLE" });
  });
});

describe("bounds", () => {
  const names = Array.from({ length: 120_000 }, (_, i) => `n/${String(i).padStart(6, "0")}`);
  const many = () => ({
    changes: async () => ({ changed: new Map(names.map((n) => [n, true])), last: "9" }),
  });
  const none = () => ({ changes: async () => ({ changed: new Map(), last: "7" }) });

  it("what is told and what is remembered ends, what is counted does not, and the rest is found again", async () => {
    const quick = { file: async () => undefined };
    const compared = await shadowed({
      inFlight: 64,
      atHere: () => ({ ...none(), ...quick }),
      atThere: () => ({ ...many(), ...quick }),
    });
    expect(compared.repositories.uncompared).toBe(120_000);
    expect(compared.codes.get("NOT_FOUND")).toBe(120_000);
    expect(compared.uncompared).toHaveLength(1_000);
    expect(state.open).toHaveLength(100_000);
    // The feeds are read again from where they were.
    expect([state.read, state.under]).toEqual([{ here: "", there: "" }, undefined]);
    const path = folderWith({}).at("state.json");
    await writeState(path, state);
    expect(await readState(path, state.here, state.there)).toEqual(state);
  }, 60_000);

  it("a repository that is given too slowly is not compared", async () => {
    let asked = 0;
    const slow = (source: NotarySource) => ({
      file: async (...which: Parameters<NotarySource["file"]>) => {
        asked++;
        await new Promise((resolve) => setTimeout(resolve, 15));
        return await source.file(...which);
      },
    });
    const compared = await shadowed({ atThere: slow, patience: { repository: 20, whole: 60_000 } });
    expect(compared.uncompared).toMatchObject([{ code: "SOURCE_FAILING" }]);
    expect(asked).toBeLessThan(5);
  });

  it("a comparison that takes too long is ended, and says that it goes on", async () => {
    await expect(shadowed({ patience: { repository: 1_000, whole: -1 } })).rejects.toMatchObject({
      code: "SHADOW_UNREADABLE",
      message: expect.stringContaining("it goes on where it was"),
    });
  });

  it("a server that answers nothing in time is away after twenty repositories", async () => {
    let asked = 0;
    const silent = () => ({
      ...many(),
      file: async () => {
        asked++;
        throw new SourceError("SOURCE_FAILING", "x", new TrustError("TIMEOUT", "x"));
      },
    });
    await expect(shadowed({ atThere: silent })).rejects.toMatchObject({ code: "SHADOW_UNREADABLE" });
    expect(asked).toBeLessThan(40);
  });
});

it("digests in a difference are those of the files", async () => {
  await there.publish(app, owner.next("targets"));
  const { differences } = await shadowed();
  const targets = differences.find(({ role }) => role === "targets");
  expect(targets?.there?.sha256).toBe(sha256Hex((await there.file(app, "targets.json")).body));
  expect(targets?.here?.sha256).toBe(sha256Hex((await here.file(app, "targets.json")).body));
});

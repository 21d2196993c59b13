/** What is told of the keys of a directory, by what a server answers. */
import { cpSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { keyReport } from "../../../src/cli/keys/report.ts";
import { TrustError } from "../../../src/client/errors.ts";
import type { KeyHere } from "../../../src/publisher/keys/standing.ts";
import { type Folder, folderWith } from "../../support/folder.ts";

const vectors = resolve(import.meta.dirname, "../../vectors/notary");
const url = "https://trust.example";

let home: Folder;
beforeEach(() => {
  home = folderWith();
});

/** The directory's copy; `root`: with an earlier root. */
function copy(vector: string, repository = `example.org/h1/${vector}`, root?: number): void {
  const place = home.at(`tuf/${repository}/metadata`);
  cpSync(join(vectors, vector, "metadata"), place, { recursive: true });
  if (root !== undefined)
    cpSync(join(vectors, vector, `history/${root}.root.json`), join(place, "root.json"));
}

/** A server that has the files of a vector under a name; of others it has none. */
function serverWith(have: Readonly<Record<string, string>>, left: (file: string) => boolean = () => true) {
  const asked = new Set<string>();
  const get = async ({ repository, file }: { repository: string; file: string }) => {
    asked.add(repository);
    const vector = have[repository];
    if (vector === undefined || !left(file)) return undefined;
    const place = ["metadata", "history"].map((each) => join(vectors, vector, each, file)).find(existsSync);
    return place === undefined ? undefined : readFileSync(place);
  };
  return { asked, server: { url, trust: { sender: async () => ({ fetcher: { get } }) as never } } };
}

/** As their files say them. */
const keysOf = (vector: string): readonly KeyHere[] =>
  readdirSync(join(vectors, vector, "private")).map((file) => {
    const text = readFileSync(join(vectors, vector, "private", file), "utf8");
    const hint = (name: string) => new RegExp(`^${name}: (.+)$`, "m").exec(text)?.[1];
    return { id: file.replace(".key", ""), role: hint("role"), repository: hint("gun") };
  });
const report = (found: readonly KeyHere[], server?: ReturnType<typeof serverWith>["server"]) =>
  keyReport({ trustDirectory: home.path, server }, found, []);
const whys = ({ keys }: Awaited<ReturnType<typeof report>>) =>
  keys.flatMap(({ id, past }) =>
    past.map(({ why, since, role, repository }) => ({ id, why, since, role, repository })),
  );

describe("keys of a root that was rotated twice", () => {
  const repository = "example.org/h1/root-rotated";
  const name = { [repository]: "root-rotated" };

  it("that count no more are told with the root since which, also those of before the copy's", async () => {
    copy("root-rotated");
    const keys = keysOf("root-rotated");
    const roots = keys.filter(({ role }) => role === "root");
    const told = await report(keys, serverWith(name).server);
    expect(told.repositories).toMatchObject([
      { repository, asOf: "server", rootVersion: 3, root: "signable" },
    ]);
    const replaced = whys(told).filter(({ role }) => role === "root");
    expect(replaced.map(({ why, since }) => [why, since]).sort()).toEqual([
      ["REPLACED", 2],
      ["REPLACED", 3],
    ]);
    expect(roots).toHaveLength(3);
    const counting = told.keys.filter(({ counts }) => counts.some(({ role }) => role === "root"));
    expect(counting).toHaveLength(1);
    expect(replaced.map(({ id }) => id)).not.toContain(counting[0]?.id);
    const sentences = told.keys.flatMap(({ past }) => past.map(({ sentence }) => sentence));
    expect(sentences).toContain(`replaced as a key of root of ${repository}, since root 3`);
  });

  it("are told by the copy alone where nobody was asked: then it is not known since when", async () => {
    copy("root-rotated");
    const told = await report(keysOf("root-rotated"));
    expect(new Set(whys(told).map(({ why }) => why))).toEqual(new Set(["UNLISTED"]));
    expect(told.keys.find(({ past }) => past.length > 0)?.next).toContain("--server");
  });

  it("are not told of roots that do not lead to the copy's", async () => {
    copy("root-rotated");
    const { server } = serverWith(name, (file) => !file.startsWith("2."));
    expect(new Set(whys(await report(keysOf("root-rotated"), server)).map(({ why }) => why))).toEqual(
      new Set(["UNLISTED"]),
    );
  });

  it("say that no root can be signed where only old ones are here", async () => {
    copy("root-rotated", repository, 1);
    const told = await report(keysOf("root-rotated"), serverWith(name).server);
    const [newest] = told.keys.filter(({ counts }) => counts.some(({ role }) => role === "root"));
    const old = keysOf("root-rotated").filter(({ id }) => id !== newest?.id);
    const without = await report(old, serverWith(name).server);
    expect(without.repositories).toMatchObject([{ root: "lost" }]);
    expect(without.repositories[0]?.advice[0]).toContain(`look for ${newest?.id.slice(0, 12)}`);
  });
});

describe("a repository that the server", () => {
  const repository = "example.org/h1/plain";

  it("lacks begins with taking it over, and its keys count for nothing there", async () => {
    copy("plain");
    const told = await report(keysOf("plain"), serverWith({}).server);
    expect(told.repositories).toMatchObject([{ repository, asOf: "unknown", root: "signable" }]);
    expect(told.repositories[0]?.advice[0]).toContain("take it over first, vidimus import notary");
    expect(told.keys.map(({ counts, past }) => [counts, past[0]?.why])).toEqual(
      keysOf("plain").map(() => [[], "REPOSITORY_UNKNOWN"]),
    );
    expect((await report(keysOf("plain"))).repositories[0]?.advice.join("\n")).not.toContain("take it over");
  });

  it("has with another history is not to be signed for before its owner was asked", async () => {
    copy("plain", "example.org/h1/root-rotated");
    const { server } = serverWith({ "example.org/h1/root-rotated": "root-rotated" });
    const told = await report(keysOf("plain"), server);
    expect(told.repositories).toMatchObject([{ asOf: "another" }]);
    expect(told.repositories[0]?.advice[0]).toContain("ask its owner");
    expect(new Set(whys(told).map(({ why }) => why))).toEqual(new Set(["REPOSITORY_ANOTHER"]));
  });

  it("has, and only keys name here, is told of by the server's word", async () => {
    const told = await report(keysOf("plain"), serverWith({ [repository]: "plain" }).server);
    expect(told.repositories).toMatchObject([{ repository, asOf: "told", root: "signable" }]);
    expect(told.keys.map(({ counts }) => counts.map(({ role }) => role)).sort()).toEqual([
      ["root"],
      ["snapshot"],
      ["targets"],
    ]);
  });

  it("lacks, and only keys name here, is unknown, and says what to do", async () => {
    const told = await report(keysOf("plain"), serverWith({}).server);
    const targets = told.keys.find(({ role }) => role === "targets");
    expect(targets?.past).toMatchObject([{ why: "REPOSITORY_UNKNOWN", repository }]);
    expect(targets?.next).toContain(`take ${repository} over first`);
  });

  it("is not asked for under a name that is none", async () => {
    const asking = serverWith({});
    await report([{ id: "ab".repeat(32), role: "targets", repository: "../../secret" }], asking.server);
    expect([...asking.asked]).toEqual([]);
  });
});

describe("a delegation", () => {
  it("that was dropped since the copy was made is told, and its key counts no more", async () => {
    const repository = "example.org/h1/delegations";
    copy("delegations");
    const before = await report(keysOf("delegations"));
    const delegated = before.keys.filter(({ counts }) =>
      counts.some(({ role }) => role.startsWith("targets/")),
    );
    expect(delegated.length).toBeGreaterThan(0);
    const asking = serverWith({ [repository]: "delegations" });
    const { fetcher } = await asking.server.trust.sender();
    // Of before anything was delegated: this tells what is listed, and not what is new.
    const first = join(vectors, "delegations/history/2.targets.json");
    const get = async (request: { repository: string; file: string }) =>
      request.file === "targets.json"
        ? readFileSync(first)
        : await (fetcher as { get: (each: object) => Promise<Buffer | undefined> }).get(request);
    const server = { url, trust: { sender: async () => ({ fetcher: { get } }) as never } };
    const told = await report(keysOf("delegations"), server);
    for (const { id } of delegated) {
      const key = told.keys.find((each) => each.id === id);
      expect(key?.counts).toEqual([]);
      expect(key?.past.map(({ why }) => why)).toContain("DELEGATION_DROPPED");
    }
  });
});

it("a repository that the server does not let us read is told of by its copy, and the others by the server", async () => {
  copy("delegations");
  copy("plain");
  const others = { "example.org/h1/delegations": "delegations", "example.org/h1/plain": "plain" };
  const { server } = serverWith(others);
  const sender = async (repository: string) => {
    if (repository === "example.org/h1/delegations")
      throw new TrustError("FORBIDDEN", "https://trust.example does not let this user read here (403).");
    return await server.trust.sender();
  };
  const told = await report(keysOf("plain"), { url, trust: { sender } } as never);
  expect(told.repositories.map(({ repository, asOf }) => [repository, asOf])).toEqual([
    ["example.org/h1/delegations", "copy"],
    ["example.org/h1/plain", "server"],
  ]);
  expect(told.unasked).toBeUndefined();
  expect(told.untold).toMatchObject([
    { repository: "example.org/h1/delegations", what: expect.stringContaining("does not let"), exit: 35 },
  ]);
});

it("a server that cannot be asked is asked once, and all is told by the copies", async () => {
  copy("plain");
  copy("root-rotated");
  let asked = 0;
  const sender = async () => {
    asked++;
    throw new TrustError("UNREACHABLE", "https://trust.example cannot be reached.");
  };
  const told = await report(keysOf("plain"), { url, trust: { sender } });
  expect([asked, told.repositories.map(({ asOf }) => asOf)]).toEqual([1, ["copy", "copy"]]);
  expect(told.unasked).toMatchObject({ what: expect.stringContaining("cannot be reached"), exit: 35 });
});

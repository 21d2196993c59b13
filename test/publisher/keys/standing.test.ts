/** What keys in a stock client's directory are for, by real directories. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { filesToday, type Today } from "../../../src/publisher/files-today.ts";
import { type KeyHere, type KnownFiles, keyStanding } from "../../../src/publisher/keys/standing.ts";
import { type CachedFiles, readTrustCache } from "../../../src/publisher/trust-cache.ts";
import { type Folder, folderWith } from "../../support/folder.ts";

const vectors = join(import.meta.dirname, "../../vectors/notary");
const at = Date.UTC(2026, 10, 24);

let home: Folder;
beforeEach(() => {
  home = folderWith();
});

/** As the stock client lays it out; `rootVersion`: with an earlier root. */
function cached(vector: string, repository: string, rootVersion?: number): void {
  const place = home.at(`tuf/${repository}/metadata`);
  cpSync(join(vectors, vector, "metadata"), place, { recursive: true });
  if (rootVersion !== undefined)
    cpSync(join(vectors, vector, "history", `${rootVersion}.root.json`), join(place, "root.json"));
}
const privateKeys = (vector: string): KeyHere[] =>
  readdirSync(join(vectors, vector, "private")).map((file) => {
    const text = readFileSync(join(vectors, vector, "private", file), "utf8");
    const hint = (name: string) => new RegExp(`^${name}: (.+)$`, "m").exec(text)?.[1];
    return { id: file.replace(".key", ""), role: hint("role"), repository: hint("gun") };
  });
const only = async (): Promise<CachedFiles> => {
  const { repositories } = await readTrustCache(home.path);
  expect(repositories).toHaveLength(1);
  return repositories[0] as CachedFiles;
};

/** A server that has the files of a vector. */
function server(vector: string) {
  const asked: string[] = [];
  return {
    asked,
    get: async ({ file }: { file: string }) => {
      asked.push(file);
      const place = ["metadata", "history"].map((each) => join(vectors, vector, each, file)).find(existsSync);
      return place === undefined ? undefined : readFileSync(place);
    },
  };
}

const there = (today: Today): KnownFiles => {
  if (today.is !== "there") throw new Error(today.is);
  return today.files;
};

describe("keys of a stock client", () => {
  it("are for every role that lists them, delegations included", async () => {
    const repository = "example.org/h1/delegations";
    cached("delegations", repository);
    const { roles, rootVersion } = keyStanding(await only(), privateKeys("delegations"));
    expect(rootVersion).toBe(2);
    expect(roles.map(({ role, signable }) => [role, signable])).toEqual(
      expect.arrayContaining([
        ["root", true],
        ["targets", true],
        ["targets/releases", true],
      ]),
    );
    expect(roles.map(({ role }) => role)).not.toContain("snapshot");
  });

  it("with the root's among them can bring the repository along", async () => {
    cached("delegations", "example.org/h1/delegations");
    const { advice } = keyStanding(await only(), privateKeys("delegations"));
    expect(advice).toContain("its root can be signed here: vidimus adopt example.org/h1/delegations");
  });

  it("without the root's leave a repository that can never change, and it says which to look for", async () => {
    cached("delegations", "example.org/h1/delegations");
    const files = await only();
    const root = keyStanding(files, []).roles.find(({ role }) => role === "root")?.keys[0]?.id ?? "";
    const others = privateKeys("delegations").filter(({ id }) => id !== root);
    const { advice, roles } = keyStanding(files, others);
    expect(roles.find(({ role }) => role === "root")?.signable).toBe(false);
    expect(advice[0]).toContain(`no key of its root is here: look for ${root.slice(0, 12)}`);
    expect(advice.join("\n")).not.toContain("can be signed here");
  });

  it("of targets that are missing can be replaced by the root", async () => {
    cached("delegations", "example.org/h1/delegations");
    const files = await only();
    const targets = keyStanding(files, []).roles.find(({ role }) => role === "targets")?.keys ?? [];
    const here = privateKeys("delegations").filter(({ id }) => !targets.some((key) => key.id === id));
    expect(keyStanding(files, here).advice.join("\n")).toContain(
      "vidimus rotate example.org/h1/delegations targets --add KEY",
    );
  });

  it("that say they are for a repository, and are listed no more, are retired", async () => {
    const repository = "example.org/h1/delegations";
    cached("delegations", repository);
    const old = { id: "ab".repeat(32), role: "targets", repository };
    const foreign = { id: "cd".repeat(32), role: "targets", repository: "example.org/other" };
    const { retired } = keyStanding(await only(), [...privateKeys("delegations"), old, foreign]);
    expect(retired).toEqual([old.id]);
  });

  it("of which two are needed and one is here ask for a proposal", async () => {
    cached("threshold2", "example.org/h1/threshold2");
    const files = await only();
    const all = keyStanding(files, []).roles.find(({ role }) => role === "root")?.keys ?? [];
    const one = { id: all[0]?.id ?? "", role: undefined, repository: undefined };
    expect(keyStanding(files, [one]).advice[0]).toContain(`vidimus adopt ${files.repository} --propose`);
  });

  it("that were not taken in are here all the same, and can sign nothing before", async () => {
    cached("threshold2", "example.org/h1/threshold2");
    const files = await only();
    const all = keyStanding(files, []).roles.find(({ role }) => role === "root")?.keys ?? [];
    const [one, two] = all.map(({ id }) => ({ id, role: "root", repository: undefined })) as [
      KeyHere,
      KeyHere,
    ];
    const left = { ...two, leftIn: "/keys/a b.key" };
    const { root, roles, advice } = keyStanding(files, [one, left]);
    expect([root, roles.find(({ role }) => role === "root")?.signable]).toEqual(["left", false]);
    expect(advice[0]).toContain("vidimus key import /keys/a b.key");
    expect(advice.join("\n")).not.toContain("--propose");
    expect(keyStanding(files, [left]).root).toBe("short");
    expect(keyStanding(files, [one, two]).root).toBe("signable");
    expect(keyStanding(files, []).root).toBe("lost");
  });
});

describe("what a server has today", () => {
  it("follows from an old root, and tells which keys still count", async () => {
    cached("root-rotated", "example.org/h1/root-rotated", 1);
    const files = await only();
    expect(files.root.version).toBe(1);
    const today = there(await filesToday(files, server("root-rotated"), at));
    expect(today.root.version).toBe(3);
    const first = keyStanding(files, []).roles.find(({ role }) => role === "root")?.keys[0]?.id ?? "";
    const key = { id: first, role: "root", repository: files.repository };
    expect(keyStanding(files, [key]).roles.find(({ role }) => role === "root")?.signable).toBe(true);
    const now = keyStanding(today, [key]);
    expect(now.roles.find(({ role }) => role === "root")?.signable).toBe(false);
    expect(now.retired).toEqual([first]);
  });

  it("is not believed if it does not follow", async () => {
    cached("plain", "example.org/h1/root-rotated");
    expect(await filesToday(await only(), server("root-rotated"), at)).toEqual({ is: "another" });
  });

  it("is nothing where the repository is not", async () => {
    cached("plain", "example.org/h1/plain");
    expect(await filesToday(await only(), { get: async () => undefined }, at)).toEqual({ is: "unknown" });
  });
});

describe("a trust directory", () => {
  it("without a cache has none", async () => {
    expect(await readTrustCache(home.at("nowhere"))).toEqual({ repositories: [], unreadable: [] });
  });

  it("with a copy that cannot be read says of which repository", async () => {
    mkdirSync(home.at("tuf/example.org/broken/metadata"), { recursive: true });
    writeFileSync(home.at("tuf/example.org/broken/metadata/root.json"), "{");
    cached("plain", "example.org/h1/plain");
    const { repositories, unreadable } = await readTrustCache(home.path);
    expect([repositories.map(({ repository }) => repository), unreadable]).toEqual([
      ["example.org/h1/plain"],
      ["example.org/broken"],
    ]);
  });

  it("is not left by links", async () => {
    cached("plain", "example.org/h1/plain");
    symlinkSync(home.path, home.at("tuf/loop"));
    expect((await readTrustCache(home.path)).repositories).toHaveLength(1);
  });
});

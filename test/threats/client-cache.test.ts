/** What a client keeps on disk, damaged, forged, shared and cut short (docs/threats.md: V8, V12, V18 to V24, V41, V43). */
import { readdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { day, newKey } from "../support/publisher.ts";
import { Simulator, someTarget } from "../support/simulator.ts";
import { codeOf, refusalOf, stances, startVisit, type Visit } from "../support/visits.ts";

let visit: Visit;
let sim: Simulator;

beforeEach(async () => {
  visit = await startVisit();
  sim = visit.sim;
  sim.delegate("targets/releases").names.set("released", someTarget("released"));
  sim.publish();
});
afterEach(async () => await visit.close());

const visited = stances.slice(1);
const stateFile = () => visit.stateFile() as string;
const folder = () => dirname(stateFile());

/** A client has been here; then somebody changes the text of its state. */
async function damaged(edit: (text: string) => string): Promise<void> {
  await visit.client("a restarted client");
  writeFileSync(stateFile(), edit(readFileSync(stateFile(), "utf8")));
}

async function damagedState(edit: (state: Record<string, unknown>) => void): Promise<void> {
  await damaged((text) => {
    const state = JSON.parse(text);
    edit(state);
    return `${JSON.stringify(state, null, 1)}\n`;
  });
}

function targetsFiles(): string[] {
  return readdirSync(folder())
    .filter((name) => /^[0-9a-f]{64}\.json$/.test(name))
    .map((name) => join(folder(), name));
}

describe.each(visited)("V8: %s", (stance) => {
  test("V8, V12: keeps what it had after each refusal, and takes the next honest files", async () => {
    sim.timestamp.version = 5;
    sim.snapshot.version = 5;
    sim.publish();
    const client = await visit.client(stance);
    const before = visit.state();
    sim.break.version("timestamp", 4);
    expect(await codeOf(visit.ask(client))).toBe("ROLLBACK");
    expect(visit.state()).toEqual(before);
    sim.repair();
    sim.break.version("snapshot", 3);
    sim.break.stamp();
    expect(await codeOf(visit.ask(client))).toBe("ROLLBACK");
    expect(visit.state()).toEqual(before);
    sim.repair();
    sim.break.withhold("snapshot");
    sim.break.version("timestamp", 6);
    sim.break.rewrite("timestamp", (signed) => {
      signed.meta = JSON.parse(
        JSON.stringify(signed.meta).replace(
          /"sha256":"[^"]+"/,
          `"sha256":"${Buffer.alloc(32).toString("base64")}"`,
        ),
      );
    });
    expect(await codeOf(visit.ask(client))).toBe("FILE_WITHHELD");
    expect(visit.state()).toEqual(before);
    sim.repair();
    expect((await visit.ask(client)).versions.timestamp).toBe(5);
  });

  test("V18: another timestamp of the same version is not kept", async () => {
    const client = await visit.client(stance);
    const before = visit.state();
    sim.break.rewrite("timestamp", (signed) => {
      signed.note = "the same version";
    });
    await visit.ask(client);
    expect(visit.state()?.timestamp).toBe(before?.timestamp);
  });

  test("V12: a timestamp with the highest version and no snapshot is not kept", async () => {
    const client = await visit.client(stance);
    const before = visit.state();
    sim.break.signWith("snapshot");
    sim.break.stamp();
    sim.break.version("timestamp", 2_147_483_647);
    expect(await codeOf(visit.ask(client))).toBe("THRESHOLD");
    expect(visit.state()).toEqual(before);
    await visit.recovers(client);
  });
});

test("V12, V20: a snapshot that would make a state too large to be read again leaves it as it is", async () => {
  const client = await visit.client("a running client");
  const before = visit.state();
  sim.break.rewrite("snapshot", (signed) => {
    signed.padding = '"'.repeat(18_000_000);
    signed.version = 9;
  });
  sim.break.stamp();
  expect(await codeOf(visit.ask(client))).toBe("CACHE_UNUSABLE");
  expect(visit.state()).toEqual(before);
  await visit.recovers(client);
});

describe("V20: a state that cannot be read is told with its place, and not passed over", () => {
  const damages: Record<string, (text: string) => string> = {
    "is empty": () => "",
    "is cut off": (text) => text.slice(0, text.length / 2),
    "is of zeros": (text) => "\0".repeat(text.length),
    "has garbage at its end": (text) => `${text}}`,
    "has a member twice": (text) => text.replace('"format"', '"server"'),
    "is of another format": (text) => text.replace('"format": 1', '"format": 2'),
    "is of another repository": (text) => text.replace(`"${sim.repository}"`, '"example.org/other"'),
    "is of another server": (text) => text.replace(/"server": "[^"]+"/, '"server": "https://example.test"'),
    "has no roots": (text) => text.replace(/"roots": \[[^\]]+\]/, '"roots": []'),
    "has a version of text": (text) => text.replace(/"rootVersion": 1/, '"rootVersion": "1"'),
    "has a role of a path": (text) => text.replace('"role": "targets"', '"role": "../targets"'),
    "has a digest of a path": (text) => text.replace(/"sha256": "[0-9a-f]{8}/, '"sha256": "../../..'),
    "has a flipped bit in its root": (text) => text.replace('\\"version\\":1}', '\\"version\\":2}'),
    "has a version above that of its root": (text) => text.replace('"rootVersion": 1', '"rootVersion": 9'),
    "has a version above that of its timestamp": (text) =>
      text.replace(/"timestampVersion": \d+/, '"timestampVersion": 99999'),
  };
  test.each(Object.keys(damages))("V20: one that %s", async (what) => {
    await damaged(damages[what] as (text: string) => string);
    const client = await visit.open();
    const refusal = await refusalOf(visit.ask(client));
    expect(refusal.code).toBe("CACHE_DAMAGED");
    expect(refusal.file).toBe(stateFile());
    rmSync(stateFile());
    await visit.recovers(client);
  });

  test("V20: the line of the damage is told", async () => {
    await damaged((text) => text.replace('"checkedAt": ', '"checkedAt": x'));
    expect((await refusalOf(visit.ask(await visit.open()))).line).toBe(5);
  });

  test.each(["roots", "timestamp", "snapshot"])(
    "V15: %s of a stranger in it are not believed",
    async (member) => {
      const stranger = await Simulator.create(sim.repository);
      await damagedState((state) => {
        const text = stranger.served.get(member === "roots" ? "root" : member)?.toString("utf8");
        state[member] = member === "roots" ? [text] : text;
      });
      expect(await codeOf(visit.ask(await visit.open()))).toBe("CACHE_DAMAGED");
    },
  );
});

describe("V19: files of targets in the cache", () => {
  const harms: Record<string, (path: string) => void> = {
    "of a stranger": (path) => writeFileSync(path, sim.served.get("timestamp") as Buffer),
    "cut off": (path) => writeFileSync(path, readFileSync(path).subarray(0, 100)),
    empty: (path) => writeFileSync(path, ""),
    missing: (path) => rmSync(path),
    swapped: (path) => {
      const [one, two] = targetsFiles();
      if (path === one) writeFileSync(path, readFileSync(two as string));
    },
    "with a flipped bit": (path) => {
      const bytes = readFileSync(path);
      bytes[200] = (bytes[200] as number) ^ 1;
      writeFileSync(path, bytes);
    },
  };
  test.each(Object.keys(harms))("V19: those that are %s are asked for again, and mended", async (how) => {
    await visit.ask(await visit.client("a restarted client"), "released");
    const files = targetsFiles();
    const whole = files.map((path) => readFileSync(path));
    for (const path of files) harms[how]?.(path);
    visit.site.forgetRequests();
    expect((await visit.ask(await visit.open(), "released")).role).toBe("targets/releases");
    expect(visit.site.asked.some((file) => file.startsWith("targets"))).toBe(true);
    expect(files.map((path) => readFileSync(path))).toEqual(whole);
  });

  test("V19: those that are whole are not asked for again", async () => {
    await visit.ask(await visit.client("a restarted client"), "released");
    visit.site.forgetRequests();
    await visit.ask(await visit.open(), "released");
    expect(visit.site.asked.filter((file) => /^(snapshot|targets|root)/.test(file))).toEqual([]);
  });
});

test("L1: a name that a stranger chose brings nothing into a message that a terminal obeys", async () => {
  const name = "a\u009b2J\u202egone";
  sim.targetsOf("targets").names.set(name, someTarget("odd"));
  sim.publish();
  const client = await visit.open({ rule: { require: ["targets/releases"] } });
  const work = client.resolve(`${sim.repository}@sha256:${someTarget("odd").sha256}`);
  const { code, message } = await refusalOf(work);
  expect(code).toBe("ROLES_DISAGREE");
  expect(message).toContain("a?2J?gone,");
});

describe("V22 to V24: names from outside are no paths", () => {
  test.each(["../../x", "/etc/x", "a/../../x", "..%2fx", "C:\\x", "."])(
    "V23: a target called %j is found as any other, and nothing is written outside of the cache",
    async (name) => {
      sim.targetsOf("targets").names.set(name, someTarget("evil"));
      sim.publish();
      const before = readdirSync(dirname(visit.cacheDir));
      const found = await (await visit.open()).lookUp({ repository: sim.repository, target: name });
      expect(found.target).toBe(name);
      expect(
        readdirSync(dirname(visit.cacheDir)).filter(
          (each) => !before.includes(each) && !each.startsWith("vi"),
        ),
      ).toEqual([]);
      expect(readdirSync(visit.cacheDir)).toEqual(["v1"]);
      for (const file of readdirSync(folder())) expect(file).toMatch(/^(state|[0-9a-f]{64})\.json$/);
    },
  );

  test.each(["../../x", "a/../../b", "/etc", "a//b", "..", "a/./b", "_trust/x", "x\0y", "a".repeat(300)])(
    "V24: a repository called %j is refused before anything is asked or written",
    async (repository) => {
      const client = await visit.open();
      visit.site.forgetRequests();
      const work = client.lookUp({ repository, target: "app" });
      expect(["BAD_REPOSITORY_NAME", "NO_RULE"]).toContain(await codeOf(work));
      expect(visit.site.asked).toEqual([]);
      expect(visit.state()).toBeUndefined();
    },
  );

  test("V24: a repository's folder is a digest", async () => {
    await visit.client("a restarted client");
    expect(folder().slice(visit.cacheDir.length)).toMatch(/^.v1.[0-9a-f]{64}$/);
  });

  test.each([
    "targets/../x",
    "targets/..%2fx",
    "targets/X",
    "targets/",
    "../x",
    "root",
    "targets/x\0y",
    `targets/${"x".repeat(300)}`,
  ])("V22: a role called %j is refused with the file that names it", async (name) => {
    sim.break.rewrite("targets", (signed) => {
      for (const each of (signed.delegations as { roles: { name: string }[] }).roles) each.name = name;
      signed.version = 9;
    });
    sim.break.vouch();
    const client = await visit.open();
    expect(["BAD_DELEGATION", "NOT_JSON"]).toContain(await codeOf(visit.ask(client)));
    await visit.recovers(client);
  });

  test("V20: a cache directory that is none is told as such", async () => {
    const cacheDir = join(visit.cacheDir, "file");
    writeFileSync(cacheDir, "");
    expect(await codeOf(visit.ask(await visit.open({ cacheDir })))).toBe("CACHE_UNUSABLE");
  });

  test("V41: files are for their owner alone", async () => {
    await visit.client("a restarted client");
    for (const file of [stateFile(), ...targetsFiles()]) expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(folder()).mode & 0o777).toBe(0o700);
  });

  test("V23: what is at the end of a link is not written to", async () => {
    await visit.client("a restarted client");
    const outside = join(visit.cacheDir, "outside");
    const inside = stateFile();
    renameSync(inside, outside);
    symlinkSync(outside, inside);
    const before = readFileSync(outside);
    await visit.recovers(await visit.open());
    expect(readFileSync(outside)).toEqual(before);
  });
});

test.each(visited)(
  "S3: %s forgets what it knew below a root that gives the online roles other keys, on disk too",
  async (stance) => {
    const client = await visit.client(stance);
    sim.timestamp.version = 2_000_000;
    sim.publish();
    await visit.ask(client);
    sim.timestamp.keys = [newKey()];
    sim.timestamp.version = 1;
    sim.timestamp.expires = sim.now + day;
    sim.publish();
    await visit.ask(client);
    expect(visit.state()?.timestampVersion).toBe(1);
    expect((await visit.ask(await visit.open())).versions.timestamp).toBe(1);
  },
);

/**
 * kill -9 of the command line at each of its steps: every change of a file in a person's home, and everything that is sent. The
 * same command is then run again, and what it was asked for is so, once; nothing that was there before is lost.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { type Ended, endOf } from "../support/child.ts";
import { Chance, times } from "./support/chance.ts";
import { Daemon } from "./support/daemon.ts";
import { Shim } from "./support/shim.ts";

const launcher = resolve(import.meta.dirname, "../../bin/vidimus.js");
/** A lock that a killed process has left is taken over after ten seconds of the clock. */
const aMoment = 15_000;

/** A person at a machine that may die at any step, and a server that does not. */
class Person {
  readonly home = mkdtempSync(join(tmpdir(), "vidimus-person-"));
  readonly #shim = new Shim(this.home);
  readonly #ofServer: Shim;
  readonly #daemon = new Daemon();
  #url = "";

  constructor() {
    this.#ofServer = new Shim(this.#daemon.directory);
    for (const place of ["tmp", "work"]) mkdirSync(join(this.home, place));
    writeFileSync(join(this.home, "pass"), "only-for-a-test\n");
    writeFileSync(join(this.home, "other-pass"), "another-for-a-test\n");
    writeFileSync(join(this.home, "file"), "content");
  }

  async begin(): Promise<void> {
    const { port } = await this.#daemon.start({ env: this.#ofServer.env() });
    this.#url = `http://127.0.0.1:${port}`;
  }

  get steps(): number {
    return this.#shim.steps;
  }

  /** @param step at which the command is killed; 0: at none */
  async run(argv: readonly string[], step = 0): Promise<Ended> {
    this.#shim.clockOffset += aMoment;
    this.#ofServer.clockOffset = this.#shim.clockOffset;
    this.#shim.killAt(step);
    const child = spawn(process.execPath, [launcher, ...argv], {
      cwd: join(this.home, "work"),
      env: {
        PATH: process.env.PATH,
        HOME: this.home,
        TMPDIR: join(this.home, "tmp"),
        VIDIMUS_SERVER: this.#url,
        VIDIMUS_POLICY: join(this.home, "trust.yaml"),
        VIDIMUS_PASSPHRASE_FILE: join(this.home, "pass"),
        ...this.#shim.env(),
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    return await endOf(child);
  }

  async well(...argv: readonly string[]): Promise<Ended> {
    const ended = await this.run(argv);
    expect([argv.join(" "), ended.code, ended.err]).toEqual([argv.join(" "), 0, ""]);
    return ended;
  }

  async json(...argv: readonly string[]): Promise<Record<string, unknown>> {
    return JSON.parse((await this.well(...argv, "--json")).out) as Record<string, unknown>;
  }

  async dispose(): Promise<void> {
    await this.#daemon.dispose();
    this.#shim.dispose();
    this.#ofServer.dispose();
    rmSync(this.home, { recursive: true, force: true });
  }
}

let person: Person;
beforeEach(async () => {
  person = new Person();
  await person.begin();
});
afterEach(async () => await person.dispose());

/**
 * Runs a command again and again, each time killed at another step and then repeated.
 * @param argvOf of a round
 * @param judge what is so after the repetition; it is given how that ended
 */
async function killAtSteps(
  label: string,
  argvOf: (round: number) => readonly string[],
  judge: (round: number, again: Ended) => Promise<void>,
): Promise<void> {
  let steps = 0;
  // The first one makes folders and caches that are there for all that follow.
  for (const round of [0, 1]) {
    const whole = await person.run(argvOf(round));
    expect([whole.code, whole.err]).toEqual([0, ""]);
    ({ steps } = person);
    await judge(round, whole);
  }
  const chance = new Chance(label);
  const some = Array.from({ length: times(3) }, () => chance.between(1, steps));
  const chosen = times(1) === 1 ? some : Array.from({ length: steps }, (_, i) => i + 1);
  let killed = 0;
  for (const [index, step] of chosen.entries()) {
    const round = index + 2;
    const first = await person.run(argvOf(round), step);
    if (first.code === null) killed += 1;
    const again = first.code === 0 ? first : await person.run(argvOf(round));
    await judge(round, again);
  }
  console.info(`${label}: ${steps} steps, killed at ${killed} of ${chosen.length}`);
  expect(killed).toBeGreaterThan(chosen.length / 2);
}

const repository = "example.test/app";

async function begin(): Promise<void> {
  await person.well("key", "generate", "--name", "root");
  await person.well("key", "generate", "--name", "one");
  await person.well("repo", "init", repository, "--root", "root", "--targets", "one");
}

async function namesSigned(): Promise<readonly string[]> {
  const { targets } = (await person.json("repo", "show", repository)) as { targets: { name: string }[] };
  return targets.map(({ name }) => name).sort();
}

/** Nothing that a command writes on the way stays behind for good. */
function leftovers(folder: string): readonly string[] {
  const path = join(person.home, folder);
  return existsSync(path) ? readdirSync(path) : [];
}

test("a key that is being made is there whole or not at all", async () => {
  await killAtSteps(
    "key generate",
    (round) => ["key", "generate", "--name", `key-${round}`],
    async (round, { code }) => {
      expect([exitCodes.ok.code, exitCodes.keyUnwritable.code]).toContain(code);
      const { keys, faults } = (await person.json("key", "list")) as {
        keys: { name: string }[];
        faults: unknown[];
      };
      expect(keys.map(({ name }) => name).sort()).toEqual(
        Array.from({ length: round + 1 }, (_, i) => `key-${i}`).sort(),
      );
      expect(faults ?? []).toEqual([]);
      await person.well("key", "certificate", `key-${round}`, repository);
    },
  );
});

test("a key that gets another passphrase opens with the old one or the new one", async () => {
  await person.well("key", "generate", "--name", "one");
  const [old, other] = ["pass", "other-pass"].map((name) => join(person.home, name));
  let now = old;
  await killAtSteps(
    "key passphrase",
    () => [
      ...["key", "passphrase", "one", "--passphrase-file", now ?? ""],
      ...["--new-passphrase-file", (now === old ? other : old) ?? ""],
    ],
    async (_, { code }) => {
      // Whoever was cut off after the last step is told that the passphrase is another by now.
      expect([exitCodes.ok.code, exitCodes.passphrase.code]).toContain(code);
      now = now === old ? other : old;
      const opened = await person.run([
        ...["key", "certificate", "one", repository, "--passphrase-file", now ?? ""],
      ]);
      expect([opened.code, opened.err]).toEqual([0, ""]);
    },
  );
});

test("a repository that is being made is made once, and its root pinned", async () => {
  await person.well("key", "generate", "--name", "root");
  await person.well("key", "generate", "--name", "one");
  await killAtSteps(
    "repo init",
    (round) => ["repo", "init", `example.test/app${round}`, "--root", "root", "--targets", "one"],
    async (round, { code, err }) => {
      expect([code, err]).toEqual([0, ""]);
      const { roles } = (await person.json("repo", "show", `example.test/app${round}`)) as {
        roles: { role: string; version: number }[];
      };
      expect(roles.filter(({ version }) => version === 1).map(({ role }) => role)).toEqual([
        "root",
        "targets",
      ]);
    },
  );
});

test("what is staged is kept while more is staged, and staged once", async () => {
  await begin();
  await killAtSteps(
    "add",
    (round) => ["add", repository, `name-${round}`, join(person.home, "file")],
    async (round, { code, err }) => {
      expect([code, err]).toEqual([0, ""]);
      const { repositories } = (await person.json("status")) as {
        repositories: { edits: { name: string }[] }[];
      };
      const names = repositories.flatMap(({ edits }) => edits.map(({ name }) => name));
      expect(names).toEqual(Array.from({ length: round + 1 }, (_, i) => `name-${i}`));
    },
  );
  await person.well("publish", repository);
  expect((await namesSigned()).length).toBeGreaterThan(1);
  expect(leftovers(".vidimus/staging").filter((name) => name.endsWith(".json"))).toEqual([]);
});

test("what is staged is published, whenever publishing is cut off, and nobody has to stage it again", async () => {
  await begin();
  const published: string[] = [];
  const stage = async (round: number) => {
    published.push(`name-${round}`);
    await person.well("add", repository, `name-${round}`, join(person.home, "file"));
  };
  await stage(0);
  await killAtSteps(
    "publish",
    () => ["publish", repository],
    async (round, { code, err }) => {
      // Nothing is staged for who was cut off after the last step, and only for them.
      const isDone = code === exitCodes.staging.code;
      expect([code, err]).toEqual(isDone ? [code, expect.stringContaining("Nothing is staged")] : [0, ""]);
      expect(await namesSigned()).toEqual([...published].sort());
      const { repositories } = (await person.json("status")) as { repositories: unknown[] };
      expect(repositories).toEqual([]);
      await stage(round + 1);
    },
  );
});

test("staging and publishing in one is finished by the same command", async () => {
  await begin();
  const known: string[] = [];
  await killAtSteps(
    "add -p",
    (round) => ["add", repository, `name-${round}`, join(person.home, "file"), "-p"],
    async (round, { code, err }) => {
      known.push(`name-${round}`);
      expect([code, err]).toEqual([0, ""]);
      expect(await namesSigned()).toEqual([...known].sort());
    },
  );
});

/** Two people sign the targets; one of them has her keys in a folder of her own. */
async function beginWithTwo(): Promise<void> {
  await begin();
  await person.well("key", "generate", "--name", "two");
  await person.well("rotate", repository, "targets", "--add", "two");
  await person.well("threshold", "set", repository, "targets", "2", "-p");
  const { keys } = (await person.json("key", "list")) as { keys: { name: string; place: string }[] };
  const place = keys.find(({ name }) => name === "two")?.place ?? "";
  mkdirSync(elsewhere());
  renameSync(place, join(elsewhere(), basename(place)));
}

const elsewhere = () => join(person.home, "of-two");

async function waiting(): Promise<readonly { readonly id: string; readonly signedBy: number }[]> {
  const { proposals } = (await person.json("proposal", "list", repository)) as {
    proposals: { id: string; files: { signedBy: string[] }[] }[];
  };
  return proposals.map(({ id, files }) => ({ id, signedBy: files[0]?.signedBy.length ?? 0 }));
}

const stage = (name: string) => person.well("add", repository, name, join(person.home, "file"));

test("a proposal that is being opened is opened once, with the signatures that are here", async () => {
  await beginWithTwo();
  await stage("name-0");
  await killAtSteps(
    "proposal open",
    () => ["proposal", "open", repository],
    async (round, { code, err }) => {
      const isDone = code === exitCodes.staging.code;
      expect([code, err]).toEqual(isDone ? [code, expect.stringContaining("Nothing is staged")] : [0, ""]);
      const found = await waiting();
      expect(found).toEqual([{ id: expect.any(String), signedBy: 1 }]);
      await person.well("proposal", "cancel", repository, found[0]?.id ?? "");
      await stage(`name-${round + 1}`);
    },
  );
});

test("a proposal that is being signed is published once, and says so to whoever was cut off", async () => {
  await beginWithTwo();
  let id = "";
  const names: string[] = [];
  const propose = async () => {
    names.push(`name-${names.length}`);
    await stage(names.at(-1) ?? "");
    await person.well("proposal", "open", repository);
    id = (await waiting())[0]?.id ?? "";
  };
  await propose();
  await killAtSteps(
    "proposal sign",
    () => ["proposal", "sign", repository, id, "--yes", "--keys", elsewhere()],
    async (_, { code }) => {
      expect([exitCodes.ok.code, exitCodes.proposalOver.code]).toContain(code);
      expect(await waiting()).toEqual([]);
      expect(await namesSigned()).toEqual([...names].sort());
      await propose();
    },
  );
});

import bcrypt from "bcryptjs";
import { describe, expect, it } from "vitest";
import { RefusedError } from "../../../src/core/errors.ts";
import { Attempts, defaultAttempts, type LoginWaits } from "../../../src/service/access/attempts.ts";
import { parsePasswordFile } from "../../../src/service/access/htpasswd.ts";
import {
  type Credentials,
  type LoginFailure,
  type LoginSources,
  Logins,
} from "../../../src/service/access/logins.ts";
import {
  createPasswords,
  Lane,
  type Passwords,
  passwordFault,
} from "../../../src/service/access/password.ts";
import { type AskRegistry, knownToRegistry } from "../../../src/service/access/registry.ts";
import type { User } from "../../../src/store/contract/access.ts";
import { codeOf } from "../../support/refusal.ts";

/** As cheap as it can be: what it costs is of no matter here. */
const cost = { logN: 4, r: 1, p: 1 };
const lane = () => new Lane(2, 100);
const passwords = createPasswords(lane(), cost);

describe("a password's hash", () => {
  it("is of that password alone, and never twice the same", async () => {
    const stored = await passwords.hash("correct horse");
    expect(stored).not.toContain("correct");
    expect(stored).not.toBe(await passwords.hash("correct horse"));
    expect(await passwords.verify("correct horse", stored)).toBe(true);
    for (const other of ["", "correct hors", "correct horse ", "Correct horse"]) {
      expect(await passwords.verify(other, stored)).toBe(false);
    }
  });

  it("is the same however an accent is written", async () => {
    expect(await passwords.verify("e\u0301 accent", await passwords.hash("\u00e9 accent"))).toBe(true);
  });

  it("of nobody fits no password", async () => {
    expect(await passwords.verify("anything at all", undefined)).toBe(false);
  });

  it("that costs more than any of ours is not derived, and fits nothing", async () => {
    const stored = await passwords.hash("correct horse");
    for (const costly of [
      stored.replace("$4$1$1$", "$30$8$1$"),
      // True of this password, were it derived.
      await createPasswords(lane(), { ...cost, p: 9 }).hash("correct horse"),
      "",
      "plain",
    ]) {
      expect(await passwords.verify("correct horse", costly)).toBe(false);
    }
  });

  it.each(["", "short", "a".repeat(513)])("is not made of %j", (text) => {
    expect(passwordFault(text)).toBeTypeOf("string");
  });
});

it("so much is under way at one time, so much waits, and the rest is sent away", async () => {
  const narrow = new Lane(1, 1);
  const ends: (() => void)[] = [];
  const work = () => narrow.run(() => new Promise<void>((resolve) => ends.push(resolve)));
  const [first, second] = [work(), work()];
  expect(await codeOf(work())).toBe("OVERLOADED");
  expect(ends).toHaveLength(1);
  ends[0]?.();
  await first;
  await expect.poll(() => ends.length).toBe(2);
  ends[1]?.();
  await second;
  const third = work();
  ends[2]?.();
  await third;
});

describe("failed logins", () => {
  const { freeOfName, freeOfAddress, firstWait, longestWait } = defaultAttempts;
  const failing = (attempts: Attempts, times: number, name = "alice", address = "10.0.0.1") => {
    for (let i = 0; i < times; i++) attempts.failed(name, address, 0);
  };

  it("cost nothing at first, then a wait that doubles up to the longest", () => {
    const attempts = new Attempts();
    failing(attempts, freeOfName - 1);
    expect(attempts.waitOf("alice", "10.0.0.1", 0)).toBe(0);
    failing(attempts, 1);
    expect(attempts.waitOf("alice", "10.0.0.1", 0)).toBe(firstWait);
    failing(attempts, 1);
    expect(attempts.waitOf("alice", "10.0.0.1", 0)).toBe(2 * firstWait);
    failing(attempts, 40);
    expect(attempts.waitOf("alice", "10.0.0.1", 0)).toBe(longestWait);
    expect(attempts.waitOf("alice", "10.0.0.1", longestWait)).toBe(0);
  });

  it("from elsewhere lock nobody out", () => {
    const attempts = new Attempts();
    failing(attempts, 1_000, "alice", "10.0.0.1");
    expect(attempts.waitOf("alice", "10.0.0.2", 0)).toBe(0);
  });

  it("at many names from one address are counted together", () => {
    const attempts = new Attempts();
    for (let i = 0; i < freeOfAddress; i++) attempts.failed(`name${i}`, "10.0.0.1", 0);
    expect(attempts.waitOf("another", "10.0.0.1", 0)).toBeGreaterThan(0);
    expect(attempts.waitOf("another", "10.0.0.2", 0)).toBe(0);
  });

  it("are forgotten with a success, and after a quiet time", () => {
    const attempts = new Attempts();
    failing(attempts, freeOfName);
    attempts.succeeded("alice", "10.0.0.1");
    expect(attempts.waitOf("alice", "10.0.0.1", 0)).toBe(0);
    failing(attempts, 20);
    const later = 4 * longestWait;
    attempts.failed("alice", "10.0.0.1", later);
    expect(attempts.waitOf("alice", "10.0.0.1", later)).toBe(0);
  });
});

describe("a password file", () => {
  const hash = bcrypt.hashSync("of the file", 4);

  it("gives the bcrypt hashes, and the numbers of the lines that cannot be used", () => {
    const costly = hash.replace("$04$", "$31$");
    const text = `# people\n\nalice:${hash}\nbob:{SHA}abc\ncarol:plain\ndan:${costly}\nalice:${hash.slice(0, -1)}x\n`;
    const file = parsePasswordFile(text);
    expect([...file.hashes]).toEqual([["alice", hash]]);
    expect(file.unusable).toEqual([4, 5, 6, 7]);
  });

  it("is read to its end, and says from which line on where it has too many", () => {
    const fileAfter = (count: number) => parsePasswordFile(`${"#\n".repeat(count)}alice:${hash}\n`);
    expect([...fileAfter(99_999).hashes.keys(), fileAfter(99_999).unread]).toEqual(["alice", undefined]);
    expect([...fileAfter(100_000).hashes.keys(), fileAfter(100_000).unread]).toEqual([100_001]);
  });

  it("names the hash that takes longest to look at", () => {
    const longer = bcrypt.hashSync("of the file", 5);
    expect(parsePasswordFile(`alice:${hash}\nbob:${longer}\ncarol:${hash}\n`).costliest).toBe(longer);
    expect(parsePasswordFile("# nobody\n").costliest).toBeUndefined();
  });
});

describe("a login", () => {
  const user = (name: string, changes: Partial<User> = {}): User => ({
    name,
    password: "",
    disabled: false,
    createdAt: 0,
    ...changes,
  });
  const hash = bcrypt.hashSync("of the file", 4);

  async function make(
    sources: Partial<LoginSources> & { users?: readonly User[] } = {},
    attempts: LoginWaits = new Attempts(),
    bcryptLane = lane(),
  ) {
    let at = 0;
    const failures: LoginFailure[] = [];
    const asked: Credentials[] = [];
    const own = user("own", { password: await passwords.hash("own password") });
    const users = [
      own,
      user("off", { ...own, name: "off", disabled: true }),
      user("gone", { disabled: true }),
    ];
    const logins = new Logins(
      {
        store: { user: async (name) => users.find((each) => each.name === name) },
        passwords,
        passwordFile: () => parsePasswordFile(`filed:${hash}\nown:${hash}\ngone:${hash}\n`),
        askRegistry: async (credentials) => {
          asked.push(credentials);
          return credentials.password === "of the registry";
        },
        ...sources,
      },
      {
        attempts,
        lane: bcryptLane,
        rememberFor: 1_000,
        now: () => at,
        onFailure: (failure) => failures.push(failure),
      },
    );
    const login = (name: string, password: string) => logins.login({ name, password }, "10.0.0.1");
    return { logins, login, failures, asked, wait: (time: number) => (at += time) };
  }

  it("is decided by the first source that has the name", async () => {
    const { login, asked } = await make();
    await login("own", "own password");
    expect(await codeOf(login("own", "of the file"))).toBe("UNAUTHORIZED");
    expect(await codeOf(login("own", "of the registry"))).toBe("UNAUTHORIZED");
    await login("filed", "of the file");
    expect(await codeOf(login("filed", "of the registry"))).toBe("UNAUTHORIZED");
    expect(asked).toEqual([]);
    await login("other", "of the registry");
    expect(await codeOf(login("other", "wrong"))).toBe("UNAUTHORIZED");
  });

  it("of who is disabled is none, whatever source has the name", async () => {
    const { login } = await make();
    expect(await codeOf(login("off", "own password"))).toBe("UNAUTHORIZED");
    expect(await codeOf(login("gone", "of the file"))).toBe("UNAUTHORIZED");
    const { login: without } = await make({ passwordFile: () => undefined });
    expect(await codeOf(without("gone", "of the registry"))).toBe("UNAUTHORIZED");
  });

  it("of a name that nobody has is refused in the same words as a wrong password", async () => {
    const { login } = await make({ askRegistry: undefined });
    const said = async (name: string) =>
      await login(name, "wrong").catch((error: unknown) => (error as RefusedError).message);
    expect(await said("nobody")).toBe(await said("own"));
  });

  it("A21: that fails is told by its name if somebody has it, and else by a digest: it may be a password in the wrong field", async () => {
    const { login, failures } = await make({ askRegistry: undefined });
    for (const name of ["own", "filed", "hunter2", "hunter2", "a b", "x".repeat(5_000)])
      expect(await codeOf(login(name, "wrong"))).toBe("UNAUTHORIZED");
    expect(failures.slice(0, 2)).toEqual([
      { name: "own", address: "10.0.0.1" },
      { name: "filed", address: "10.0.0.1" },
    ]);
    const unknown = failures.slice(2).map((failure) => ("unknown" in failure ? failure.unknown : ""));
    for (const digest of unknown) expect(digest).toMatch(/^[0-9a-f]{12}$/);
    expect(unknown[0]).toBe(unknown[1]);
    expect(new Set(unknown).size).toBe(3);
    const said = JSON.stringify(failures);
    for (const typed of ["hunter2", "a b", "xxx"]) expect(said).not.toContain(typed);
    // Of another process with another key: nobody can look names up in a list of digests.
    const other = await make({ askRegistry: undefined });
    expect(await codeOf(other.login("hunter2", "wrong"))).toBe("UNAUTHORIZED");
    expect(other.failures).not.toContainEqual(failures[2]);
  });

  it("A10: that fails costs the same looks, whoever has the name and in which place", async () => {
    const looks: string[] = [];
    const counting: Passwords = {
      ...passwords,
      verify: (password, stored) => {
        looks.push("scrypt");
        return passwords.verify(password, stored);
      },
    };
    const counted = lane();
    const run = counted.run.bind(counted);
    counted.run = (work) => {
      looks.push("bcrypt");
      return run(work);
    };
    const { login } = await make({ askRegistry: undefined, passwords: counting }, new Attempts(), counted);
    for (const name of ["own", "off", "filed", "gone", "nobody"]) {
      looks.length = 0;
      expect(await codeOf(login(name, "wrong")), name).toBe("UNAUTHORIZED");
      expect(looks.toSorted(), name).toEqual(["bcrypt", "scrypt"]);
    }
    const without = await make({
      askRegistry: undefined,
      passwords: counting,
      passwordFile: () => undefined,
    });
    for (const name of ["own", "nobody"]) {
      looks.length = 0;
      expect(await codeOf(without.login(name, "wrong")), name).toBe("UNAUTHORIZED");
      expect(looks, name).toEqual(["scrypt"]);
    }
  });

  it("at the registry is remembered for a short time, and a failure never", async () => {
    const { login, asked, wait } = await make();
    await login("other", "of the registry");
    wait(999);
    await login("other", "of the registry");
    expect(asked).toHaveLength(1);
    wait(1);
    await login("other", "of the registry");
    expect(asked).toHaveLength(2);
    for (const _ of [1, 2]) expect(await codeOf(login("other", "wrong"))).toBe("UNAUTHORIZED");
    expect(asked).toHaveLength(4);
  });

  it("fails so often, and is then refused without a look at the password", async () => {
    const { login, failures, wait } = await make();
    for (let i = 0; i < defaultAttempts.freeOfName; i++) {
      expect(await codeOf(login("own", "wrong"))).toBe("UNAUTHORIZED");
    }
    expect(await codeOf(login("own", "own password"))).toBe("TOO_MANY_REQUESTS");
    expect(failures).toHaveLength(defaultAttempts.freeOfName);
    wait(defaultAttempts.firstWait);
    await login("own", "own password");
  });

  it("gives whoever tries many passwords side by side no more of them", async () => {
    const { login, failures } = await make();
    const codes = await Promise.all(Array.from({ length: 60 }, () => codeOf(login("own", "wrong"))));
    expect(codes.filter((code) => code === "UNAUTHORIZED")).toHaveLength(defaultAttempts.freeOfName);
    expect(codes.filter((code) => code === "TOO_MANY_REQUESTS")).toHaveLength(
      60 - defaultAttempts.freeOfName,
    );
    expect(failures).toHaveLength(defaultAttempts.freeOfName);
  });

  it("is refused in the same words, right or wrong, if another process says that the name has to wait", async () => {
    const told: string[] = [];
    const elsewhere: LoginWaits = {
      waitOf: () => 0,
      ask: async () => 2_001,
      failed: () => told.push("failed"),
      succeeded: () => told.push("succeeded"),
    };
    const { login, failures } = await make({}, elsewhere);
    expect(await codeOf(login("own", "own password"))).toBe("TOO_MANY_REQUESTS");
    await expect(login("own", "wrong")).rejects.toMatchObject({ code: "TOO_MANY_REQUESTS", retryAfter: 3 });
    expect([told, failures]).toEqual([[], []]);
  });

  it("that another process says nothing of is decided by the password", async () => {
    const told: string[] = [];
    const elsewhere: LoginWaits = {
      waitOf: () => 0,
      ask: async () => 0,
      failed: () => told.push("failed"),
      succeeded: () => told.push("succeeded"),
    };
    const { login } = await make({}, elsewhere);
    await login("own", "own password");
    expect(await codeOf(login("own", "wrong"))).toBe("UNAUTHORIZED");
    expect(told).toEqual(["succeeded", "failed"]);
  });

  it("that a registry has no answer to is no failure", async () => {
    const { login, failures } = await make({
      askRegistry: () => Promise.reject(new RefusedError("OVERLOADED", "Try again.")),
    });
    expect(await codeOf(login("other", "of the registry"))).toBe("OVERLOADED");
    expect(failures).toEqual([]);
  });

  it.each(["", "a b", "a:b", "-a", "a".repeat(129)])("of %j is asked of nobody", async (name) => {
    const { login, asked } = await make();
    expect(await codeOf(login(name, "of the registry"))).toBe("UNAUTHORIZED");
    expect(asked).toEqual([]);
  });

  it("goes on as a session only of who has a password here or in the file", async () => {
    const { logins } = await make();
    const known = await Promise.all(
      ["own", "filed", "off", "gone", "other"].map((name) => logins.isStillKnown(name)),
    );
    expect(known).toEqual([true, true, false, false, false]);
  });
});

describe("a registry", () => {
  const registry = new URL("http://127.0.0.1:5000");
  const credentials = { name: "alice", password: "päss:word" };
  const basic = `Basic ${Buffer.from("alice:päss:word").toString("base64")}`;

  function registryWith(challenge: string, answers: Readonly<Record<string, number>>, open = 401) {
    const asked: string[] = [];
    const ask: AskRegistry = async (url, authorization) => {
      asked.push(`${url.href} ${authorization ?? "-"}`);
      if (authorization === undefined) return { status: open, challenge };
      return { status: answers[url.origin] ?? 500, challenge: "" };
    };
    return { ask, asked };
  }

  it("that wants Basic is asked again with the credentials", async () => {
    const { ask, asked } = registryWith('Basic realm="x"', { [registry.origin]: 200 });
    expect(await knownToRegistry(registry, credentials, ask)).toBe(true);
    expect(asked).toEqual([`${registry.href}v2/ -`, `${registry.href}v2/ ${basic}`]);
  });

  it.each([401, 403])("that answers %s does not know them", async (status) => {
    const { ask } = registryWith('Basic realm="x"', { [registry.origin]: status });
    expect(await knownToRegistry(registry, credentials, ask)).toBe(false);
  });

  it("that wants a token has them sent to its token service", async () => {
    const { ask, asked } = registryWith('Bearer realm="https://auth.example.test/t",service="reg"', {
      "https://auth.example.test": 200,
    });
    expect(await knownToRegistry(registry, credentials, ask)).toBe(true);
    expect(asked[1]).toBe(`https://auth.example.test/t?service=reg&account=alice ${basic}`);
  });

  it("that lets everybody in knows nobody", async () => {
    const { ask, asked } = registryWith("", { [registry.origin]: 200 }, 200);
    expect(await codeOf(knownToRegistry(registry, credentials, ask))).toBe("OVERLOADED");
    expect(asked).toHaveLength(1);
  });

  it.each(["", "Negotiate", 'Bearer realm="http://elsewhere.example.test/t"', "Bearer realm=x"])(
    "with the challenge %j is sent no password",
    async (challenge) => {
      const { ask, asked } = registryWith(challenge, {});
      expect(await codeOf(knownToRegistry(registry, credentials, ask))).toBe("OVERLOADED");
      expect(asked).toHaveLength(1);
    },
  );

  it.each([201, 302, 404, 429, 500])("that answers %s has said nothing", async (status) => {
    const { ask } = registryWith('Basic realm="x"', { [registry.origin]: status });
    expect(await codeOf(knownToRegistry(registry, credentials, ask))).toBe("OVERLOADED");
  });
});

/** Where passphrases come from, in which order, and what is never guessed. */
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { KeyInfo } from "../../../src/publisher/custody/custody.ts";
import { type PassphraseSources, Passphrases } from "../../../src/publisher/custody/passphrases.ts";
import { keyCodeOf } from "../../contract/custody.ts";
import { temporaryDirectory } from "../../support/directory.ts";

const files = temporaryDirectory();
let number = 0;
function file(content: string): string {
  const path = join(files, String(number++));
  writeFileSync(path, content);
  return path;
}

function key(id = "1", changes: Partial<KeyInfo> = {}): KeyInfo {
  return {
    id: id.repeat(64),
    algorithm: "ecdsa",
    listed: undefined,
    name: "",
    role: "targets",
    repository: undefined,
    place: `/keys/${id}`,
    locked: true,
    passphrase: true,
    ...changes,
  };
}

/** A person who gives these answers one after the other. */
function person(...answers: readonly string[]) {
  const questions: string[] = [];
  const ask = async (question: string) => {
    questions.push(question);
    const answer = answers[questions.length - 1];
    if (answer === undefined) throw new Error("canceled");
    return answer;
  };
  return { ask, questions };
}

function passphrases(sources: Partial<PassphraseSources> = {}): Passphrases {
  return new Passphrases({ env: {}, ask: undefined, ...sources });
}

/** All that is tried for a key, none of which opens it. */
async function triedFor(from: Passphrases, of: KeyInfo): Promise<readonly string[]> {
  const tried: string[] = [];
  for (let attempt = 1; attempt < 20; attempt++) {
    const secret = await from.secret(of, attempt);
    if (secret === undefined) return tried;
    tried.push(Buffer.from(secret).toString());
  }
  throw new Error("It goes on without end.");
}

/** What is given first, as if it were right. */
async function first(from: Passphrases, of: KeyInfo): Promise<string | undefined> {
  const secret = await from.secret(of, 1);
  return secret && Buffer.from(secret).toString();
}

describe("the order", () => {
  it("is: the file of VIDIMUS_PASSPHRASE_FILE, the stock clients' variables, a person three times", async () => {
    const { ask, questions } = person("typed-1", "typed-2", "typed-3", "typed-4");
    const env = {
      VIDIMUS_PASSPHRASE_FILE: file("of-file\n"),
      NOTARY_TARGETS_PASSPHRASE: "of-notary",
      DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE: "of-docker",
    };
    const tried = await triedFor(passphrases({ env, ask }), key());
    expect(tried).toEqual(["of-file", "of-notary", "of-docker", "typed-1", "typed-2", "typed-3"]);
    expect(questions).toHaveLength(3);
  });

  it("is nothing else where the caller names a file, right or wrong", async () => {
    const { ask, questions } = person("typed");
    const env = { NOTARY_TARGETS_PASSPHRASE: "of-notary" };
    const named = { file: file("named\r\n") };
    expect(await triedFor(passphrases({ env, ask, named }), key())).toEqual(["named"]);
    expect(questions).toEqual([]);
  });

  it("tries the same bytes once", async () => {
    const env = { NOTARY_TARGETS_PASSPHRASE: "same", DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE: "same" };
    expect(await triedFor(passphrases({ env, ask: person("same", "other").ask }), key())).toEqual([
      "same",
      "other",
    ]);
  });

  it("ends where nobody may be asked, and where a person gives up or types nothing", async () => {
    expect(await triedFor(passphrases(), key())).toEqual([]);
    expect(await triedFor(passphrases({ ask: person().ask }), key())).toEqual([]);
    expect(await triedFor(passphrases({ ask: person("").ask }), key())).toEqual([]);
  });

  it("asks with what tells keys apart, and nothing that a terminal would obey", async () => {
    const { ask, questions } = person("typed", "typed");
    await first(passphrases({ ask }), key("1", { repository: "registry.test/app" }));
    await first(passphrases({ ask }), key("1", { repository: `\u001b[2J${"x".repeat(1_000)}` }));
    expect(questions[0]).toBe("Passphrase of the key 111111111111, targets of registry.test/app:");
    expect(questions[1]).toMatch(/^Passphrase of the key 111111111111, targets of \?\[2Jx{300,400}:$/);
  });

  it("asks whoever gave up for no other key", async () => {
    let asked = 0;
    const ask = async () => {
      asked++;
      throw new Error("canceled");
    };
    const from = passphrases({ ask });
    for (const id of ["1", "2", "3"]) expect(await from.secret(key(id), 1)).toBeUndefined();
    expect(asked).toBe(1);
  });
});

describe("the stock clients' variables", () => {
  const env = {
    NOTARY_ROOT_PASSPHRASE: "n-root",
    NOTARY_TARGETS_PASSPHRASE: "n-targets",
    NOTARY_SNAPSHOT_PASSPHRASE: "n-snapshot",
    NOTARY_DELEGATION_PASSPHRASE: "n-delegation",
    DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE: "d-root",
    DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE: "d-repository",
  };

  it.each([
    ["root", ["n-root", "d-root"]],
    ["targets", ["n-targets", "d-repository"]],
    ["snapshot", ["n-snapshot", "d-repository"]],
    ["targets/releases", ["n-delegation", "d-repository"]],
    ["alice", ["n-delegation", "d-repository"]],
    [undefined, ["n-delegation", "d-repository"]],
  ])("for the role %s are %j", async (role, expected) => {
    expect(await triedFor(passphrases({ env }), key("1", { role }))).toEqual(expected);
  });
});

describe("what opened a key", () => {
  it("opens it again, and others, without a second question", async () => {
    const { ask, questions } = person("typed");
    const from = passphrases({ ask });
    for (const id of ["1", "1", "2", "3"]) expect(await first(from, key(id))).toBe("typed");
    expect(questions).toHaveLength(1);
  });

  it("was not one that was followed by another attempt", async () => {
    const { ask } = person("wrong", "right", "never");
    const from = passphrases({ ask });
    await from.secret(key("1"), 1);
    await from.secret(key("1"), 2);
    expect(await first(from, key("1"))).toBe("right");
    expect(await first(from, key("2"))).toBe("right");
  });

  it("is wiped when all is over, and what was given out before is the receiver's", async () => {
    const { ask, questions } = person("typed", "again");
    const from = passphrases({ ask });
    const given = await from.secret(key(), 1);
    from.close();
    from.close();
    expect(Buffer.from(given ?? []).toString()).toBe("typed");
    expect(await first(from, key())).toBe("again");
    expect(questions).toHaveLength(2);
  });
});

describe("a PIN", () => {
  const pin = (id = "9", place = "token A") => {
    const { passphrase: _, ...rest } = key(id, { place });
    return rest;
  };

  it("is never guessed from what opened other keys, nor from variables", async () => {
    const { ask, questions } = person("typed", "4711");
    const env = { NOTARY_TARGETS_PASSPHRASE: "of-notary", VIDIMUS_PASSPHRASE_FILE: file("of-file") };
    const from = passphrases({ env: {}, ask });
    await first(from, key("1"));
    expect(await first(from, pin())).toBe("4711");
    expect(questions[1]).toBe("PIN of token A:");
    expect(await triedFor(passphrases({ env }), pin())).toEqual([]);
  });

  it("opens the other keys of the same device, and of no other", async () => {
    const { ask, questions } = person("4711", "1234");
    const from = passphrases({ ask });
    expect(await first(from, pin("8"))).toBe("4711");
    expect(await first(from, pin("9"))).toBe("4711");
    expect(await first(from, pin("7", "token B"))).toBe("1234");
    expect(questions).toHaveLength(2);
  });

  it("that is named is tried once", async () => {
    expect(await triedFor(passphrases({ named: { file: file("4711\n") } }), pin())).toEqual(["4711"]);
  });
});

describe("a descriptor", () => {
  it("is read once, and serves for every key", async () => {
    const descriptor = openSync(file("of-descriptor\n"), "r");
    const from = passphrases({ named: { descriptor } });
    expect(await first(from, key("1"))).toBe("of-descriptor");
    expect(await first(from, key("2"))).toBe("of-descriptor");
    expect(() => closeSync(descriptor)).toThrow("EBADF");
  });
});

describe("a source that gives none", () => {
  it.each([
    ["that is not there", () => join(files, "nowhere")],
    ["that is empty", () => file("\n")],
    ["that is far too long", () => file("x".repeat(5_000))],
    ["that is a folder", () => files],
  ])("%s is told", async (_, path) => {
    expect(await keyCodeOf(passphrases({ named: { file: path() } }).secret(key(), 1))).toBe(
      "PASSPHRASE_MISSING",
    );
    expect(await keyCodeOf(passphrases({ env: { VIDIMUS_PASSPHRASE_FILE: path() } }).secret(key(), 1))).toBe(
      "PASSPHRASE_MISSING",
    );
  });
});

describe("a new passphrase", () => {
  const fresh = async (from: Passphrases) => Buffer.from(await from.fresh("the key", "targets")).toString();

  it("is typed twice", async () => {
    const { ask, questions } = person("long enough", "long enough");
    expect(await fresh(passphrases({ ask }))).toBe("long enough");
    expect(questions).toEqual(["New passphrase of the key:", "Once more:"]);
  });

  it.each([
    ["two that differ", ["long enough", "long enougH"], "PASSPHRASE_WRONG"],
    ["one that is typed once", ["long enough"], "PASSPHRASE_WRONG"],
    ["seven characters", ["sevense", "sevense"], "PASSPHRASE_WRONG"],
    ["nothing", [""], "PASSPHRASE_MISSING"],
  ])("is not %s", async (_, answers, code) => {
    expect(
      await keyCodeOf(passphrases({ ask: person(...answers).ask }).fresh("the key", "targets"), "long enoug"),
    ).toBe(code);
  });

  it("comes from what is named, or from variables, without a question", async () => {
    const { ask, questions } = person("typed");
    expect(await fresh(passphrases({ ask, named: { file: file("short\n") } }))).toBe("short");
    expect(await fresh(passphrases({ ask, env: { NOTARY_TARGETS_PASSPHRASE: "of-notary" } }))).toBe(
      "of-notary",
    );
    expect(questions).toEqual([]);
  });

  it("is missed where nobody can be asked", async () => {
    expect(await keyCodeOf(passphrases().fresh("the key", "targets"))).toBe("PASSPHRASE_MISSING");
  });
});

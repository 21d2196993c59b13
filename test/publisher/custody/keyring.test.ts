/** Several custodies as one: what a person may say instead of a whole ID, and what hides nothing. */
import { describe, expect, it } from "vitest";
import type { Custody, KeyInfo, OpenKey } from "../../../src/publisher/custody/custody.ts";
import { KeyError } from "../../../src/publisher/custody/errors.ts";
import { Keyring } from "../../../src/publisher/custody/keyring.ts";
import { listedOf, makePrivateKey, openedKey } from "../../../src/publisher/custody/private-key.ts";
import { Answers, keyCodeOf } from "../../contract/custody.ts";

const one = `aaaaaaaa1${"0".repeat(55)}`;
const two = `aaaaaaaa2${"0".repeat(55)}`;
const three = `bbbbbbbb3${"0".repeat(55)}`;

function info(id: string, name = "", place = "here"): KeyInfo {
  return {
    id,
    algorithm: "ecdsa",
    listed: undefined,
    name,
    role: undefined,
    repository: undefined,
    place,
    locked: false,
  };
}

class Fake implements Custody {
  readonly opened: string[] = [];
  closed = 0;
  readonly #keys: readonly KeyInfo[] | Error;
  readonly #faults: readonly KeyError[];

  constructor(keys: readonly KeyInfo[] | Error, faults: readonly KeyError[] = []) {
    this.#keys = keys;
    this.#faults = faults;
  }

  async list(): Promise<readonly KeyInfo[]> {
    if (this.#keys instanceof Error) throw this.#keys;
    return this.#keys;
  }

  async faults(): Promise<readonly KeyError[]> {
    return this.#faults;
  }

  async open(id: string): Promise<OpenKey> {
    this.opened.push(id);
    const key = makePrivateKey("ecdsa");
    return openedKey({ ...info(id), algorithm: "ecdsa", listed: listedOf(key) }, key);
  }

  async close(): Promise<void> {
    this.closed++;
  }
}

const keyring = () =>
  new Keyring([new Fake([info(one, "release"), info(two)]), new Fake([info(three, "root")])]);

describe("a key is found", () => {
  it.each([
    ["its whole ID", three, three],
    ["eight digits", "bbbbbbbb", three],
    ["upper-case digits", "BBBBBBBB3", three],
    ["as many digits as it takes", "aaaaaaaa2", two],
    ["its name", "release", one],
  ])("by %s", async (_, text, id) => {
    expect((await keyring().find(text)).info.id).toBe(id);
  });

  it("where it comes first, if it is in two places", async () => {
    const [first, second] = [new Fake([info(one, "", "first")]), new Fake([info(one, "", "second")])];
    const ring = new Keyring([first, second]);
    expect((await ring.find(one)).info.place).toBe("first");
    (await ring.open("aaaaaaaa", new Answers())).close();
    expect([first.opened, second.opened]).toEqual([[one], []]);
    expect(await ring.list()).toHaveLength(2);
  });
});

describe("no key is found", () => {
  it.each([
    ["by seven digits", "aaaaaaa"],
    ["by a part of a name", "relea"],
    ["by other digits", "cccccccc"],
    ["by nothing", ""],
  ])("%s", async (_, text) => {
    expect(await keyCodeOf(keyring().find(text))).toBe("KEY_UNKNOWN");
  });

  it("where two are meant, and both are named", async () => {
    const work = keyring().find("aaaaaaaa");
    expect(await keyCodeOf(work)).toBe("KEY_AMBIGUOUS");
    await expect(work).rejects.toThrow(one);
    await expect(work).rejects.toThrow(two);
  });

  it("where one name is of two keys", async () => {
    const ring = new Keyring([new Fake([info(one, "x"), info(two, "x")])]);
    expect(await keyCodeOf(ring.find("x"))).toBe("KEY_AMBIGUOUS");
  });

  it("by the ID of a file that is damaged: that is told", async () => {
    const ring = new Keyring([
      new Fake([info(two)], [new KeyError("KEY_FILE_DAMAGED", "The key file is damaged.", undefined, [one])]),
    ]);
    expect(await keyCodeOf(ring.find("aaaaaaaa1"))).toBe("KEY_FILE_DAMAGED");
    expect(await keyCodeOf(ring.find("bbbbbbbb"))).toBe("KEY_UNKNOWN");
    expect((await ring.find(two)).info.id).toBe(two);
  });

  it("by a name, where a file that is damaged may have it, and by anything where a place cannot be read", async () => {
    const damaged = new KeyError("KEY_FILE_DAMAGED", "The key file is damaged.", undefined, [one]);
    expect(await keyCodeOf(new Keyring([new Fake([], [damaged])]).find("release"))).toBe("KEY_FILE_DAMAGED");
    const place = new Fake(new KeyError("TOKEN_UNREADABLE", "The token is not there."));
    for (const text of ["release", three])
      expect(await keyCodeOf(new Keyring([place]).find(text))).toBe("TOKEN_UNREADABLE");
    const other = new KeyError("KEY_UNSUPPORTED", "The key is of another kind.", undefined, [one]);
    const ring = new Keyring([new Fake([], [other])]);
    expect(await keyCodeOf(ring.find("release"))).toBe("KEY_UNKNOWN");
    expect(await keyCodeOf(ring.find(one))).toBe("KEY_UNSUPPORTED");
  });
});

describe("a place that cannot be read", () => {
  const broken = new Fake(new KeyError("AGENT_UNREACHABLE", "Nobody answers."));

  it("hides no other, and is told", async () => {
    const ring = new Keyring([broken, new Fake([info(one)])]);
    expect((await ring.find(one)).info.id).toBe(one);
    expect((await ring.faults()).map(({ code }) => code)).toEqual(["AGENT_UNREACHABLE"]);
  });

  it("hides no mistake of the program", async () => {
    const ring = new Keyring([new Fake(new TypeError("a mistake"))]);
    await expect(ring.list()).rejects.toThrow(TypeError);
  });
});

it("all places are closed", async () => {
  const places = [new Fake([]), new Fake([])];
  await new Keyring(places).close();
  expect(places.map(({ closed }) => closed)).toEqual([1, 1]);
});

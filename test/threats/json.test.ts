/**
 * JSON and canonical bytes, and shapes nobody expects (docs/threats.md 5; threats V26, V27, V37, V38 and N9).
 * Long, since it is a table of wrong forms.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Json } from "../../src/core/json.ts";
import type { Answer } from "../support/client.ts";
import { type Files, type Owner, signedOf, signJson } from "../support/publisher.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { places, replaced, shapes } from "../support/shapes.ts";

const repository = "example.org/json";
let server: TestServer;
let owner: Owner;

beforeEach(async () => {
  server = await startServer();
  owner = await server.owner(repository);
});
afterEach(async () => await server.close());

const publish = (files: Files) => server.publish(repository, files);
/** A first publication with the targets file as given: bytes, or text. */
const withTargets = (file: string | Buffer): Files =>
  new Map(owner.first()).set("targets", typeof file === "string" ? Buffer.from(file, "utf8") : file);
const code = async (file: string | Buffer) => (await publish(withTargets(file))).code;
const text = () => owner.targetsFile().toString("utf8");
/** The signed part replaced in the text by the same value written otherwise. */
const rewritten = (from: string | RegExp, to: string) => text().replace(from, to);
/** Signs a signed part with further members. */
const signedWith = (members: { [name: string]: Json }) =>
  signJson({ ...signedOf(owner.targetsFile()), ...members }, [owner.targetsKey]);

describe("J1: bytes that differ from what another encoder would write", () => {
  test.each<[string, () => string]>([
    ["indentation", () => JSON.stringify(JSON.parse(text()), null, 2)],
    [
      "signatures before the signed part",
      () => {
        const { signed, signatures } = JSON.parse(text());
        return JSON.stringify({ signatures, signed });
      },
    ],
    [
      "members of the signed part in another order",
      () => {
        const { signed, signatures } = JSON.parse(text());
        return JSON.stringify({ signed: Object.fromEntries(Object.entries(signed).reverse()), signatures });
      },
    ],
    ["letters written as escapes", () => text().replace('"Targets"', '"\\u0054argets"')],
  ])("J1: %s is served as it came", async (_what, make) => {
    const file = make();
    expect((await publish(withTargets(file))).status).toBe(200);
    expect((await server.file(repository, "targets.json")).body.toString("utf8")).toBe(file);
  });

  test.each(["2031-01-02T03:04:05.600Z", "2031-01-02T03:04:05.000Z", "2031-01-02T03:04:05+00:00"])(
    "J1: an expiry of %s is served as it came",
    async (expires) => {
      expect((await publish(withTargets(signedWith({ expires })))).status).toBe(200);
    },
  );

  test("J1, J10, V7: a member beside the signed part is refused", async () => {
    expect(await code(rewritten(/^\{/, '{"extra":1,'))).toBe("UNSIGNED_MEMBER");
  });

  test("J10: a member nobody knows in a signature entry is refused", async () => {
    expect(await code(rewritten('"method":', '"note":"x","method":'))).toBe("UNSIGNED_MEMBER");
  });

  test("J10: a member nobody knows inside the signed part is kept", async () => {
    const file = signedWith({ spec_version: "1.0", "x-acme": { a: [1, 2, { b: null }] } });
    expect((await publish(withTargets(file))).status).toBe(200);
    expect((await server.file(repository, "targets.json")).body).toEqual(file);
  });
});

describe("J2: a name twice", () => {
  test.each<[string, string, string]>([
    ["at the top", '{"signed":', '{"signed":{},"signed":'],
    ["in the signed part", '"version":1', '"version":2,"version":1'],
    ["written as an escape", '"version":1', '"\\u0076ersion":2,"version":1'],
    ["deep in custom data", '"targets":{}', '"targets":{"a":{"custom":{"x":{"y":1,"y":2}}}}'],
  ])("J2: %s is refused", async (_what, from, to) => {
    expect(await code(rewritten(from, to))).toBe("DUPLICATE_MEMBER");
  });
  test.each([
    ["Version", 50],
    ["VERSION", 1],
    ["verſion", 1],
    ["Expires", "2031-01-01T00:00:00Z"],
    ["_Type", "Targets"],
  ])("J2: %s beside the name in lower case is refused", async (name, value) => {
    expect(await code(signedWith({ [name]: value }))).toBe("DUPLICATE_MEMBER");
  });
  test("J2: Signed beside signed is refused", async () => {
    expect(await code(rewritten(/^\{/, '{"Signed":{},'))).toBe("DUPLICATE_MEMBER");
  });
});

test.each([
  ["1.0", "BAD_NUMBER"],
  ["1e0", "BAD_NUMBER"],
  ["-0", "BAD_NUMBER"],
  ["1e400", "BAD_NUMBER"],
  ["9007199254740993", "BAD_NUMBER"],
  ["+1", "NOT_JSON"],
  ["01", "NOT_JSON"],
  ["1.", "BAD_NUMBER"],
  [".5", "NOT_JSON"],
  ["0x10", "NOT_JSON"],
  ["NaN", "NOT_JSON"],
  ["Infinity", "NOT_JSON"],
  ['"1"', "BAD_SHAPE"],
  ["true", "BAD_SHAPE"],
  ["null", "BAD_SHAPE"],
  ["-1", "BAD_VERSION"],
  ["0", "BAD_VERSION"],
])("J3: a version of %s is refused as %s", async (version, expected) => {
  expect(await code(rewritten('"version":1', `"version":${version}`))).toBe(expected);
});

test.each(["1.5", "1e3", "-0"])("J3: %s in custom data is refused", async (number) => {
  const target = `"targets":{"a":{"custom":${number},"hashes":{"sha256":"${Buffer.alloc(32).toString("base64")}"},"length":1}}`;
  expect(await code(rewritten('"targets":{}', target))).toBe("BAD_NUMBER");
});

test.each(["-1", "9007199254740992"])("J3: a length of %s is refused", async (length) => {
  const target = `"targets":{"a":{"hashes":{"sha256":"${Buffer.alloc(32).toString("base64")}"},"length":${length}}}`;
  expect(["BAD_SHAPE", "BAD_NUMBER"]).toContain(await code(rewritten('"targets":{}', target)));
});

test("V27: a number of five million digits is refused, at once", async () => {
  const began = performance.now();
  expect(await code(rewritten('"version":1', `"version":${"9".repeat(5_000_000)}`))).toBe("BAD_NUMBER");
  expect(performance.now() - began).toBeLessThan(2_000);
});

describe("J4: depth", () => {
  const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);
  test("J4: 33 levels are refused, 32 are read", async () => {
    // The file itself and its signed part are two.
    expect(await code(signedWith({ deep: JSON.parse(nested(31)) }))).toBe("TOO_DEEP");
    expect((await publish(withTargets(signedWith({ deep: JSON.parse(nested(30)) })))).status).toBe(200);
  });
  test.each(["[", '{"a":'])("J4: a megabyte of %s is refused, at once", async (opening) => {
    const began = performance.now();
    expect(await code(opening.repeat(1_000_000))).toBe("TOO_DEEP");
    expect(performance.now() - began).toBeLessThan(1_000);
  });
});

describe("J5: text", () => {
  const broken = (bytes: Buffer) => {
    const at = owner.targetsFile().indexOf('"Targets"') + 1;
    return Buffer.concat([owner.targetsFile().subarray(0, at), bytes, owner.targetsFile().subarray(at)]);
  };
  test.each<[string, Buffer]>([
    ["a stray continuation byte", Buffer.from([0x80])],
    ["an overlong form", Buffer.from([0xc0, 0xaf])],
    ["a surrogate in UTF-8", Buffer.from([0xed, 0xa0, 0x80])],
    ["a byte that is never UTF-8", Buffer.from([0xff])],
  ])("J5: %s is refused", async (_what, bytes) => {
    expect(await code(broken(bytes))).toBe("NOT_UTF8");
  });
  test("J5: a byte order mark is refused", async () => {
    expect(await code(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), owner.targetsFile()]))).toBe(
      "NOT_JSON",
    );
  });
  test("J5: UTF-16 is refused", async () => {
    expect(["NOT_UTF8", "NOT_JSON"]).toContain(await code(Buffer.from(text(), "utf16le")));
  });
  test.each(["\\ud800", "\\udc00", "\\udc00\\ud800", "\\ud800x"])(
    "J5: the escape %s is refused",
    async (written) => {
      expect(await code(rewritten('"Targets"', `"Targets${written}"`))).toBe("BAD_STRING");
    },
  );
  test.each(["\\u0000", "\\n", "\\u001f"])("J5: the control character %s is refused", async (written) => {
    expect(await code(rewritten('"Targets"', `"Targets${written}"`))).toBe("BAD_STRING");
  });
});

test("J6: names beyond the basic plane, numbers as names, line separators: the chain holds", async () => {
  const names = [
    "\ufb01",
    "\u{1f600}",
    "10",
    "9",
    "/",
    "<&>",
    "\u2028",
    '"',
    "\\",
    "a b",
    "\u007f",
    "\u00e9",
    "e\u0301",
  ];
  for (const name of names) owner.addTarget(name);
  const custom = Object.fromEntries(names.map((name, i) => [name, i]));
  const files = withTargets(signedWith({ custom }));
  expect((await publish(files)).status).toBe(200);
});

test.each<[string, string]>([
  ["garbage", "x"],
  ["a line end", "\n"],
  ["a second document", "{}"],
  ["a NUL", "\u0000"],
  ["a comma", ","],
])("J7: %s at the end is refused", async (_what, tail) => {
  expect(await code(`${text()}${tail}`)).toBe("NOT_JSON");
});

describe("J8: base64", () => {
  const change = async (edit: (sig: string) => string) => {
    const file = text();
    const { sig } = JSON.parse(file).signatures[0];
    return await code(file.replace(sig, edit(sig)));
  };
  test.each<[string, (sig: string) => string]>([
    ["without padding", (sig) => sig.replace(/=+$/, "")],
    ["with too much padding", (sig) => `${sig}=`],
    ["with a blank", (sig) => `${sig.slice(0, 8)} ${sig.slice(8)}`],
    ["for URLs", (sig) => `-_${sig.slice(2)}`],
    ["with stray bits", (sig) => `${sig.slice(0, -3)}${sig.at(-3) === "B" ? "C" : "B"}==`],
    ["with junk", (sig) => `${sig.slice(0, 8)}!${sig.slice(9)}`],
    ["that is hex", (sig) => Buffer.from(sig, "base64").toString("hex").slice(0, 127)],
  ])("J8: a signature in base64 %s is refused", async (_what, edit) => {
    expect(await change(edit)).toBe("BAD_ENCODING");
  });
});

describe("J9: dates", () => {
  test.each([
    "2030-01-01",
    "1/1/2031",
    "2031-02-31T00:00:00Z",
    "2031-02-29T00:00:00Z",
    "2031-01-01T24:00:00Z",
    "2031-01-01T00:60:00Z",
    "2031-01-01T00:00:60Z",
    "2031-01-01 00:00:00Z",
    "2031-01-01T00:00:00",
    "2031-01-01t00:00:00z",
    "2031-1-1T00:00:00Z",
    "+012031-01-01T00:00:00Z",
    "12031-01-01T00:00:00Z",
    "2031-01-01T00:00:00+24:00",
    "2031-13-01T00:00:00Z",
    "never",
    "",
  ])("J9: %j is refused", async (expires) => {
    expect(await code(signedWith({ expires }))).toBe("BAD_DATE");
  });
  test.each(["2031-05-31T17:25:16.770584584+02:00", "2032-02-29T23:59:59Z", "9999-12-31T23:59:59Z"])(
    "J9: %s is read",
    async (expires) => {
      expect((await publish(withTargets(signedWith({ expires })))).status).toBe(200);
    },
  );
});

describe("V37: a file of two types", () => {
  test("V37: a file with the members of root and of targets is what its type says, in that role only", async () => {
    const both = { ...signedOf(owner.rootFile()), ...signedOf(owner.targetsFile()) };
    const asTargets = signJson(both, [owner.targetsKey, owner.rootKey]);
    expect((await publish(new Map(owner.first()).set("root", asTargets))).code).toBe("BAD_TYPE");
    const asRoot = signJson({ ...both, _type: "Root" }, [owner.targetsKey, owner.rootKey]);
    expect((await publish(new Map(owner.first()).set("targets", asRoot))).code).toBe("BAD_TYPE");
  });
  test.each(["targets", "TARGETS", "Target", "Root", "", "Targets "])(
    "V37: targets of type %j are refused",
    async (type) => {
      expect(await code(signedWith({ _type: type }))).toBe("BAD_TYPE");
    },
  );
});

describe("N9: names of inherited members", () => {
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"];
  test.each(names)("N9: a target called %s is a target", async (name) => {
    owner.addTarget(name);
    const files = owner.first();
    expect((await publish(files)).status).toBe(200);
    expect((await server.file(repository, "targets.json")).body).toEqual(files.get("targets"));
  });
  test.each(names)("N9: a member called %s inside the signed part is text like any other", async (name) => {
    const file = rewritten('"targets":{}', `"targets":{},"${name}":{"threshold":0}`);
    const signed = JSON.parse(file).signed as Json;
    expect((await publish(withTargets(signJson(signed, [owner.targetsKey])))).status).toBe(200);
  });
  test.each(["__proto__", "constructor", "toString"])(
    "N9: a role called %s in a root gives nobody anything",
    async (name) => {
      const signed = signedOf(owner.rootFile());
      const roles = JSON.parse(
        `{"${name}":{"keyids":[],"threshold":1},${JSON.stringify(signed.roles).slice(1)}`,
      );
      const root = signJson({ ...signed, roles }, [owner.rootKey]);
      expect((await publish(new Map(owner.first()).set("root", root))).status).toBe(200);
    },
  );
  test("N9: a root whose roles are only inherited is refused", async () => {
    const signed = signedOf(owner.rootFile());
    const roles = JSON.parse(`{"__proto__":${JSON.stringify(signed.roles)}}`);
    const root = signJson({ ...signed, roles }, [owner.rootKey]);
    expect((await publish(new Map(owner.first()).set("root", root))).code).toBe("BAD_SHAPE");
  });
});

describe.each(["root", "targets", "targets/releases", "snapshot"])("V26: every field of %s", (role) => {
  /** The next upload that would be accepted, and who signs the role. */
  async function next() {
    const { current } = await server.store.state(repository);
    const draft = role === "root" ? owner.root : role === "snapshot" ? owner.snapshot : owner.role(role);
    for (const [each, own] of [
      [role, draft],
      ["snapshot", owner.snapshot],
    ] as const) {
      own.version = (current.get(each)?.version ?? 0) + 1;
    }
    const files = owner.files(...new Set([role, "snapshot"]));
    const file = JSON.parse((files.get(role) as Buffer).toString("utf8")) as { [name: string]: Json };
    const upload = async (bytes: Buffer) => await publish(new Map(files).set(role, bytes));
    return { file, signers: draft.signers, upload };
  }

  test.each(shapes)("V26: replaced by %s: 400 with a code, or a chain that holds", async (what, value) => {
    owner = await server.owner(repository, "client");
    owner.delegate("targets/releases");
    owner.addTarget("kernel");
    await publish(owner.first());
    const depth = what === "a megabyte" ? 2 : 32;
    const verdicts = new Set<string>();
    const note = ({ status, code: own }: Answer) =>
      verdicts.add(status === 400 && own === undefined ? "400 without a code" : String(status));
    for (const path of places((await next()).file.signed as Json)) {
      if (path.length > depth) continue;
      const { file, signers, upload } = await next();
      note(await upload(signJson(replaced(file.signed as Json, path, value), signers)));
    }
    for (const path of places((await next()).file)) {
      if (path.length > Math.min(depth, 3)) continue;
      const { file, upload } = await next();
      note(await upload(Buffer.from(JSON.stringify(replaced(file, path, value)))));
    }
    expect([...verdicts].filter((verdict) => verdict !== "200" && verdict !== "400")).toEqual([]);
    expect(verdicts.has("400")).toBe(true);
  });
});

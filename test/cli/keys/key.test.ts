/** `vidimus key`: what it says, what it ends with, and that its examples run as they stand. */
import { createPublicKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { exitCodes } from "../../../src/cli/exit-codes.ts";
import { notary } from "../../../src/core/format/notary.ts";
import { notaryKeyId, openKey } from "../../../src/core/keys.ts";
import { testingOnlyCost } from "../../../src/publisher/custody/key-file.ts";
import { KeyFolder } from "../../../src/publisher/custody/key-folder.ts";
import { makePrivateKey } from "../../../src/publisher/custody/private-key.ts";
import { TrustFolder } from "../../../src/publisher/custody/trust-folder.ts";
import { listedKey } from "../../contract/custody.ts";
import { FakeAgent, fakeKey, sshFields, word } from "../../support/fake-agent.ts";
import { type Folder, folderWith } from "../../support/folder.ts";
import { keyCommand } from "../../support/key-command.ts";

const secret = "only-for-a-test";
const vectors = join(import.meta.dirname, "../../vectors/notary");

let home: Folder;
beforeEach(() => {
  home = folderWith();
});

/** A person who gives the same answer to every question; without it nobody can be asked. */
const vidimus = async (argv: readonly string[], answer?: string, env: Record<string, string> = {}) => {
  const ask = answer === undefined ? undefined : async () => answer;
  const said = await keyCommand(argv, { home: home.path, env, ask });
  expect(said.out + said.err).not.toContain(secret);
  return said;
};

const ours = () => join(home.path, ".vidimus", "keys");
const docker = () => join(home.path, ".docker", "trust");

/** A key in our folder that opens quickly. */
async function put(name: string, role?: string) {
  const key = makePrivateKey("ecdsa");
  await new KeyFolder(ours(), testingOnlyCost).add(
    { key, name, role, repository: undefined },
    Buffer.from(secret),
  );
  return listedKey(key);
}

describe("public and certificate", () => {
  it("give what others name a signer by, and nothing private", async () => {
    const listed = await put("release");
    const { code, out } = await vidimus(["public", "release"]);
    expect(code).toBe(0);
    expect(createPublicKey(out).export({ format: "der", type: "spki" }).toString("base64")).toBe(
      listed.public,
    );
    await vidimus(["public", "release", join(home.path, "release.pem")]);
    expect(home.read("release.pem")).toBe(out);
    const again = await vidimus(["public", "release", join(home.path, "release.pem")]);
    expect(again.code).toBe(exitCodes.keyUnwritable.code);
  });

  it("are in the document as well as in the file that is named", async () => {
    const { id } = await put("release");
    const file = home.at("release.pem");
    const { code, json } = await vidimus(["public", "release", file, "--json"]);
    expect([code, json()]).toEqual([
      0,
      expect.objectContaining({
        keys: [expect.objectContaining({ id })],
        pem: home.read("release.pem"),
        file,
      }),
    ]);
    expect((await vidimus(["public", "release", "--json"])).json()).toMatchObject({
      pem: home.read("release.pem"),
      file: null,
    });
    const certificate = home.at("certificate.pem");
    const args = ["certificate", "release", "example.test/app", certificate, "--json"];
    const made = await vidimus(args, secret);
    expect([made.code, made.json()]).toEqual([
      0,
      expect.objectContaining({ certificate: home.read("certificate.pem"), file: certificate }),
    ]);
    expect((await vidimus(args, secret)).code).toBe(exitCodes.keyUnwritable.code);
    expect((await vidimus(["show", "release", "--pem", "--json"])).code).toBe(exitCodes.usage.code);
  });

  it("a certificate is one that a root of the repository may list, and of no other", async () => {
    const listed = await put("release");
    const made = await vidimus(["certificate", "release", "example.test/app", "--days", "30"], secret);
    expect(made.code).toBe(0);
    const text = Buffer.from(made.out, "latin1").toString("base64");
    const key = openKey({ id: notaryKeyId("ecdsa-x509", text), keytype: "ecdsa-x509", public: text });
    expect(key?.canonicalId).toBe(listed.id);
    if (key === undefined) throw new Error("no key");
    expect(notary.rootKeyFault(key, "example.test/app", Date.now())).toBeUndefined();
    expect(notary.rootKeyFault(key, "example.test/other", Date.now())).toBeDefined();
    expect(notary.rootKeyFault(key, "example.test/app", Date.now() + 31 * 86_400_000)).toBeDefined();
    expect((await vidimus(["certificate", "none", "example.test/app"], secret)).code).toBe(
      exitCodes.keyUnknown.code,
    );
  });
});

describe("generate", () => {
  it("makes a key that is listed, in a folder of the person's own", async () => {
    const made = await vidimus(["generate", "--name", "release", "--role", "targets", "--json"], secret);
    expect([made.code, made.err]).toEqual([0, ""]);
    const [key] = made.json().keys;
    expect(key).toMatchObject({
      algorithm: "ecdsa",
      name: "release",
      role: "targets",
      repository: null,
      locked: true,
    });
    expect(key?.place).toBe(join(ours(), `${String(key?.id)}.json`));
    expect((await vidimus(["list", "--json"])).json()).toEqual({
      format: "vidimus-keys/1",
      keys: [key],
      faults: [],
    });
  });

  it("asks nobody with --no-input, and writes nothing then", async () => {
    const made = await vidimus(["generate", "--no-input"], secret);
    expect(made.code).toBe(exitCodes.passphrase.code);
    expect(made.err).toMatch(/^[^\n]+\.\n$/);
    expect(home.contents()).toEqual({});
  });

  it("takes the passphrase from a file, and only from there", async () => {
    home.write("pass", `${secret}\n`);
    const made = await vidimus(
      ["generate", "--passphrase-file", home.at("pass"), "--name", "x"],
      "something else",
    );
    expect(made.code).toBe(0);
    const opened = await vidimus(["export", "x", home.at("x.json"), "--passphrase-file", home.at("pass")]);
    expect(opened.code).toBe(0);
  });

  it("goes to the stock clients' folder if that is asked for, with a role", async () => {
    const made = await vidimus(["generate", "--format", "notary", "--role", "root", "--json"], secret);
    expect(made.json().keys[0]).toMatchObject({ role: "root", locked: true });
    expect(Object.keys(home.contents())).toEqual([
      `.docker/trust/private/${String(made.json().keys[0]?.id)}.key`,
    ]);
    expect((await vidimus(["generate", "--format", "notary"], secret)).code).toBe(exitCodes.usage.code);
  });

  it("follows VIDIMUS_KEYS and --keys", async () => {
    const env = { VIDIMUS_KEYS: home.at("by-variable") };
    await vidimus(["generate"], secret, env);
    await vidimus(["generate", "--keys", home.at("by-flag")], secret, env);
    expect(Object.keys(home.contents()).map((name) => name.split("/")[0])).toEqual([
      "by-flag",
      "by-variable",
    ]);
  });

  it("a name that another key has is refused before anybody is asked", async () => {
    await put("release");
    expect((await vidimus(["generate", "--name", "release"])).code).toBe(exitCodes.keyUnwritable.code);
    await put("other");
    expect((await vidimus(["name", "other", "release"])).code).toBe(exitCodes.keyUnwritable.code);
    expect((await vidimus(["name", "other", "other"])).code).toBe(0);
  });

  it.each([
    ["--role", "two words"],
    ["--repository", "registry.test/app\nrole: root"],
    ["--role", ""],
  ])("%s %j is refused, in both kinds of folders, and nothing is written", async (flag, text) => {
    const args = [flag, text, "--repository", "registry.test/app", "--role", "targets"];
    const given = ["generate", ...args.slice(2), ...args.slice(0, 2)];
    for (const format of ["vidimus", "notary"]) {
      expect((await vidimus([...given, "--format", format], secret)).code).toBe(exitCodes.keyFile.code);
    }
    expect(home.contents()).toEqual({});
  });

  it("a name like an ID is refused before anybody is asked", async () => {
    const made = await vidimus(["generate", "--name", "deadbeef"]);
    expect(made.code).toBe(exitCodes.keyFile.code);
  });
});

describe("list and show", () => {
  it("say which places hold nothing", async () => {
    const listed = await vidimus(["list"]);
    expect(listed).toMatchObject({ code: 0, out: expect.stringContaining("There is no key in") });
  });

  it("a damaged file is told, and hides no other key", async () => {
    await put("release");
    writeFileSync(join(ours(), `${"0".repeat(64)}.json`), "{}");
    const listed = await vidimus(["list"]);
    expect(listed.code).toBe(exitCodes.keyFile.code);
    expect(listed.out).toContain("release");
    expect(listed.err).toMatch(/^The key file [^\n]+ is damaged[^\n]+\n$/);
    expect((await vidimus(["list", "--json"])).json()).toMatchObject({
      faults: [{ code: "KEY_FILE_DAMAGED" }],
    });
  });

  it("a key of an agent that cannot sign metadata is told with its reason, and is no failure", async () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const { type, fields } = sshFields(privateKey);
    const blob = Buffer.concat([word(`sk-${type}@openssh.com`), fields, word("ssh:")]);
    const keys = [{ ...fakeKey(privateKey, "of a device"), blob }];
    const agent = await FakeAgent.start(home.path, { keys });
    try {
      const listed = await vidimus(["list", "--agent", agent.path]);
      expect(listed).toMatchObject({
        code: 0,
        err: expect.stringMatching(/^The key of a device .*security key/),
      });
      const document = await vidimus(["list", "--agent", agent.path, "--json"]);
      expect(document.code).toBe(0);
      expect(document.json()).toMatchObject({ keys: [], faults: [{ code: "KEY_UNSUPPORTED" }] });
      // It hides no failure behind it.
      mkdirSync(ours(), { recursive: true });
      writeFileSync(join(ours(), `${"0".repeat(64)}.json`), "{}");
      expect((await vidimus(["list", "--agent", agent.path])).code).toBe(exitCodes.keyFile.code);
    } finally {
      await agent.stop();
    }
  });

  it("real keys of the stock clients are listed with role and repository", async () => {
    const listed = await vidimus(["list", "--trust-dir", join(vectors, "plain"), "--json"]);
    expect(
      listed
        .json()
        .keys.map(({ role }) => role)
        .sort(),
    ).toEqual(["root", "snapshot", "targets"]);
  });

  it("the public key is shown as PEM, and a locked file of the stock clients is opened for it", async () => {
    const { public: text } = await put("release");
    const pem = await vidimus(["show", "release", "--pem"]);
    expect(pem.out.replace(/-----.*-----|\n/g, "")).toBe(text);
    const args = ["show", "e03b9085", "--trust-dir", join(vectors, "plain"), "--pem"];
    expect((await vidimus(args)).code).toBe(exitCodes.passphrase.code);
    expect((await vidimus(args, "fixture-root-pass")).out).toContain("BEGIN PUBLIC KEY");
  });

  it.each([
    ["no such key", "nothing", "KEY_UNKNOWN"],
    ["fewer than eight digits", "0", "KEY_UNKNOWN"],
  ])("%s", async (_, text, code) => {
    await put("release");
    const shown = await vidimus(["show", text]);
    expect([shown.code, shown.out]).toEqual([exitCodes.keyUnknown.code, ""]);
    const document = await vidimus(["show", text, "--json"]);
    expect(document.code).toBe(exitCodes.keyUnknown.code);
    expect(JSON.parse(document.out)).toMatchObject({
      format: "vidimus-key-refusal/1",
      code,
      ending: "keyUnknown",
    });
  });

  it("one name of two keys is ambiguous, and both are named", async () => {
    const ids = [(await put("twin")).id, (await put("twin")).id];
    const shown = await vidimus(["show", "twin"]);
    expect(shown.code).toBe(exitCodes.keyUnknown.code);
    for (const id of ids) expect(shown.err).toContain(id);
  });
});

describe("name and passphrase", () => {
  it("a key gets another name without being opened", async () => {
    const { id } = await put("old");
    expect((await vidimus(["name", "old", "new"])).code).toBe(0);
    expect((await vidimus(["show", "new", "--json"])).json().keys[0]?.id).toBe(id);
  });

  it("a key of the stock clients has no name here", async () => {
    await new TrustFolder(docker()).add(
      { key: makePrivateKey("ecdsa"), name: "", role: "root", repository: undefined },
      Buffer.from(secret),
    );
    const [key] = (await vidimus(["list", "--json"])).json().keys;
    expect((await vidimus(["name", String(key?.id), "x"])).code).toBe(exitCodes.keyFile.code);
  });

  it("a new passphrase comes from its own file, and the old one opens nothing any more", async () => {
    await put("release");
    home.write("old", secret);
    home.write("new", "another-passphrase\n");
    const args = [
      "passphrase",
      "release",
      "--passphrase-file",
      home.at("old"),
      "--new-passphrase-file",
      home.at("new"),
    ];
    expect((await vidimus(args)).code).toBe(0);
    expect((await vidimus(args)).code).toBe(exitCodes.passphrase.code);
    expect((await vidimus(["export", "release", "-", "--passphrase-file", home.at("new")])).code).toBe(0);
  });

  it("the variables for the old one are not taken for the new one", async () => {
    await put("release", "targets");
    const result = await vidimus(["passphrase", "release"], undefined, { NOTARY_TARGETS_PASSPHRASE: secret });
    expect(result.code).toBe(exitCodes.passphrase.code);
  });
});

describe("export and import", () => {
  it.each(["vidimus", "notary", "pkcs8"])(
    "a key goes through a file of the form %s to another machine",
    async (format) => {
      const { id } = await put("release", "targets");
      const file = home.at("file");
      expect((await vidimus(["export", "release", file, "--format", format], secret)).code).toBe(0);
      const taken = await vidimus(["import", file, "--keys", home.at("other"), "--json"], secret);
      expect(taken.json().keys).toMatchObject([{ id, role: format === "pkcs8" ? null : "targets" }]);
      const opened = await vidimus(
        ["export", id, "-", "--format", "pkcs8", "--keys", home.at("other")],
        secret,
      );
      expect([opened.code, opened.out]).toEqual([0, expect.stringContaining("BEGIN ENCRYPTED PRIVATE KEY")]);
    },
  );

  it("in the clear only if that is said, and then a new passphrase is wanted on import", async () => {
    const { id } = await put("release");
    const file = home.at("file.pem");
    expect(
      (await vidimus(["export", "release", file, "--format", "pkcs8", "--unencrypted"], secret)).code,
    ).toBe(0);
    expect(readFileSync(file, "utf8")).toContain("BEGIN PRIVATE KEY");
    const args = ["import", file, "--keys", home.at("other"), "--json"];
    expect((await vidimus(args)).code).toBe(exitCodes.passphrase.code);
    expect(existsSync(home.at("other"))).toBe(false);
    expect((await vidimus(args, secret)).json().keys).toMatchObject([{ id, locked: true }]);
    expect((await vidimus(["export", "release", "-", "--unencrypted"], secret)).code).toBe(
      exitCodes.usage.code,
    );
  });

  it("a file that is there is not overwritten, and nobody is asked", async () => {
    await put("release");
    home.write("there", "something");
    expect((await vidimus(["export", "release", home.at("there")])).code).toBe(exitCodes.keyUnwritable.code);
    expect(home.read("there")).toBe("something");
  });

  it("leaves no passphrase in memory where there is no new one", async () => {
    await put("release");
    const take = vi.spyOn(KeyFolder.prototype, "take");
    const missing = ["--new-passphrase-file", home.at("none")];
    const { code } = await vidimus(["export", "release", home.at("file"), ...missing], secret);
    expect(code).toBe(exitCodes.passphrase.code);
    const taken = await (take.mock.results[0]?.value as ReturnType<KeyFolder["take"]>);
    expect(taken.secret).toEqual(Buffer.alloc(secret.length));
    take.mockRestore();
  });

  it("a folder that is not there is not made", async () => {
    await put("release");
    const result = await vidimus(["export", "release", home.at("not/there")], secret);
    expect(result.code).toBe(exitCodes.keyUnwritable.code);
    expect(existsSync(home.at("not"))).toBe(false);
  });

  it("the stock clients' form without a role is refused", async () => {
    await put("release");
    const args = ["export", "release", home.at("file"), "--format", "notary"];
    expect((await vidimus(args, secret)).code).toBe(exitCodes.keyFile.code);
    expect((await vidimus([...args, "--role", "root"], secret)).code).toBe(0);
  });

  it("a key that is there already is refused", async () => {
    await put("release");
    await vidimus(["export", "release", home.at("file")], secret);
    expect((await vidimus(["import", home.at("file")], secret)).code).toBe(exitCodes.keyUnwritable.code);
  });

  it.each([
    ["no file", "nowhere", undefined],
    ["nonsense", "file", "nonsense"],
    [
      "a key of OpenSSH",
      "file",
      "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
    ],
  ])("%s is refused, and nothing is written", async (_, name, content) => {
    if (content !== undefined) home.write(name, content);
    expect((await vidimus(["import", home.at(name)], secret)).code).toBe(exitCodes.keyFile.code);
    expect(existsSync(ours())).toBe(false);
  });
});

describe("certificate", () => {
  it("holds the key, is signed by it, and is made out to the repository", async () => {
    const { id, public: listed } = await put("root");
    const { code, out } = await vidimus(["certificate", "root", "registry.test/app"], secret);
    expect(code).toBe(0);
    const certificate = new X509Certificate(out);
    expect(certificate.subject).toBe("CN=registry.test/app");
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    const der = certificate.publicKey.export({ format: "der", type: "spki" });
    expect(der.toString("base64")).toBe(listed);
    const document = (await vidimus(["certificate", "root", "registry.test/app", "--json"], secret)).json();
    expect(document).toMatchObject({
      format: "vidimus-certificate/1",
      key: id,
      repository: "registry.test/app",
    });
  });

  it("is not made for a key that stock clients take in no root, or with a wrong passphrase", async () => {
    await vidimus(["generate", "--name", "low", "--algorithm", "ed25519"], secret);
    const low = await vidimus(["certificate", "low", "registry.test/app"], secret);
    expect([low.code, low.out]).toEqual([exitCodes.keyFile.code, ""]);
    await put("root");
    const wrong = await vidimus(["certificate", "root", "registry.test/app"], "something else");
    expect([wrong.code, wrong.out]).toEqual([exitCodes.passphrase.code, ""]);
  });
});

describe("help", () => {
  const commands = [
    "generate",
    "list",
    "show",
    "public",
    "certificate",
    "export",
    "import",
    "name",
    "passphrase",
  ];

  it("ends with examples, which run as they stand, one after the other", async () => {
    home.write(".docker/trust/private/none.txt", "");
    let played = 0;
    for (const command of commands) {
      const { out, code } = await vidimus([command, "--help"]);
      expect(code).toBe(0);
      const lines = [...out.matchAll(/^ {2}\$ vidimus key (.+)$/gm)].map(([, line]) => line ?? "");
      expect(lines.length).toBeGreaterThan(0);
      for (const line of lines) {
        const argv = line.split(" ").map(placed);
        expect([line, (await vidimus(argv, secret)).code]).toEqual([line, 0]);
        played++;
      }
    }
    expect(played).toBeGreaterThan(10);
  });

  /** What the examples call a file or folder lies in the home of the test. */
  function placed(word: string): string {
    if (word.startsWith("~/")) return home.at(word.slice(2));
    return /^(?:[a-z]+\.(?:pem|p8|json)|usb-stick|trust)$/.test(word) ? home.at(word) : word;
  }
});

import {
  chmodSync,
  chownSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createKeyFile, readSecret } from "../../src/signer/secret.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { codeOf, refusalOf } from "../support/refusal.ts";

const passphrase = "correct horse battery";
const key = Buffer.alloc(32, 7);
const keyText = `vidimus-kek-v1:${key.toString("base64")}`;

function secretFile(content: string | Buffer, mode = 0o600): string {
  const path = join(temporaryDirectory(), "secret");
  writeFileSync(path, content, { mode });
  chmodSync(path, mode);
  return path;
}

const textOf = (source: string) => {
  const secret = readSecret(source);
  return secret.kind === "passphrase" ? secret.text : Buffer.from(secret.bytes).toString("hex");
};

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe("what a secret may be", () => {
  it("a key in Base64 after its mark, with or without a line end", () => {
    for (const end of ["", "\n", "\r\n"]) {
      expect(readSecret(`file:${secretFile(keyText + end)}`).kind).toBe("key");
      expect(textOf(`file:${secretFile(keyText + end)}`)).toBe(key.toString("hex"));
    }
  });

  it("a passphrase of at least 12 characters, of which one line end is cut and nothing else", () => {
    expect(textOf(`file:${secretFile(`${passphrase}\n`)}`)).toBe(passphrase);
    expect(textOf(`file:${secretFile(` ${passphrase} \n\n`)}`)).toBe(` ${passphrase} \n`);
    expect(textOf(`file:${secretFile("é".repeat(12))}`)).toBe("é".repeat(12));
  });

  it.each([
    ["nothing", ""],
    ["a line end", "\n"],
    ["11 characters", "x".repeat(11)],
    ["6 characters that count twice in JavaScript", "\u{1f600}".repeat(6)],
    ["a marked key that is too short", `vidimus-kek-v1:${Buffer.alloc(31).toString("base64")}`],
    ["a marked key that is too long", `vidimus-kek-v1:${Buffer.alloc(33).toString("base64")}`],
    ["a marked key in another alphabet", `vidimus-kek-v1:${Buffer.alloc(32, 255).toString("base64url")}`],
    ["a marked key with a blank in it", `${keyText.slice(0, 30)} ${keyText.slice(30)}`],
    ["a marked key whose last bits are not zero", `${keyText.slice(0, -2)}d=`],
    ["bytes that are no text", Buffer.alloc(40, 0xff)],
    ["more than 4096 bytes", "x".repeat(4_097)],
  ])("not %s", async (_, content) => {
    expect(await codeOf(() => readSecret(`file:${secretFile(content)}`))).toBe("BAD_SECRET");
  });
});

describe("a secret from a file", () => {
  it.each(["600", "400"])("is taken with mode %s", (mode) => {
    expect(textOf(`file:${secretFile(passphrase, Number.parseInt(mode, 8))}`)).toBe(passphrase);
  });

  it.each([0o640, 0o604, 0o620, 0o602, 0o644, 0o610])(
    "is refused with mode %i, with the remedy",
    async (mode) => {
      const refusal = await refusalOf(() => readSecret(`file:${secretFile(passphrase, mode)}`));
      expect(refusal.code).toBe("BAD_SECRET");
      expect(refusal.message).toContain("chmod 600");
    },
  );

  it("is refused when it belongs to somebody else than us and root", async () => {
    const path = secretFile(passphrase);
    // Only root can give a file away; anybody else takes on another number.
    if (process.geteuid?.() === 0) chownSync(path, 65_534, 65_534);
    else vi.spyOn(process, "geteuid").mockReturnValue(65_534);
    expect(await codeOf(() => readSecret(`file:${path}`))).toBe("BAD_SECRET");
  });

  it("may be behind a symbolic link", () => {
    const link = join(temporaryDirectory(), "link");
    symlinkSync(secretFile(passphrase), link);
    expect(textOf(`file:${link}`)).toBe(passphrase);
  });

  it("is refused when there is none, or when it is a directory", async () => {
    const directory = temporaryDirectory();
    expect(await codeOf(() => readSecret(`file:${join(directory, "none")}`))).toBe("BAD_SECRET");
    chmodSync(directory, 0o700);
    expect(await codeOf(() => readSecret(`file:${directory}`))).toBe("BAD_SECRET");
    expect(await codeOf(() => readSecret("file:"))).toBe("BAD_SECRET");
  });
});

describe("a secret from elsewhere", () => {
  it("is taken from a variable, which is then gone", async () => {
    vi.stubEnv("VIDIMUS_TEST_SECRET", passphrase);
    expect(textOf("env:VIDIMUS_TEST_SECRET")).toBe(passphrase);
    expect("VIDIMUS_TEST_SECRET" in process.env).toBe(false);
    expect(await codeOf(() => readSecret("env:VIDIMUS_TEST_SECRET"))).toBe("BAD_SECRET");
  });

  it("is taken from a variable that is then gone even when it was no good", async () => {
    vi.stubEnv("VIDIMUS_TEST_SECRET", "short");
    expect(await codeOf(() => readSecret("env:VIDIMUS_TEST_SECRET"))).toBe("BAD_SECRET");
    expect("VIDIMUS_TEST_SECRET" in process.env).toBe(false);
  });

  it("is taken from systemd's credentials, whose directory guards it", () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "vidimus.kek"), keyText, { mode: 0o440 });
    vi.stubEnv("CREDENTIALS_DIRECTORY", directory);
    expect(textOf("credential:vidimus.kek")).toBe(key.toString("hex"));
  });

  it.each(["../secret", "/etc/passwd", "..", ".", "", "a/b", "a\u0000b"])(
    "is not taken from a credential named %j",
    async (name) => {
      const directory = join(temporaryDirectory(), "credentials");
      mkdirSync(directory);
      writeFileSync(join(directory, "../secret"), passphrase);
      vi.stubEnv("CREDENTIALS_DIRECTORY", directory);
      expect(await codeOf(() => readSecret(`credential:${name}`))).toBe("BAD_SECRET");
    },
  );

  it("is not taken from a credential outside of systemd", async () => {
    vi.stubEnv("CREDENTIALS_DIRECTORY", undefined);
    expect(await codeOf(() => readSecret("credential:vidimus.kek"))).toBe("BAD_SECRET");
  });

  it("is taken from a descriptor, which is then closed", async () => {
    const file = openSync(secretFile(passphrase), "r");
    expect(textOf(`fd:${file}`)).toBe(passphrase);
    expect(await codeOf(() => readSecret(`fd:${file}`))).toBe("BAD_SECRET");
  });

  it.each(["fd:", "fd:-1", "fd:x", "fd:1e3", "fd:99999", "fd:9999", "passphrase", "", "FILE:/x", "http://x"])(
    "is not taken from %j",
    async (source) => {
      expect(await codeOf(() => readSecret(source))).toBe("BAD_SECRET");
    },
  );

  it("is not repeated when it stands where its source should", async () => {
    for (const source of ["canary-0815-secret", "env:canary-0815-secret", "file:/canary-0815-secret"]) {
      const { message, detail } = await refusalOf(() => readSecret(source));
      expect(`${message} ${inspect(detail)}`).not.toContain("canary");
    }
  });
});

describe("a new key file", () => {
  it("holds a random key that can be read back, for its owner only", () => {
    const [one, two] = [join(temporaryDirectory(), "kek"), join(temporaryDirectory(), "kek")];
    createKeyFile(one);
    createKeyFile(two);
    expect(statSync(one).mode & 0o777).toBe(0o600);
    expect(readSecret(`file:${one}`).kind).toBe("key");
    expect(textOf(`file:${one}`)).not.toBe(textOf(`file:${two}`));
  });

  it("has mode 0600 whatever the umask", () => {
    const umask = process.umask(0o277);
    try {
      const path = join(temporaryDirectory(), "kek");
      createKeyFile(path);
      expect(statSync(path).mode & 0o777).toBe(0o600);
    } finally {
      process.umask(umask);
    }
  });

  it("never takes the place of another, and leaves nothing beside it", async () => {
    const path = secretFile("something dear");
    const refusal = await refusalOf(() => createKeyFile(path));
    expect(refusal.code).toBe("BAD_SECRET");
    expect(readFileSync(path, "utf8")).toBe("something dear");
    expect(readdirSync(join(path, ".."))).toEqual(["secret"]);
  });

  it("is not made through a symbolic link", async () => {
    const directory = temporaryDirectory();
    symlinkSync(join(directory, "elsewhere"), join(directory, "kek"));
    expect(await codeOf(() => createKeyFile(join(directory, "kek")))).toBe("BAD_SECRET");
    expect(readdirSync(directory)).toEqual(["kek"]);
  });

  it("cannot be made where there is no directory", async () => {
    const path = join(temporaryDirectory(), "none", "kek");
    expect(await codeOf(() => createKeyFile(path))).toBe("BAD_SECRET");
  });
});

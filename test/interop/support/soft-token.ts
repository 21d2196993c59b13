/** Tokens of SoftHSM, in a folder of a test's own. */
import type { KeyObject } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./process.ts";

export interface SoftTokens {
  /** Path of the module. */
  readonly module: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Makes a token. */
  init(label: string, pin: string): Promise<void>;
  /** Makes a key in a token with `pkcs11-tool`. */
  generate(
    token: string,
    pin: string,
    keyType: string,
    label: string,
    id: string,
    more?: readonly string[],
  ): Promise<void>;
  /** Puts a key of this process into a token. */
  import(token: string, pin: string, key: KeyObject, label: string, id: string): Promise<void>;
}

const soPin = "87654321";

export function softTokens(directory: string): SoftTokens {
  const tokens = join(directory, "tokens");
  mkdirSync(tokens, { recursive: true });
  const configuration = join(directory, "softhsm2.conf");
  writeFileSync(
    configuration,
    `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  const environment = { PATH: process.env.PATH ?? "", SOFTHSM2_CONF: configuration };
  const module = modulePath();
  const must = async (program: string, args: readonly string[]) => {
    const { code, stdout, stderr } = await run(program, args, { env: environment, cwd: directory });
    if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
  };
  return {
    module,
    environment,
    init: (label, pin) =>
      must("softhsm2-util", ["--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", soPin]),
    generate: (token, pin, keyType, label, id, more = []) =>
      must("pkcs11-tool", [
        ...["--module", module, "--token-label", token, "--login", "--pin", pin],
        ...["--keypairgen", "--key-type", keyType, "--label", label, "--id", id, ...more],
      ]),
    async import(token, pin, key, label, id) {
      const file = join(directory, `${id}.pem`);
      writeFileSync(file, key.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
      await must("softhsm2-util", [
        ...["--import", file, "--token", token, "--pin", pin],
        ...["--label", label, "--id", id],
      ]);
    },
  };
}

/** Where Debian and others put it. */
function modulePath(): string {
  const folders = [
    "/usr/lib",
    ...readdirSync("/usr/lib").map((name) => `/usr/lib/${name}`),
    "/usr/local/lib",
  ];
  const found = folders.map((folder) => `${folder}/softhsm/libsofthsm2.so`).find((path) => existsSync(path));
  if (found === undefined) throw new Error("libsofthsm2.so is nowhere: apt-get install softhsm2");
  return found;
}

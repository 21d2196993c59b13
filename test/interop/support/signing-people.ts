/**
 * People who sign with `vidimus`, each with keys in a place of their own: key files, a real ssh-agent, a token of SoftHSM. Their
 * commands run inside the test's process, where it is counted how often each of them is asked for a passphrase or PIN.
 */
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCli } from "../../../src/cli/program.ts";
import { makeRootCertificate } from "../../../src/publisher/custody/certificates.ts";
import type { Custody, OpenKey, Unlocking } from "../../../src/publisher/custody/custody.ts";
import { testingOnlyCost } from "../../../src/publisher/custody/key-file.ts";
import { KeyFolder } from "../../../src/publisher/custody/key-folder.ts";
import { pkcs11 } from "../../../src/publisher/custody/pkcs11.ts";
import { sshAgent } from "../../../src/publisher/custody/ssh-agent.ts";
import { listedKey } from "../../contract/custody.ts";
import type { Result } from "./process.ts";
import { softTokens } from "./soft-token.ts";
import { addKey, startSshAgent } from "./ssh-agent.ts";
import type { TrustServerAddress } from "./trust-server.ts";

const secret = "what opens it, 16+";
const unlocking: Unlocking = { secret: async () => Buffer.from(secret) };
const day = 86_400_000;

/** Where somebody's keys are. */
interface Place {
  /** What a command is told to find them. */
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  put(key: KeyObject, name: string): Promise<void>;
  /** The same keys, for what no command does. */
  readonly custody: Custody;
  end(): Promise<void>;
}

export class SigningPerson {
  readonly directory: string;
  /** Every question for a passphrase or PIN since the person was made, or since it was emptied. */
  readonly asked: string[] = [];
  /** Bare IDs of the keys in this person's place. */
  readonly keyIds: string[] = [];
  readonly #server: TrustServerAddress;
  readonly #place: Place;

  constructor(server: TrustServerAddress, directory: string, place: Place) {
    this.directory = directory;
    this.#server = server;
    this.#place = place;
  }

  file(name: string, content: string): string {
    const path = join(this.directory, name);
    writeFileSync(path, content);
    return path;
  }

  /** A new P-256 key in this person's place, or another one: its public part in PEM. */
  async key(name: string, key = newKey()): Promise<string> {
    await this.#place.put(key, name);
    this.keyIds.push(listedKey(key).id);
    return createPublicKey(key).export({ format: "pem", type: "spki" }).toString();
  }

  /** A root certificate that the key in its place signs for itself. */
  async certificate(name: string, repository: string): Promise<string> {
    const id = (await this.#place.custody.list()).find((key) => key.name === name)?.id ?? name;
    const key: OpenKey = await this.#place.custody.open(id, unlocking);
    try {
      const [from, until] = [new Date(Date.now() - day), new Date(Date.now() + 3_650 * day)];
      return (await makeRootCertificate(key, repository, from, until)).pem;
    } finally {
      key.close();
    }
  }

  /** The rules of another person, for this one's own home. */
  takePolicyOf(other: SigningPerson): void {
    const text = readFileSync(join(other.directory, "trust.yaml"), "utf8");
    this.file("trust.yaml", text.replaceAll(other.directory, this.directory));
  }

  /** Flags for a server that no policy names yet. */
  trusted(): readonly string[] {
    return ["--server", this.#server.url, "--ca", this.#server.ca];
  }

  async try(...argv: readonly string[]): Promise<Result> {
    let [stdout, stderr] = ["", ""];
    const context = {
      stdout: (text: string) => {
        stdout += text;
      },
      stderr: (text: string) => {
        stderr += text;
      },
      isTerminal: false,
      askHidden: async (question: string) => {
        this.asked.push(question);
        return secret;
      },
      env: {
        PATH: process.env.PATH ?? "",
        HOME: this.directory,
        VIDIMUS_SERVER: this.#server.url,
        VIDIMUS_POLICY: join(this.directory, "trust.yaml"),
        ...this.#place.env,
      },
      readFile: (path: string) => readFileSync(path, "utf8"),
      debug: false,
      testingOnlyScrypt: testingOnlyCost,
    };
    const nobody = {
      serve: async () => Promise.reject(new TypeError("not here")),
      process: process as never,
    };
    const code = await runCli([...argv, ...this.#place.flags], context, nobody);
    return { code, stdout, stderr };
  }

  /** @throws with what it said, unless the command ends well */
  async do(...argv: readonly string[]): Promise<Result> {
    const result = await this.try(...argv);
    if (result.code === 0) return result;
    throw new Error(`vidimus ${argv.join(" ")} ended with ${result.code}: ${result.stdout}${result.stderr}`);
  }

  /** Proposes what is staged; the proposal's ID. */
  async propose(repository: string, ...more: readonly string[]): Promise<string> {
    return idIn(await this.do("proposal", "open", repository, "--json", ...more));
  }

  /** Signs a proposal; the state that it is in then. */
  async sign(repository: string, id: string, ...more: readonly string[]): Promise<string> {
    const { stdout } = await this.do("proposal", "sign", repository, id, "--yes", "--json", ...more);
    return (JSON.parse(stdout) as { state: string }).state;
  }

  async end(): Promise<void> {
    await this.#place.custody.close();
    await this.#place.end();
  }
}

export function idIn({ stdout }: Result): string {
  return (JSON.parse(stdout) as { id: string }).id;
}

/** A person without keys, unless they are put there: then in files. */
export function personWithFiles(server: TrustServerAddress, directory: string): SigningPerson {
  mkdirSync(directory, { recursive: true });
  const folder = new KeyFolder(join(directory, ".vidimus", "keys"), testingOnlyCost);
  return new SigningPerson(server, directory, {
    flags: [],
    env: {},
    async put(key, name) {
      await folder.add({ key, name, role: undefined, repository: undefined }, Buffer.from(secret));
    },
    custody: folder,
    end: async () => {},
  });
}

export async function personWithAgent(server: TrustServerAddress, directory: string): Promise<SigningPerson> {
  mkdirSync(directory, { recursive: true });
  const agent = await startSshAgent(join(directory, "agent"));
  return new SigningPerson(server, directory, {
    flags: ["--agent", agent.path],
    env: {},
    put: (key, name) => addKey(agent, key, name),
    custody: sshAgent({ path: agent.path }),
    end: () => agent.stop(),
  });
}

/** @param driver the folder of pkcs11js */
export async function personWithToken(
  server: TrustServerAddress,
  directory: string,
  driver: string,
): Promise<SigningPerson> {
  mkdirSync(directory, { recursive: true });
  const { module, environment, ...tokens } = softTokens(directory);
  await tokens.init("interop", secret);
  let keys = 0;
  return new SigningPerson(server, directory, {
    flags: ["--token", `pkcs11:token=interop?module-path=${module}`],
    env: { ...environment, VIDIMUS_PKCS11JS: driver },
    put: (key, name) => tokens.import("interop", secret, key, name, `0${keys++}`),
    custody: pkcs11({ selection: { module, token: "interop" }, driver, environment }),
    end: async () => {},
  });
}

export function newKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}

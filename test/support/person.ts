/** A person with a home, keys and a policy of their own, who runs `vidimus` inside the test's process. */

import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import { makeRootCertificate } from "../../src/publisher/custody/certificates.ts";
import { testingOnlyCost } from "../../src/publisher/custody/key-file.ts";
import { KeyFolder } from "../../src/publisher/custody/key-folder.ts";
import { makePrivateKey } from "../../src/publisher/custody/private-key.ts";
import type { TrustServer } from "./bare/exchange.ts";
import { type Folder, folderWith } from "./folder.ts";

const secret = "only-for-a-test";

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly json: () => Record<string, unknown>;
}

export class Person {
  readonly home: Folder;
  /** Variables beside those that every person has. */
  env: Readonly<Record<string, string>> = {};
  readonly #server: TrustServer;

  constructor(server: TrustServer) {
    this.#server = server;
    this.home = folderWith({
      "ca.pem": server.ca,
      pass: `${secret}\n`,
      file: "content",
      other: "other content",
    });
  }

  #folder(place = ".vidimus/keys"): KeyFolder {
    return new KeyFolder(this.home.at(place), testingOnlyCost);
  }

  /** A key that opens quickly, with its public part in PEM. `place`: a folder in the home; the usual one without. */
  async key(name: string, algorithm: "ecdsa" | "ed25519" = "ecdsa", place?: string) {
    const key = makePrivateKey(algorithm);
    const info = await this.#folder(place).add(
      { key, name, role: undefined, repository: undefined },
      Buffer.from(secret),
    );
    const pem = createPublicKey(key).export({ format: "pem", type: "spki" }).toString();
    return { ...info, pem };
  }

  /** A root certificate for a key of this person. */
  async certificate(name: string, repository: string): Promise<string> {
    const folder = this.#folder();
    const id = (await folder.list()).find((key) => key.name === name)?.id ?? "";
    const key = await folder.open(id, { secret: async () => Buffer.from(secret) });
    const day = 86_400_000;
    const { pem } = await makeRootCertificate(
      key,
      repository,
      new Date(Date.now() - day),
      new Date(Date.now() + 365 * day),
    );
    key.close();
    return pem;
  }

  /** Flags for a server that no policy names yet. */
  trusted(): readonly string[] {
    return ["--server", this.#server.url, "--ca", this.home.at("ca.pem")];
  }

  async run(...argv: readonly string[]): Promise<Said> {
    let [out, err] = ["", ""];
    const context = {
      stdout: (text: string) => {
        out += text;
      },
      stderr: (text: string) => {
        err += text;
      },
      isTerminal: false,
      askHidden: undefined,
      env: {
        HOME: this.home.path,
        VIDIMUS_SERVER: this.#server.url,
        VIDIMUS_POLICY: this.home.at("trust.yaml"),
        VIDIMUS_PASSPHRASE_FILE: this.home.at("pass"),
        ...this.env,
      },
      readFile: (path: string) => readFileSync(path, "utf8"),
      debug: false,
      testingOnlyScrypt: testingOnlyCost,
    };
    const nobody = {
      serve: async () => Promise.reject(new TypeError("not here")),
      process: process as never,
    };
    const code = await runCli(argv, context, nobody);
    return { code, out, err, json: () => JSON.parse(out) as Record<string, unknown> };
  }

  /** Runs a command that has to end well and say nothing on standard error. */
  async well(...argv: readonly string[]): Promise<Said> {
    const said = await this.run(...argv);
    expect([argv.join(" "), said.code, said.err]).toEqual([argv.join(" "), 0, ""]);
    return said;
  }
}

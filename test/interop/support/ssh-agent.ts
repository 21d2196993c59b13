/** A real ssh-agent of a test's own, and keys in it. */
import type { KeyObject } from "node:crypto";
import { mkdirSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { mpint, number, sshFields, word } from "../../support/fake-agent.ts";
import { type Result, type Running, run, start } from "./process.ts";

export interface RealAgent extends Running {
  /** The socket. */
  readonly path: string;
  /** Runs `ssh-add`; any exit code is an answer. */
  add(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Result>;
}

/** @param env for instance who confirms: `SSH_ASKPASS` */
export async function startSshAgent(
  directory: string,
  env: Readonly<Record<string, string>> = {},
): Promise<RealAgent> {
  mkdirSync(directory, { recursive: true });
  const path = join(directory, "agent.sock");
  const environment = { PATH: process.env.PATH ?? "", HOME: directory, ...env };
  const running = await start("ssh-agent", ["-D", "-a", path], {
    env: environment,
    log: join(directory, "agent.log"),
    ready: () => answers(path),
  });
  return {
    ...running,
    path,
    add: (args, more) =>
      run("ssh-add", args, { env: { ...environment, SSH_AUTH_SOCK: path, ...more }, cwd: directory }),
  };
}

/** The socket is there before the agent listens on it. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

/** Makes a key with `ssh-keygen`; gives the file. */
export async function sshKey(directory: string, type: string, comment: string, more: readonly string[] = []) {
  const file = join(directory, `${comment.replaceAll(/\W/g, "-")}.key`);
  const args = ["-q", "-t", type, "-N", "", "-C", comment, "-f", file, ...more];
  const { code, stderr } = await run("ssh-keygen", args, { env: { PATH: process.env.PATH ?? "" } });
  if (code !== 0) throw new Error(`ssh-keygen: ${stderr}`);
  return file;
}

/** Adds a key of this process, which `ssh-add` could not read from a file for every kind. */
export function addKey(agent: RealAgent, key: KeyObject, comment: string): Promise<void> {
  const { type, fields } = sshFields(key);
  const { d, x, n, e, p, q, qi } = key.export({ format: "jwk" });
  const bytes = (text: string | undefined) => Buffer.from(text ?? "", "base64url");
  const secret =
    type === "ssh-ed25519"
      ? [fields, word(Buffer.concat([bytes(d), bytes(x)]))]
      : type === "ssh-rsa"
        ? [n, e, d, qi, p, q].map((each) => mpint(bytes(each)))
        : [fields, mpint(bytes(d))];
  return addIdentity(agent, Buffer.concat([word(type), ...secret, word(comment)]));
}

/** The handle of a key in a security key that does not exist. An agent keeps it without asking for the device. */
export function addSecurityKey(agent: RealAgent, key: KeyObject, comment: string): Promise<void> {
  const { type, fields } = sshFields(key);
  const rest = [word("ssh:"), Buffer.from([1]), word("a handle"), word(""), word(comment)];
  return addIdentity(agent, Buffer.concat([word(`sk-${type}@openssh.com`), fields, ...rest]));
}

/** SSH_AGENTC_ADD_IDENTITY (draft-miller-ssh-agent, section 3.2). */
function addIdentity({ path }: RealAgent, content: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.setTimeout(10_000, () => socket.destroy(new Error("the agent does not answer")));
    socket.on("error", reject);
    socket.on("data", (answer) => {
      socket.destroy();
      if (answer[4] === 6) resolve();
      else reject(new Error(`the agent took no key: ${answer[4]}`));
    });
    socket.write(Buffer.concat([number(content.length + 1), Buffer.from([17]), content]));
  });
}

/**
 * Credentials that the environment has for one trust server: a machine's token, or a name and password. Secrets may lie in files
 * that variables name. What they hold is in no message and no cause.
 */
import { readFile, stat } from "node:fs/promises";
import { TrustError } from "../errors.ts";
import type { CredentialSource } from "./credentials.ts";

export const credentialVariables = {
  token: "VIDIMUS_ACCESS_TOKEN",
  user: "VIDIMUS_USER",
  password: "VIDIMUS_PASSWORD",
} as const;

type Environment = Readonly<Record<string, string | undefined>>;

const largest = 16_384;
const tokenForm = /^[\x21-\x7e]{1,16384}$/;

/** @param server origin of the one server that they are for */
export function environmentCredentials(environment: Environment, server: string): CredentialSource {
  const { token, user, password } = credentialVariables;
  return {
    async own(purpose) {
      if (purpose.server !== server) return undefined;
      const given = await secretOf(environment, token);
      if (given === undefined) return undefined;
      if (!tokenForm.test(given))
        throw bad(`What ${token} gives is no token: make one with vidimus token create.`);
      if (environment[user]) throw bad(`Give ${token} or ${user}, not both: it must be plain who asks.`);
      return given;
    },
    async find(purpose) {
      const username = environment[user];
      if (purpose.server !== server || !username) return undefined;
      const given = await secretOf(environment, password);
      if (given === undefined)
        throw bad(`${user} is set, and neither ${password} nor ${password}_FILE: set one.`);
      return { kind: "user", username, password: given, from: "environment" };
    },
  };
}

/** `more`: names of further variables that hold a secret. */
export function withoutSecrets(environment: Environment, more: readonly string[] = []): Environment {
  const secrets: readonly string[] = [credentialVariables.token, credentialVariables.password, ...more];
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !secrets.includes(name)));
}

/** Of a variable, or of the file that its sister names, without the line end. Throws `CREDENTIALS`. */
export async function secretOf(environment: Environment, name: string): Promise<string | undefined> {
  const [text, path] = [environment[name], environment[`${name}_FILE`]];
  if (text && path) throw bad(`Set ${name} or ${name}_FILE, not both.`);
  if (!path) return text || undefined;
  let read: string;
  try {
    const found = await stat(path);
    if (found.isFile() && found.size > largest) throw bad(`A secret has at most ${largest} bytes.`, path);
    read = (await readFile(path, "utf8")).replace(/\r?\n$/, "");
  } catch (error) {
    if (error instanceof TrustError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw bad(`The file that ${name}_FILE names cannot be read (${code}).`, path);
  }
  if (read === "" || read.includes("\n"))
    throw bad(`The file that ${name}_FILE names must hold one line.`, path);
  return read;
}

function bad(what: string, file?: string): TrustError {
  const next = "Correct the variable, or the file that it names.";
  return new TrustError("CREDENTIALS", what, { file, remedy: { who: "you", next } });
}

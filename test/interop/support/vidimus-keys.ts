/** `vidimus key` as a person runs it, on the trust directory of a stock client. */
import { resolve } from "node:path";
import { passphrases } from "./notary.ts";
import { run } from "./process.ts";

const program = resolve(import.meta.dirname, "../../../bin/vidimus.js");

export interface KeyRow {
  readonly id: string;
  readonly algorithm: string | null;
  readonly role: string | null;
  readonly repository: string | null;
}

/** What a command prints. @throws with its output if it does not end well. */
export async function vidimusKey(
  home: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = passphrases,
): Promise<string> {
  const result = await run(process.execPath, [program, "key", ...args], {
    env: { PATH: process.env.PATH ?? "", HOME: home, ...env },
    cwd: home,
  });
  if (result.code === 0) return result.stdout;
  throw new Error(
    `vidimus key ${args.join(" ")} ended with ${result.code}: ${result.stdout}${result.stderr}`,
  );
}

export async function keyRows(
  home: string,
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
): Promise<readonly KeyRow[]> {
  const said = await vidimusKey(home, [...args, "--json"], env);
  return (JSON.parse(said) as { keys: KeyRow[] }).keys;
}

/** Makes a key in a stock client's trust directory; its ID. */
export async function makeStockKey(
  home: string,
  trustDirectory: string,
  role: string,
  options: { readonly flags?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const where = ["--format", "notary", "--role", role, "--trust-dir", trustDirectory];
  const [made] = await keyRows(home, ["generate", ...where, ...(options.flags ?? [])], options.env);
  return made?.id ?? "";
}

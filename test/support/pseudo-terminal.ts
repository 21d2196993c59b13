/** A command on a pseudo terminal, as a person would see it. Needs `script`, which every Debian has (bsdutils). */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";

const launcher = resolve(import.meta.dirname, "../../bin/vidimus.js");

export interface Seen {
  readonly code: number | null;
  /** All that the terminal was sent: standard output and standard error. */
  readonly screen: string;
}

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;

/** @param redirection of the shell, such as `> FILE` */
export async function onTerminal(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
  redirection = "",
): Promise<Seen> {
  const command = [process.execPath, launcher, ...argv].map(quoted).join(" ");
  const child = spawn("script", ["-qec", `${command} ${redirection}`, "/dev/null"], {
    env: { PATH: process.env.PATH, TERM: "xterm", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let screen = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    screen += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, screen };
}

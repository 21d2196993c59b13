/** Processes of our own for tests that kill them: TypeScript files beside this one, run by the same Node. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

export interface Child {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  /** Everything it has printed so far. */
  output(): string;
  /** Everything on its standard error so far. */
  complaint(): string;
  /** Resolves once a whole line that contains `text` has been printed; rejects if the child ends without it. */
  line(text: string): Promise<void>;
  /** Resolves to the exit code, null after a signal, when all output has been read. */
  ended: Promise<number | null>;
  kill(): Promise<void>;
}

export interface Ended {
  /** Null after a signal. */
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** All that a process says until its end. Asked for before it says anything. */
export async function endOf(child: ChildProcessByStdio<null, Readable, Readable>): Promise<Ended> {
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, out, err };
}

/** `flags`: for Node itself. */
export function startChild(script: string, args: readonly string[], flags: readonly string[] = []): Child {
  const path = fileURLToPath(new URL(`./children/${script}`, import.meta.url));
  const child = spawn(process.execPath, [...flags, path, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  let complaint = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  const ended = once(child, "close").then(([code]) => code as number | null);
  return {
    process: child,
    output: () => printed,
    complaint: () => complaint,
    ended,
    async line(text) {
      const found = () => printed.slice(0, printed.lastIndexOf("\n") + 1).includes(text);
      let over = false;
      const end = ended.then(() => {
        over = true;
      });
      while (!found()) {
        if (over) throw new Error(`The child ended without printing ${text}: ${complaint}`);
        await Promise.race([once(child.stdout, "data"), end]);
      }
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/**
 * Docker's credential helpers: `docker-credential-NAME get` takes the server's name on its standard input and answers
 * with JSON.
 *
 * Invariants: started by name from the `PATH` it is given, never through a shell; bounded in time and output; nothing
 * that it writes is in a message or a cause.
 */
import { spawn } from "node:child_process";
import { TrustError } from "../errors.ts";
import type { Credentials } from "./credentials.ts";
import { within } from "./within.ts";

export interface HelperCall {
  readonly helper: string;
  /** Under which name the helper knows the registry. */
  readonly server: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The configuration file that names the helper, for messages. */
  readonly file: string;
  readonly signal: AbortSignal;
}

interface Ended {
  readonly status: number | null;
  readonly output: string;
}

const time = 10_000;
const mostOutput = 65_536;

/** Undefined: the helper knows none. Throws `CREDENTIALS`, and why the signal fired. */
export async function askHelper(call: HelperCall, limit = time): Promise<Credentials | undefined> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(call.helper)) {
    throw new TrustError("CREDENTIALS", "A credential helper in it has a name that no program has.", {
      file: call.file,
    });
  }
  const late = () => failed(call, `did not answer within ${limit} ms`);
  const { status, output } = await within(limit, [call.signal], late, (signal) => run(call, signal));
  if (/credentials not found/i.test(output) && status !== 0) return undefined;
  if (status !== 0) throw failed(call, `failed (${status === null ? "killed" : `exit code ${status}`})`);
  return parseAnswer(call, output);
}

function run(call: HelperCall, signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program(call), ["get"], {
      env: { ...call.environment },
      stdio: ["pipe", "pipe", "ignore"],
      windowsHide: true,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    const stop = () => fail(signal.reason);
    const fail = (reason: unknown) => {
      signal.removeEventListener("abort", stop);
      reject(reason);
      child.kill("SIGKILL");
      // A grandchild may hold the other end open.
      child.stdout.destroy();
      child.stdin.destroy();
    };
    signal.addEventListener("abort", stop, { once: true });
    child.on("error", (error: NodeJS.ErrnoException) => {
      fail(
        failed(call, error.code === "ENOENT" ? "is not in the PATH" : `cannot be started (${error.code})`),
      );
    });
    // A helper need not read what it is told.
    child.stdin.on("error", () => {});
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > mostOutput) fail(failed(call, `writes more than ${mostOutput} bytes`));
      else chunks.push(chunk);
    });
    child.on("close", (status) => {
      signal.removeEventListener("abort", stop);
      resolve({ status, output: Buffer.concat(chunks).toString("utf8") });
    });
    child.stdin.end(`${call.server}\n`);
  });
}

function parseAnswer(call: HelperCall, output: string): Credentials | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(output);
  } catch {
    // The parser's message quotes the text.
    throw failed(call, "does not answer in JSON");
  }
  const { Username: username, Secret: secret } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof username !== "string" || typeof secret !== "string") {
    throw failed(call, "answers without Username and Secret");
  }
  if (username === "" && secret === "") return undefined;
  return username === "<token>"
    ? { kind: "identity", token: secret }
    : { kind: "user", username, password: secret };
}

function program({ helper }: HelperCall): string {
  return `docker-credential-${helper}`;
}

function failed(call: HelperCall, how: string): TrustError {
  return new TrustError("CREDENTIALS", `The credential helper ${program(call)}, named here, ${how}.`, {
    file: call.file,
  });
}

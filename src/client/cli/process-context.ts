/** The process as the commands see it. */
import { TrustError } from "../errors.ts";
import type { ClientContext } from "./context.ts";

/** Reads standard input to its end. Throws `INPUT_INVALID` for more than `bytes`. */
async function readInput(bytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bytes)
      throw new TrustError("INPUT_INVALID", `Standard input is longer than ${bytes} bytes.`, { file: "-" });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function ask(question: string): Promise<string> {
  const { createInterface } = await import("node:readline/promises");
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}

export function processContext(program: ClientContext["program"]): ClientContext {
  return {
    program,
    stdout: (text) => void process.stdout.write(text),
    stderr: (text) => void process.stderr.write(text),
    stdin: readInput,
    ask: process.stdin.isTTY === true ? ask : undefined,
    isTerminal: process.stderr.isTTY === true,
    columns: process.stderr.columns ?? 120,
    env: process.env,
    now: Date.now,
  };
}

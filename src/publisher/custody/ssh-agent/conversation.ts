/**
 * One question to an agent and its answer, on a connection of their own (draft-miller-ssh-agent, sections 3 and 4.1).
 *
 * Bounded: the answer's size by what OpenSSH itself sends at most, the time from dialling to the last byte.
 */
import { connect } from "node:net";
import { KeyError } from "../errors.ts";
import { uint32 } from "./wire.ts";

/** OpenSSH takes and sends no message above this; one that is larger ends the conversation. */
export const largestMessage = 262_144;

export interface Limits {
  readonly milliseconds: number;
  /** Ends the conversation when the custody is closed. */
  readonly signal: AbortSignal;
}

/** There is no socket at the path. */
export class NoAgent extends Error {}

/** The answer without its length: type, then content. Throws `NoAgent`, or `KeyError` with `AGENT_UNREACHABLE`. */
export function ask(path: string, question: Buffer, { milliseconds, signal }: Limits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let held = 0;
    let expected: number | undefined;
    const socket = connect({ path });
    const timer = setTimeout(() => fail(`did not answer within ${milliseconds / 1000} s`), milliseconds);
    const abort = () => fail("was let go of");
    signal.addEventListener("abort", abort);
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      socket.destroy();
    };
    const fail = (what: string, cause?: Error) => {
      finish();
      reject(unreachable(path, what, cause));
    };
    socket.on("error", (error: NodeJS.ErrnoException) => {
      finish();
      if (error.code === "ENOENT") reject(new NoAgent(path));
      else reject(unreachable(path, "cannot be reached", error));
    });
    socket.on("close", () => fail("ended the conversation without an answer"));
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      held += chunk.length;
      if (expected === undefined && held >= 4) expected = Buffer.concat(chunks).readUInt32BE();
      if (expected === undefined) return;
      if (expected < 1 || expected > largestMessage || held > 4 + expected) {
        fail("does not speak the agent's protocol");
      } else if (held === 4 + expected) {
        finish();
        resolve(Buffer.concat(chunks).subarray(4));
      }
    });
    if (signal.aborted) abort();
    else socket.write(Buffer.concat([uint32(question.length), question]));
  });
}

export function unreachable(path: string, what: string, cause?: unknown): KeyError {
  const sentence = `The ssh-agent at ${path} ${what}; start it again, name another one, or unset SSH_AUTH_SOCK.`;
  return new KeyError("AGENT_UNREACHABLE", sentence, cause);
}

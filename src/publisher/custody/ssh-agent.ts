/**
 * Keys in an ssh-agent, which signs with them and never gives them out (draft-miller-ssh-agent).
 *
 * - **What is listed**: `ecdsa-sha2-nistp256`, `ssh-ed25519`, and `ssh-rsa` of at least 2,048 bits, which signs PKCS#1 v1.5
 *   with SHA-256. A key that is not listed is refused with the reason when it is asked for: a security key (`sk-`) signs
 *   an envelope of its own, a certificate names a key that must be there itself, other curves come with other digests.
 * - **Nothing is unlocked here.** Whether a person is asked, and for what, is the agent's business; so no key is `locked`.
 * - **Size.** The agent is sent the whole message, and takes 256 KiB at most. A larger file needs another place of keys.
 * - `open` takes a key ID, and also what `ssh-add -l` shows: the fingerprint or the comment.
 */
import { hash } from "node:crypto";
import type { Custody, KeyInfo, MadeSignature } from "./custody.ts";
import { KeyError } from "./errors.ts";
import {
  chooseKey,
  faultsOf,
  type Offered,
  openOutsideKey,
  type PublicPart,
  plainName,
  publicPart,
} from "./outside-key.ts";
import { ask, type Limits, largestMessage, NoAgent, unreachable } from "./ssh-agent/conversation.ts";
import { readSshKey, readSshSignature, type SshKey, SshReader, sshString, uint32 } from "./ssh-agent/wire.ts";

export interface SshAgentOptions {
  /** The socket of an agent that somebody named. It must be there: `AGENT_UNREACHABLE`. */
  readonly path?: string | undefined;
  /** Where `SSH_AUTH_SOCK` names the agent, without `path`. No agent at all is an empty place. Without it: the process's. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Milliseconds for a list of keys; without it 10,000. */
  readonly listTimeout?: number;
  /** Milliseconds for a signature, for which a person may be asked; without it 120,000. */
  readonly signTimeout?: number;
}

/** draft-miller-ssh-agent, section 5.1; the two other failures are of old agents. */
const requestIdentities = 11;
const identitiesAnswer = 12;
const signRequest = 13;
const signResponse = 14;
const failures: readonly (number | undefined)[] = [5, 30, 102];
/** Section 3.6.1: rsa-sha2-256 instead of SHA-1. */
const rsaSha256 = 2;

const mostKeys = 1_024;

const here = {
  place: "ssh-agent",
  add: "add it with `ssh-add`, or unlock the agent if it is locked",
};

/** What the agent says it has. */
interface Identity extends Offered {
  readonly blob: Buffer;
  readonly comment: string;
}

export function sshAgent(options: SshAgentOptions = {}): Custody {
  const path = options.path ?? (options.environment ?? process.env).SSH_AUTH_SOCK;
  const closing = new AbortController();
  const { signal } = closing;
  const listLimits = { milliseconds: options.listTimeout ?? 10_000, signal };
  const signLimits = { milliseconds: options.signTimeout ?? 120_000, signal };

  const identities = async (): Promise<readonly Identity[]> => {
    if (path === undefined || path === "") return [];
    try {
      return readIdentities(path, await ask(path, Buffer.from([requestIdentities]), listLimits));
    } catch (error) {
      if (!(error instanceof NoAgent)) throw error;
      if (options.path === undefined) return [];
      throw unreachable(path, "is not there");
    }
  };

  return {
    async list() {
      const infos = new Map<string, KeyInfo>();
      for (const { comment, part, unfit } of await identities()) {
        if (part === undefined || unfit !== undefined) continue;
        if (!infos.has(part.listed.id)) infos.set(part.listed.id, infoOf(comment, part));
      }
      return [...infos.values()];
    },

    async faults() {
      return faultsOf(await identities(), here.place);
    },

    async open(id) {
      const { blob, comment, part } = chooseKey(await identities(), id, here);
      return openOutsideKey(infoOf(comment, part), part, {
        make: (message) => sign(path as string, blob, part, message, signLimits),
        close() {},
        wrong: {
          code: "AGENT_REFUSED",
          sentence: `The ssh-agent at ${path} made a signature that does not verify; do not use this agent.`,
        },
      });
    },

    async close() {
      closing.abort();
    },
  };
}

function infoOf(comment: string, { listed, usable }: PublicPart): KeyInfo {
  return {
    id: listed.id,
    algorithm: usable.kind,
    listed,
    name: comment,
    role: undefined,
    repository: undefined,
    place: comment === "" ? "ssh-agent" : `ssh-agent (${comment})`,
    locked: false,
  };
}

function readIdentities(path: string, answer: Buffer): readonly Identity[] {
  if (failures.includes(answer[0])) {
    throw new KeyError(
      "AGENT_REFUSED",
      `The ssh-agent at ${path} does not say which keys it has; unlock it.`,
    );
  }
  try {
    if (answer[0] !== identitiesAnswer) throw new RangeError("an answer to another question");
    const reader = new SshReader(answer.subarray(1));
    const count = reader.uint32();
    if (count > mostKeys) throw new RangeError(`more than ${mostKeys} keys`);
    const found = Array.from({ length: count }, () => {
      const blob = reader.string();
      return readIdentity(blob, plainName(reader.string().toString("utf8")));
    });
    reader.end();
    return found;
  } catch (cause) {
    throw unreachable(path, "does not speak the agent's protocol", cause);
  }
}

function readIdentity(blob: Buffer, comment: string): Identity {
  const fingerprint = `SHA256:${hash("sha256", blob, "base64").replace(/=+$/, "")}`;
  const ssh = readable(blob);
  const part = ssh?.key && publicPart(ssh.key);
  const unfit = ssh === undefined ? "cannot be read; add it again with `ssh-add`" : unfitness(ssh, part);
  return { blob, comment, names: [fingerprint, comment], part, unfit };
}

/** One damaged key is no reason to lose the others. */
function readable(blob: Buffer): SshKey | undefined {
  try {
    return readSshKey(blob);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function unfitness({ type, form }: SshKey, part: PublicPart | undefined): string | undefined {
  if (form === "security-key") {
    return "is a security key (`sk-`), which signs an envelope of its own and not the metadata; use a key of type ecdsa-sha2-nistp256, ssh-ed25519 or ssh-rsa";
  }
  if (form === "certificate") return "is there as a certificate only; add the key itself with `ssh-add`";
  if (part === undefined) {
    return `is of type ${plainName(type)} or size that metadata does not take; use ecdsa-sha2-nistp256, ssh-ed25519, or ssh-rsa of at least 2048 bits`;
  }
  if (type.startsWith("ecdsa-") && type !== "ecdsa-sha2-nistp256") {
    return "is on a curve for which an agent does not sign with SHA-256; use ecdsa-sha2-nistp256";
  }
  return undefined;
}

async function sign(
  path: string,
  blob: Buffer,
  { usable }: PublicPart,
  message: Uint8Array,
  limits: Limits,
): Promise<MadeSignature> {
  const flags = uint32(usable.kind === "rsa" ? rsaSha256 : 0);
  const question = Buffer.concat([Buffer.from([signRequest]), sshString(blob), sshString(message), flags]);
  if (question.length > largestMessage) {
    const sentence = `A file of ${message.length} bytes is more than an ssh-agent signs (256 KiB); sign it with a key file or a token.`;
    throw new KeyError("AGENT_REFUSED", sentence);
  }
  const answer = await ask(path, question, limits).catch((error: unknown) => {
    throw error instanceof NoAgent ? unreachable(path, "is not there any more") : error;
  });
  if (failures.includes(answer[0])) {
    const sentence = `The ssh-agent at ${path} refuses to sign; unlock it, confirm when it asks, or add the key again.`;
    throw new KeyError("AGENT_REFUSED", sentence);
  }
  try {
    if (answer[0] !== signResponse) throw new RangeError("an answer to another question");
    const reader = new SshReader(answer.subarray(1));
    const signature = reader.string();
    reader.end();
    return readSshSignature(signature, usable.key);
  } catch (cause) {
    const sentence = `The ssh-agent at ${path} made something that is not a signature of this key; use another agent.`;
    throw new KeyError("AGENT_REFUSED", sentence, cause);
  }
}

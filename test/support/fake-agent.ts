/**
 * An ssh-agent on a socket of its own that keeps to the protocol, or breaks it as it is told. It is written against the draft,
 * not against `src`: no code of ours makes its answers.
 */
import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";

export interface FakeKey {
  readonly blob: Buffer;
  readonly comment: string;
  /** Signs the data with the flags of a request; the whole signature blob. */
  readonly sign: (data: Buffer, flags: number) => Buffer;
}

export const word = (text: string | Uint8Array): Buffer => {
  const bytes = Buffer.from(text as string);
  return Buffer.concat([number(bytes.length), bytes]);
};

export function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A positive number as SSH writes it: shortest, with a zero in front where the first bit is set. */
export function mpint(bytes: Buffer): Buffer {
  let digits = bytes;
  while (digits[0] === 0) digits = digits.subarray(1);
  return word((digits[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), digits]) : digits);
}

const decode = (text: string | undefined) => Buffer.from(text ?? "", "base64url");

/** The key's fields as they follow the name of the type. */
export function sshFields(privateKey: KeyObject): { type: string; fields: Buffer } {
  const { kty, crv, x, y, n, e } = createPublicKey(privateKey).export({ format: "jwk" });
  if (kty === "OKP") return { type: "ssh-ed25519", fields: word(decode(x)) };
  if (kty === "RSA") return { type: "ssh-rsa", fields: Buffer.concat([mpint(decode(e)), mpint(decode(n))]) };
  const curve = `nistp${crv?.slice(2)}`;
  const point = Buffer.concat([Buffer.from([4]), decode(x), decode(y)]);
  return { type: `ecdsa-sha2-${curve}`, fields: Buffer.concat([word(curve), word(point)]) };
}

export function fakeKey(privateKey: KeyObject, comment: string): FakeKey {
  const { type, fields } = sshFields(privateKey);
  return {
    blob: Buffer.concat([word(type), fields]),
    comment,
    sign(data, flags) {
      if (type === "ssh-ed25519") return Buffer.concat([word(type), word(sign(null, data, privateKey))]);
      if (type === "ssh-rsa") {
        const algorithm = flags & 2 ? "rsa-sha2-256" : "ssh-rsa";
        return Buffer.concat([word(algorithm), word(sign(flags & 2 ? "sha256" : "sha1", data, privateKey))]);
      }
      const raw = sign("sha256", data, { key: privateKey, dsaEncoding: "ieee-p1363" });
      return Buffer.concat([
        word(type),
        word(Buffer.concat([mpint(raw.subarray(0, 32)), mpint(raw.subarray(32))])),
      ]);
    },
  };
}

/** What is answered, type first; `undefined`: nothing, ever. A function does with the connection what it wants. */
export type Answer = Buffer | undefined | ((socket: Socket) => void);

export const failure: Answer = Buffer.from([5]);

export function identitiesAnswer(
  keys: readonly Pick<FakeKey, "blob" | "comment">[],
  count = keys.length,
): Buffer {
  const entries = keys.flatMap(({ blob, comment }) => [word(blob), word(comment)]);
  return Buffer.concat([Buffer.from([12]), number(count), ...entries]);
}

export const signAnswer = (signature: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([14]), word(signature)]);

export interface FakeAgentOptions {
  readonly keys?: readonly FakeKey[];
  readonly onList?: () => Answer;
  /** `honest` makes the signature that was asked for. */
  readonly onSign?: (honest: () => Buffer) => Answer;
}

export class FakeAgent {
  readonly path: string;
  /** How many connections are open now. */
  connections = 0;
  /** What was asked for beside lists and signatures, by number: nothing of that is ever needed. */
  readonly other: number[] = [];
  readonly #server: Server;

  private constructor(path: string, server: Server) {
    this.path = path;
    this.#server = server;
  }

  static async start(folder: string, options: FakeAgentOptions = {}): Promise<FakeAgent> {
    const path = join(folder, "agent.sock");
    const server = createServer((socket) => {
      agent.connections++;
      socket.on("close", () => agent.connections--);
      socket.on("error", () => socket.destroy());
      serve(socket, options, agent.other);
    });
    const agent = new FakeAgent(path, server);
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return agent;
  }

  async stop(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function serve(socket: Socket, { keys = [], onList, onSign }: FakeAgentOptions, other: number[]): void {
  let held = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    held = Buffer.concat([held, chunk]);
    if (held.length < 4 || held.length < 4 + held.readUInt32BE()) return;
    const request = held.subarray(4, 4 + held.readUInt32BE());
    held = Buffer.alloc(0);
    if (request[0] !== 11 && request[0] !== 13) other.push(request[0] ?? 0);
    const answer =
      request[0] === 11
        ? (onList ?? (() => identitiesAnswer(keys)))()
        : answerSign(request, keys, onSign ?? ((honest) => signAnswer(honest())));
    if (typeof answer === "function") answer(socket);
    else if (answer !== undefined) socket.write(word(answer));
  });
}

function answerSign(
  request: Buffer,
  keys: readonly FakeKey[],
  onSign: (honest: () => Buffer) => Answer,
): Answer {
  const blob = request.subarray(5, 5 + request.readUInt32BE(1));
  const rest = request.subarray(5 + blob.length);
  const data = rest.subarray(4, 4 + rest.readUInt32BE());
  const flags = rest.readUInt32BE(4 + data.length);
  const key = keys.find((each) => each.blob.equals(blob));
  return key === undefined ? failure : onSign(() => key.sign(data, flags));
}

/** Somebody with bad manners on another loopback address than everybody else's. */
import { connect, type Socket } from "node:net";
import { connect as connectSecurely } from "node:tls";

export class Stranger {
  readonly #port: number;
  readonly #address: string;
  readonly #sockets = new Set<Socket>();
  /** Status of every answer that came, and how often. */
  readonly statuses = new Map<number, number>();
  /** Whether a 503 came that did not say when to come again. */
  silent503 = false;

  /** @param address such as 127.0.0.2 */
  constructor(port: number, address: string) {
    this.#port = port;
    this.#address = address;
  }

  /** An open connection; undefined if none is to be had. */
  open(): Promise<Socket | undefined> {
    return this.#opened(connect(this.#place()), "connect");
  }

  /** The same over TLS, with the handshake done. */
  openSecurely(): Promise<Socket | undefined> {
    return this.#opened(connectSecurely({ ...this.#place(), rejectUnauthorized: false }), "secureConnect");
  }

  #place() {
    return { host: "127.0.0.1", port: this.#port, localAddress: this.#address };
  }

  async #opened(socket: Socket, ready: "connect" | "secureConnect"): Promise<Socket | undefined> {
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => this.#note(chunk));
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    return await new Promise((resolve) => {
      socket.once(ready, () => resolve(socket));
      socket.once("close", () => resolve(undefined));
    });
  }

  /** Sends bytes on a connection of their own; all that comes until the server closes it. */
  async send(bytes: string | Uint8Array): Promise<string> {
    const socket = await this.open();
    if (socket === undefined) return "";
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
    socket.write(bytes);
    await closed(socket);
    return text;
  }

  /** Sends a beginning, and then something again and again, until the server closes the connection. */
  async drip(beginning: string, rest: string | Uint8Array, every: number): Promise<void> {
    const socket = await this.open();
    if (socket === undefined) return;
    socket.write(beginning);
    const timer = setInterval(() => socket.write(rest), every);
    await closed(socket);
    clearInterval(timer);
  }

  /** Sends a beginning and then bytes as fast as they are taken, until the server closes the connection. */
  async flood(beginning: string, rest: Uint8Array): Promise<void> {
    const socket = await this.open();
    if (socket === undefined) return;
    const more = () => {
      while (!socket.destroyed && socket.write(rest));
    };
    socket.on("drain", more);
    socket.write(beginning);
    more();
    await closed(socket);
  }

  get connected(): number {
    return this.#sockets.size;
  }

  leave(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #note(chunk: Buffer): void {
    const text = chunk.toString("latin1");
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
    if (status === 0) return;
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    if (status === 503 && !/\r\nretry-after: \d+\r\n/i.test(text)) this.silent503 = true;
  }
}

async function closed(socket: Socket): Promise<void> {
  if (socket.closed) return;
  await new Promise<void>((resolve) => socket.once("close", () => resolve()));
}

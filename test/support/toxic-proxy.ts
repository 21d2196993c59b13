/**
 * A proxy on loopback between a client and a trust site, on the level of bytes: honest until it is poisoned. What a
 * server in the middle of an attack, or a bad network, does to an answer: it drips, stalls, breaks off or never ends.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export type Toxin =
  /** One byte, a pause of so many milliseconds, and so on. */
  | { readonly kind: "slow"; readonly pause: number }
  /** Not a byte. */
  | { readonly kind: "silent" }
  /** The connection ends after so many bytes: in order, or with a reset. */
  | { readonly kind: "cut" | "reset"; readonly after: number }
  /** A good status, and bytes for ever. */
  | { readonly kind: "endless" };

export interface ToxicProxy {
  readonly url: string;
  /** Bytes that the client took since the proxy was poisoned. */
  readonly taken: number;
  /** Answers to requests for files that fit are given so, until `heal`. */
  poison(toxin: Toxin, files?: RegExp): void;
  heal(): void;
  close(): Promise<void>;
}

const endlessHead = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const endlessChunk = Buffer.from(`4000\r\n${"x".repeat(0x4000)}\r\n`);

export async function startProxy(target: string): Promise<ToxicProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let poisoned: { readonly toxin: Toxin; readonly files: RegExp } | undefined;
  let taken = 0;

  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      // Breaking off is what this is for.
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    let toxin: Toxin | undefined;
    let passed = 0;
    client.on("data", (chunk: Buffer) => {
      const file = /^GET \S+\/_trust\/tuf\/(\S+) /.exec(chunk.toString("latin1"))?.[1] ?? "";
      toxin = poisoned?.files.test(file) ? poisoned.toxin : undefined;
      passed = 0;
      if (toxin?.kind === "endless") void flood(client);
      else if (toxin?.kind !== "silent") upstream.write(chunk);
    });
    upstream.on("data", (chunk: Buffer) => {
      if (toxin === undefined) client.write(chunk);
      else if (toxin.kind === "slow") void drip(client, chunk, toxin.pause);
      else if (toxin.kind === "cut" || toxin.kind === "reset") {
        const rest = chunk.subarray(0, Math.max(0, toxin.after - passed));
        passed += rest.length;
        client.write(rest, () => {
          if (passed < (toxin as { after: number }).after) return;
          if (toxin?.kind === "cut") client.end();
          else client.resetAndDestroy();
        });
      }
    });
  });

  async function flood(client: Socket): Promise<void> {
    client.write(endlessHead);
    while (!client.destroyed) {
      taken += endlessChunk.length;
      if (!client.write(endlessChunk)) {
        await new Promise<void>((resolve) => {
          client.once("drain", resolve).once("close", resolve);
        });
      }
    }
  }

  async function drip(client: Socket, chunk: Buffer, pause: number): Promise<void> {
    for (const byte of chunk) {
      if (client.destroyed) return;
      client.write(Buffer.of(byte));
      taken++;
      await sleep(pause);
    }
  }

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get taken() {
      return taken;
    },
    poison(toxin, files = /./) {
      poisoned = { toxin, files };
      taken = 0;
    },
    heal() {
      poisoned = undefined;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

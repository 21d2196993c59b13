/** A line on which every byte travels for a while, so that round trips can be counted with a clock. */
import { connect, createServer, type Socket } from "node:net";

export interface SlowLine {
  readonly port: number;
  close(): void;
}

/** @param oneWay milliseconds from one end to the other */
export async function slowLine(to: number, oneWay: number): Promise<SlowLine> {
  const open = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(to, "127.0.0.1");
    for (const [from, into] of [[near, far] as const, [far, near] as const]) {
      open.add(from);
      from.setNoDelay(true);
      from.on("data", (bytes) => setTimeout(() => into.write(bytes), oneWay));
      from.on("end", () => setTimeout(() => into.end(), oneWay));
      from.on("error", () => into.destroy());
      from.on("close", () => open.delete(from));
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

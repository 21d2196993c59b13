import { expect, it } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { type RunningChild, runChild } from "../../src/serve/child.ts";
import { Peer } from "../../src/serve/peer.ts";
import { ports } from "../support/ports.ts";

const { config } = loadConfig({
  flags: [{ flag: "--set", key: "log.level", text: "fatal" }],
  env: {},
  readFile: () => "",
});
const begin = { role: "writer", config };

function child(changes: Partial<RunningChild> = {}) {
  const [parent, port] = ports(7);
  const exits: number[] = [];
  const running: RunningChild = {
    facts: "facts",
    handle: async (operation) => ({ kind: "done", value: operation }),
    metrics: async () => "metrics",
    reload: async () => undefined,
    stop: async () => undefined,
    ...changes,
  };
  const start = async () => running;
  const run = () => runChild(port, { reader: start, writer: start }, (code) => exits.push(code));
  const peer = new Peer(parent, async () => ({ kind: "unsent" }), { inFlight: 10, patience: 60_000 });
  return { parent, port, peer, exits, run };
}

it("does nothing before it is told what it is", async () => {
  const { peer, run } = child();
  run();
  expect(await peer.ask("store.commit", undefined)).toEqual({ kind: "unsent" });
  expect(await peer.ask("metrics", 1)).toEqual({ kind: "unsent" });
  expect(await peer.ask("begin", begin)).toEqual({ kind: "done", value: "facts" });
  expect(await peer.ask("store.commit", undefined)).toEqual({ kind: "done", value: "store.commit" });
});

it("ends at once when the supervisor is gone, whatever it is doing", async () => {
  const { parent, peer, run, exits } = child({ stop: () => new Promise(() => undefined) });
  run();
  await peer.ask("begin", begin);
  void peer.ask("stop", undefined);
  await new Promise(setImmediate);
  parent.end(null, "SIGKILL");
  expect(exits).toEqual([1]);
});

it("ends when the supervisor was gone before it began", () => {
  const { port, run, exits } = child();
  port.connected = false;
  run();
  expect(exits).toEqual([1]);
});

it.each<[string, () => Promise<void>, number]>([
  ["in good order", async () => undefined, 0],
  ["that fails", () => Promise.reject(new Error("disk")), 1],
])("a stop %s gives its exit code", async (_, stop, code) => {
  const { peer, run, exits } = child({ stop });
  run();
  await peer.ask("begin", begin);
  void peer.ask("stop", undefined);
  await expect.poll(() => exits).toEqual([code]);
});

it("leaves signals to the supervisor", () => {
  const { port, run, exits } = child();
  run();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"]) {
    expect(port.listenerCount(signal)).toBe(1);
    port.emit(signal);
  }
  expect(exits).toEqual([]);
});

it("sends its metrics", async () => {
  const { peer, run } = child();
  run();
  await peer.ask("begin", begin);
  expect(await peer.ask("metrics", undefined)).toEqual({ kind: "done", value: "metrics" });
});

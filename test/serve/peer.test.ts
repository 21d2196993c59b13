import { expect, it } from "vitest";
import type { Ask } from "../../src/remote/answer.ts";
import { Peer } from "../../src/serve/peer.ts";
import { ports } from "../support/ports.ts";

const limits = { inFlight: 3, patience: 60_000 };
const never: Ask = () => new Promise(() => undefined);

function peers(handle: Ask, own = limits) {
  const [here, there] = ports();
  new Peer(there, handle, limits);
  return { peer: new Peer(here, never, own), here, there };
}

it("brings a request to the other end, and its answer back", async () => {
  const { peer } = peers(async (operation, argument) => ({ kind: "done", value: [operation, argument] }));
  const bytes = Uint8Array.from([0, 255]);
  expect(await peer.ask("store.commit", { bytes })).toEqual({
    kind: "done",
    value: ["store.commit", { bytes }],
  });
});

it("gives each request its own answer, in whatever order they come", async () => {
  const open: (() => void)[] = [];
  const { peer } = peers(async (_, argument) => {
    await new Promise<void>((resolve) => open.unshift(resolve));
    return { kind: "done", value: argument };
  });
  const answers = [1, 2, 3].map((each) => peer.ask("any", each));
  await expect.poll(() => open.length).toBe(3);
  for (const next of open) next();
  expect(await Promise.all(answers)).toEqual([1, 2, 3].map((value) => ({ kind: "done", value })));
});

it("answers unsent beyond its bound, and sends nothing", async () => {
  let arrived = 0;
  const { peer } = peers(async () => {
    arrived++;
    return await new Promise<never>(() => undefined);
  });
  for (let i = 0; i < 3; i++) void peer.ask("any", i);
  expect(await peer.ask("any", 4)).toEqual({ kind: "unsent" });
  expect(arrived).toBe(3);
});

it("answers lost when the channel closes, and unsent from then on", async () => {
  const { peer, here } = peers(never);
  const underWay = peer.ask("any", 1);
  here.end(null, "SIGKILL");
  expect(await underWay).toEqual({ kind: "lost" });
  expect(await peer.ask("any", 2)).toEqual({ kind: "unsent" });
});

it("answers lost when the time is over, makes room, and drops what comes late", async () => {
  let answer: (() => void) | undefined;
  const { peer } = peers(
    async (operation) => {
      if (operation === "slow")
        await new Promise<void>((resolve) => {
          answer = resolve;
        });
      return { kind: "done", value: operation };
    },
    { inFlight: 1, patience: 60_000 },
  );
  expect(await peer.ask("slow", 1, 5)).toEqual({ kind: "lost" });
  answer?.();
  expect(await peer.ask("quick", 2)).toEqual({ kind: "done", value: "quick" });
});

it("answers lost what the channel could not take", async () => {
  const { peer, here } = peers(never);
  here.send = (_message, callback) => callback(new Error("EPIPE"));
  expect(await peer.ask("any", 1)).toEqual({ kind: "lost" });
});

it("answers lost for a handler that fails", async () => {
  const { peer } = peers(() => Promise.reject(new TypeError("a mistake of ours")));
  expect(await peer.ask("any", 1)).toEqual({ kind: "lost" });
});

it("leaves alone what others say on the channel", async () => {
  const { peer, there } = peers(async () => ({ kind: "done", value: 1 }));
  for (const odd of [
    null,
    7,
    "x",
    { cmd: "NODE_CLUSTER" },
    { vidimus: "reply", id: 99, answer: { kind: "lost" } },
  ]) {
    there.other?.emit("message", odd);
    there.emit("message", odd);
  }
  expect(await peer.ask("any", 1)).toEqual({ kind: "done", value: 1 });
});

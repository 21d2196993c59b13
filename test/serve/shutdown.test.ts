import { EventEmitter } from "node:events";
import pino from "pino";
import { beforeEach, expect, it } from "vitest";
import { handleSignals } from "../../src/serve/shutdown.ts";

let source: EventEmitter;
let exits: number[];
let reloads: number;
let logged: string[];
let time: number;
let stops: { resolve: () => void; reject: (error: Error) => void }[];
let remove: () => void;

beforeEach(() => {
  source = new EventEmitter();
  exits = [];
  reloads = 0;
  logged = [];
  time = 0;
  stops = [];
  remove = handleSignals({
    stop: () => new Promise<void>((resolve, reject) => stops.push({ resolve, reject })),
    reload: async () => {
      reloads += 1;
    },
    exit: (code) => exits.push(code),
    logger: pino({}, { write: (line) => logged.push(JSON.parse(line).msg) }),
    source,
    now: () => time,
  });
});

it.each(["SIGTERM", "SIGINT", "disconnect"])("%s stops, then ends with 0", async (event) => {
  source.emit(event);
  expect(exits).toEqual([]);
  stops[0]?.resolve();
  await expect.poll(() => exits).toEqual([0]);
});

it("ends with 1 when stopping fails", async () => {
  source.emit("SIGTERM");
  stops[0]?.reject(new Error("no"));
  await expect.poll(() => exits).toEqual([1]);
});

it.each([
  ["SIGTERM", 143],
  ["SIGINT", 130],
])("a second %s ends at once with %d", (event, code) => {
  source.emit(event);
  time = 600;
  source.emit(event);
  expect(exits).toEqual([code]);
});

it("takes the same signal passed on by several parents as one", () => {
  source.emit("SIGINT");
  time = 100;
  source.emit("SIGINT");
  expect(exits).toEqual([]);
  expect(stops).toHaveLength(1);
});

it("SIGHUP reloads and goes on, and says when it was heard and when that is over", async () => {
  source.emit("SIGHUP");
  expect([reloads, stops.length]).toEqual([1, 0]);
  expect(logged).toEqual(["reading certificate, policy and keys of tokens again"]);
  await expect.poll(() => logged).toHaveLength(2);
  expect(logged[1]).toBe("everything that is configured was read again");
});

it("stops at once if the launcher went away during the start", () => {
  let asked = 0;
  handleSignals({
    stop: async () => void asked++,
    reload: async () => undefined,
    exit: () => undefined,
    logger: pino({ enabled: false }),
    source: Object.assign(new EventEmitter(), { connected: false }),
    now: () => 0,
  });
  expect(asked).toBe(1);
});

it("removes its handlers", () => {
  remove();
  expect(source.eventNames()).toEqual([]);
});

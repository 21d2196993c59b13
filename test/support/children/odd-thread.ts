/** A thread that reads as the real one does, unless a role tells it to do otherwise. */
import { getEnvironmentData, parentPort } from "node:worker_threads";
import { notary } from "../../../src/core/format/notary.ts";
import { serveReading } from "../../../src/threads/thread.ts";

/** Two numbers that are shared with the test: whether somebody waits, and whether that may end. */
const gate = getEnvironmentData("gate") as SharedArrayBuffer | undefined;

const odd: Readonly<Record<string, () => void>> = {
  "targets/exits": () => process.exit(3),
  "targets/throws": () => {
    throw new TypeError("planted");
  },
  "targets/hangs": () => {
    for (;;);
  },
  "targets/grows": () => {
    const kept: unknown[] = [];
    for (;;) kept.push(new Array(1_000).fill({}));
  },
  "targets/waits": () => {
    if (gate === undefined) throw new TypeError("no gate");
    const numbers = new Int32Array(gate);
    Atomics.store(numbers, 0, 1);
    Atomics.notify(numbers, 0);
    Atomics.wait(numbers, 1, 0);
  },
};

if (parentPort !== null) {
  serveReading(parentPort, {
    parse(role, bytes) {
      odd[role]?.();
      return notary.parse(role, bytes);
    },
  });
}

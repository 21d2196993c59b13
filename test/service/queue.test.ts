import { describe, expect, it } from "vitest";
import { Queue } from "../../src/service/queue.ts";

/** A promise with its hands outside. */
function deferred() {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

describe("a queue", () => {
  it("runs tasks of one name one after the other, in the order they came", async () => {
    const queue = new Queue();
    const events: string[] = [];
    const gate = deferred();
    const first = queue.run("a", async () => {
      events.push("first begins");
      await gate.promise;
      events.push("first ends");
    });
    const second = queue.run("a", async () => {
      events.push("second");
    });
    await new Promise(setImmediate);
    expect(events).toEqual(["first begins"]);
    gate.resolve();
    await Promise.all([first, second]);
    expect(events).toEqual(["first begins", "first ends", "second"]);
  });

  it("lets tasks of other names pass", async () => {
    const queue = new Queue();
    const gate = deferred();
    const first = queue.run("a", () => gate.promise);
    await expect(queue.run("b", async () => "passed")).resolves.toBe("passed");
    gate.resolve();
    await first;
  });

  it("goes on after a task that failed, and tells only its caller", async () => {
    const queue = new Queue();
    const failed = queue.run("a", () => Promise.reject(new Error("first")));
    const next = queue.run("a", async () => "second");
    await expect(failed).rejects.toThrow("first");
    await expect(next).resolves.toBe("second");
  });

  it("is idle when everything asked for has ended", async () => {
    const queue = new Queue();
    const gate = deferred();
    let ended = false;
    const task = queue.run("a", async () => {
      await gate.promise;
      ended = true;
    });
    const idle = queue.idle().then(() => ended);
    gate.resolve();
    await expect(idle).resolves.toBe(true);
    await task;
  });
});

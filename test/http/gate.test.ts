import { expect, test } from "vitest";
import { Gate } from "../../src/http/gate.ts";
import { codeOf } from "../support/refusal.ts";

test("lets so many in, sends the next away, and lets others in when one is done", async () => {
  const gate = new Gate(2);
  const ends: (() => void)[] = [];
  const work = () => gate.run(() => new Promise<void>((end) => ends.push(end)));
  const [first] = [work(), work()];
  expect(await codeOf(work())).toBe("OVERLOADED");
  ends[0]?.();
  await first;
  void work();
  expect(ends).toHaveLength(3);
});

test("a failure makes room as well", async () => {
  const gate = new Gate(1);
  await expect(gate.run(() => Promise.reject(new TypeError("no")))).rejects.toThrow(TypeError);
  expect(await gate.run(() => Promise.resolve("yes"))).toBe("yes");
});

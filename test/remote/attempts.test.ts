/** Failed logins of several readers, which the writer remembers for all of them. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Ask } from "../../src/remote/answer.ts";
import { remoteAttempts } from "../../src/remote/attempts.ts";
import { writersDesk } from "../../src/remote/desk.ts";
import { defaultAttempts, longestAsking } from "../../src/service/access/attempts.ts";
import { absentSigner } from "../../src/signer/absent.ts";
import { openMemory } from "../../src/store/memory.ts";

const { freeOfName, freeOfAddress, firstWait } = defaultAttempts;
const from = "192.0.2.1";
let desk: Ask;
let asked: string[];
beforeEach(() => {
  const writer = writersDesk(openMemory(), absentSigner, () => undefined);
  asked = [];
  desk = (operation, argument) => {
    asked.push(operation);
    return writer(operation, argument);
  };
});
afterEach(() => {
  vi.useRealTimers();
});

/** What was told arrives before what is asked afterwards. */
async function fail(reader: ReturnType<typeof remoteAttempts>, times: number, name = "alice") {
  for (let i = 0; i < times; i++) reader.failed(name, from, 0);
  await new Promise(setImmediate);
}

describe("readers of one server", () => {
  it("give a guesser as many tries together as one alone", async () => {
    const readers = Array.from({ length: freeOfName }, () => remoteAttempts(desk));
    for (const each of readers) {
      expect(await each.ask?.("alice", from, 0)).toBe(0);
      await fail(each, 1);
    }
    for (const each of [...readers, remoteAttempts(desk)]) {
      expect(await each.ask?.("alice", from, 0)).toBe(firstWait);
    }
    expect(await remoteAttempts(desk).ask?.("alice", "192.0.2.2", 0)).toBe(0);
    expect(await remoteAttempts(desk).ask?.("bob", from, 0)).toBe(0);
  });

  it("count an address together, whatever names are tried", async () => {
    const readers = [remoteAttempts(desk), remoteAttempts(desk)] as const;
    for (let i = 0; i < freeOfAddress / 2; i++) {
      for (const [index, each] of readers.entries()) await fail(each, 1, `name-${index}-${i}`);
    }
    expect(await remoteAttempts(desk).ask?.("another", from, 0)).toBeGreaterThan(0);
  });

  it("refuse without a question while a wait is not over that they heard of", async () => {
    const reader = remoteAttempts(desk);
    await fail(reader, freeOfName);
    expect(reader.waitOf("alice", from, 0)).toBe(firstWait);
    expect(reader.waitOf("alice", from, firstWait - 1)).toBe(1);
    expect(reader.waitOf("alice", from, firstWait)).toBe(0);
    expect(asked).not.toContain("attempts.wait");
    const other = remoteAttempts(desk);
    await other.ask?.("alice", from, 0);
    expect(other.waitOf("alice", from, 0)).toBe(firstWait);
  });

  it("forget with a success at any of them", async () => {
    const [one, other] = [remoteAttempts(desk), remoteAttempts(desk)];
    await fail(one, freeOfName - 1);
    other.succeeded("alice", from);
    await new Promise(setImmediate);
    await fail(one, freeOfName - 1);
    expect(await other.ask?.("alice", from, 0)).toBe(0);
  });
});

describe("a writer that", () => {
  it("is not there leaves each reader to count for itself", async () => {
    const reader = remoteAttempts(async () => ({ kind: "unsent" }));
    await fail(reader, freeOfName);
    expect(await reader.ask?.("alice", from, 0)).toBe(0);
    expect(reader.waitOf("alice", from, 0)).toBe(firstWait);
    reader.succeeded("alice", from);
    expect(reader.waitOf("alice", from, 0)).toBe(0);
  });

  it("does not answer keeps nobody longer than a quarter of a second", async () => {
    vi.useFakeTimers();
    const reader = remoteAttempts(() => new Promise(() => undefined));
    const heard = reader.ask?.("alice", from, 0);
    await vi.advanceTimersByTimeAsync(longestAsking);
    expect(await heard).toBe(0);
    expect(longestAsking).toBeLessThanOrEqual(250);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("does not answer is sent a bounded number of messages, and the rest is counted here", async () => {
    let sent = 0;
    const reader = remoteAttempts(() => {
      sent += 1;
      return new Promise(() => undefined);
    });
    for (let i = 0; i < 100_000; i++) reader.failed(`name-${i}`, from, 0);
    await new Promise(setImmediate);
    expect(sent).toBeLessThanOrEqual(64);
    expect(reader.waitOf("another", from, 0)).toBeGreaterThan(0);
  });

  it("is sent no more of a name than a name can have", async () => {
    let longest = 0;
    const reader = remoteAttempts(async (_, argument) => {
      longest = Math.max(longest, JSON.stringify(argument).length);
      return { kind: "done", value: 0 };
    });
    reader.failed("x".repeat(1_000_000), from, 0);
    await reader.ask?.("x".repeat(1_000_000), from, 0);
    reader.succeeded("x".repeat(1_000_000), from);
    expect(longest).toBeLessThan(400);
  });
});

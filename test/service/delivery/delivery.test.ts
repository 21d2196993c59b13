/** The outbox being delivered: retries, dead letters, crashes, several processes. */
import { pino } from "pino";
import { afterEach, expect, it } from "vitest";
import type { Announcement } from "../../../src/service/announce.ts";
import { outboxAnnouncer } from "../../../src/service/delivery/announcer.ts";
import { DeliveryJob, pauses } from "../../../src/service/delivery/delivery.ts";
import { logReceiver } from "../../../src/service/delivery/log.ts";
import type { Outcome, Receiver, Told } from "../../../src/service/delivery/receiver.ts";
import type { Store } from "../../../src/store/contract/store.ts";
import { openMemory } from "../../../src/store/memory.ts";
import { openSqlite } from "../../../src/store/sqlite.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { TestClock } from "../../support/server.ts";

const silent = pino({ level: "silent" });
const announcement = (id: string): Announcement => ({
  id,
  type: "dev.vidimus.expiry.approaching",
  subject: "example.org/app",
  at: 0,
  data: { id },
});
const running: DeliveryJob[] = [];
afterEach(async () => {
  for (const job of running.splice(0)) await job.stop();
});

function hook(outcome: (told: Told, count: number) => Outcome | Promise<Outcome>) {
  const heard: Told[] = [];
  const receiver: Receiver = {
    name: "hook",
    async tell(told) {
      heard.push(told);
      return await outcome(told, heard.length);
    },
  };
  return { receiver, heard };
}

function started(store: Store, receivers: readonly Receiver[], clock: TestClock, logger = silent) {
  const job = new DeliveryJob({ outbox: store.outbox, receivers, clock, logger, interval: 3_600_000 });
  job.start();
  running.push(job);
  return job;
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1_000; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error("it did not happen within two seconds");
}

const heardBy = (store: Store) => async () => (await store.outbox.facts()).waiting === 0;
const at = (store: Store, ...receivers: string[]) => outboxAnnouncer(store.outbox, receivers);

it("what was announced is told to each receiver, once, with what it said", async () => {
  const [store, clock] = [openMemory(), new TestClock(1_000_000)];
  const { receiver, heard } = hook(() => ({ kind: "heard" }));
  await at(store, "hook").announce(announcement("one"));
  await at(store, "hook").announce(announcement("one"));
  started(store, [receiver], clock);
  await until(heardBy(store));
  expect(heard).toMatchObject([{ id: "one", subject: "example.org/app", data: '{"id":"one"}' }]);
});

it("who announces in the same process wakes the job", async () => {
  const [store, clock] = [openMemory(), new TestClock(1_000_000)];
  const { receiver, heard } = hook(() => ({ kind: "heard" }));
  const job = started(store, [receiver], clock);
  await outboxAnnouncer(store.outbox, ["hook"], () => job.wake()).announce(announcement("one"));
  await until(() => heard.length === 1);
});

it("a failure is tried again after pauses that grow, and then given up and counted", async () => {
  const [store, clock] = [openMemory(), new TestClock(1_000_000)];
  const { receiver, heard } = hook(() => ({ kind: "failed", why: "it answered 500" }));
  await at(store, "hook").announce(announcement("one"));
  const job = started(store, [receiver], clock);
  await until(() => heard.length === 1);
  for (const [index, pause] of pauses.entries()) {
    clock.advance(pause - 1);
    job.wake();
    await until(async () => (await store.outbox.facts()).waiting === 1);
    expect(heard.length).toBe(index + 1);
    clock.advance(1);
    job.wake();
    await until(() => heard.length === index + 2);
  }
  await until(heardBy(store));
  expect(await store.outbox.facts()).toEqual({ waiting: 0, dead: 1, oldest: undefined });
});

it("a receiver that is gone, or no longer configured, is told nothing more", async () => {
  const [store, clock] = [openMemory(), new TestClock(1_000_000)];
  const { receiver, heard } = hook(() => ({ kind: "gone", why: "it answered 410 Gone" }));
  await at(store, "hook", "removed").announce(announcement("one"));
  const job = started(store, [receiver], clock);
  await until(heardBy(store));
  clock.advance(10 * 86_400_000);
  job.wake();
  expect(heard).toHaveLength(1);
  expect((await store.outbox.facts()).dead).toBe(2);
});

it("one receiver that fails keeps nothing from another", async () => {
  const [store, clock] = [openMemory(), new TestClock(1_000_000)];
  const lines: string[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => void lines.push(line) });
  const { receiver } = hook(() => ({ kind: "failed", why: "it answered 500" }));
  await at(store, "hook", "log").announce(announcement("one"));
  started(store, [receiver, logReceiver(logger)], clock);
  await until(() => lines.length === 1);
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    msg: "announced",
    announcement: "one",
    type: "dev.vidimus.expiry.approaching",
    subject: "example.org/app",
    data: { id: "one" },
  });
});

it("what a process was at when it died is told by the next one, when its claim has ended", async () => {
  const [directory, clock] = [temporaryDirectory(), new TestClock(1_000_000)];
  const first = await openSqlite({ directory });
  await at(first, "hook").announce(announcement("one"));
  // Claimed, and then nothing: the process is gone.
  await first.outbox.claim({ now: clock.now(), leaseUntil: clock.now() + 180_000, limit: 16 });
  await first.close();
  const store = await openSqlite({ directory });
  const { receiver, heard } = hook(() => ({ kind: "heard" }));
  const job = started(store, [receiver], clock);
  await until(async () => (await store.outbox.facts()).waiting === 1);
  expect(heard).toEqual([]);
  clock.advance(180_000);
  job.wake();
  await until(heardBy(store));
  expect(heard.map(({ id }) => id)).toEqual(["one"]);
  await job.stop();
  await store.close();
});

it("two processes on one store tell each announcement once between them", async () => {
  const [directory, clock] = [temporaryDirectory(), new TestClock(1_000_000)];
  const store = await openSqlite({ directory });
  const other = await openSqlite({ directory, lock: false });
  const ids = Array.from({ length: 60 }, (_, i) => `n${i}`);
  for (const id of ids) await at(store, "hook").announce(announcement(id));
  const { receiver, heard } = hook(() => ({ kind: "heard" }));
  const jobs = [started(store, [receiver], clock), started(other, [receiver], clock)];
  await until(heardBy(store));
  for (const job of jobs) await job.stop();
  expect(heard.map(({ id }) => id).sort()).toEqual([...ids].sort());
  await store.close();
  await other.close();
});

it("a store that cannot be used is said once, and asked again", async () => {
  const [store, clock] = [openMemory(), new TestClock(1_000_000)];
  const lines: string[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => void lines.push(line) });
  await at(store, "hook").announce(announcement("one"));
  let broken = true;
  const outbox = {
    ...store.outbox,
    claim: async (query: Parameters<Store["outbox"]["claim"]>[0]) => {
      if (broken) throw new Error("no");
      return await store.outbox.claim(query);
    },
  };
  const { receiver, heard } = hook(() => ({ kind: "heard" }));
  const job = started({ ...store, outbox }, [receiver], clock, logger);
  await until(() => lines.length === 1);
  job.wake();
  broken = false;
  await until(() => {
    job.wake();
    return heard.length === 1;
  });
  expect(lines).toHaveLength(1);
});

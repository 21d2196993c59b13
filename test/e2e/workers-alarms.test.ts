/** What alarms ring at, on a server of several processes: whichever reader is asked knows it. */
import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { exchange } from "../support/bare/exchange.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { isAlive, Publisher, startWorkers, type Workers } from "../support/workers.ts";

const long = 120_000;
const patient = { timeout: 30_000 };
let server: Workers | undefined;

async function end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  const ending = server;
  server = undefined;
  if (ending === undefined) return;
  const { supervisor } = ending.processes();
  if (isAlive(supervisor)) process.kill(supervisor, signal);
  await ending.ended;
}
afterEach(() => end("SIGKILL"));

async function start(data?: string): Promise<Workers> {
  server = await startWorkers(["--workers", "2"], data);
  return server;
}

/** Values of one series, as several connections get them. */
async function told(running: Workers, series: string): Promise<readonly (string | undefined)[]> {
  const texts: string[] = [];
  for (let i = 0; i < 6; i++) texts.push((await exchange(running, "GET", "/metrics")).bytes.toString());
  const values = texts.map((text) =>
    text
      .split("\n")
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length + 1),
  );
  return [...new Set(values)];
}

const ofReaders = 'vidimus_process_restarts_total{process="reader"}';
const keysGiven = 'notary_server_http_requests_total{operation="GetKey",method="GET",code="200"}';
const ofWriters = 'vidimus_process_restarts_total{process="writer"}';

it(
  "counts who was started again, and goes on having begun when the supervisor did",
  async () => {
    const running = await start();
    const { writer = 0, readers } = running.processes();
    const [began, ...others] = await told(running, "process_start_time_seconds");
    expect(others).toEqual([]);
    expect(Math.abs(Number(began) - Date.now() / 1_000)).toBeLessThan(60);
    expect([await told(running, ofReaders), await told(running, ofWriters)]).toEqual([["0"], ["0"]]);
    for (let i = 0; i < 6; i++) await running.status("/v2/example/app/_trust/tuf/timestamp.key");
    expect(await told(running, keysGiven)).toEqual(["6"]);
    process.kill(readers[0] ?? 0, "SIGKILL");
    const next = () => running.processes().readers.filter((pid) => pid !== readers[0]);
    await expect.poll(() => next().length, patient).toBe(2);
    process.kill(writer, "SIGKILL");
    await expect.poll(() => running.processes().writer ?? writer, patient).not.toBe(writer);
    expect([await told(running, ofReaders), await told(running, ofWriters)]).toEqual([["1"], ["1"]]);
    expect(await told(running, keysGiven)).toEqual(["6"]);
    expect(await told(running, "process_start_time_seconds")).toEqual([began]);
  },
  long,
);

it(
  "is behind its mark in every process, each of which says so once, and refuses with one line each time",
  async () => {
    const data = join(temporaryDirectory(), "data");
    const [store, copy] = [join(data, "vidimus.sqlite"), join(data, "copy")];
    const first = await start(data);
    await new Publisher(first, "example/kept").first();
    expect(await told(first, "vidimus_store_behind")).toEqual(["0"]);
    await end("SIGTERM");
    copyFileSync(store, copy);
    await new Publisher(await start(data), "example/lost").first();
    await end("SIGTERM");
    for (const suffix of ["-wal", "-shm"]) rmSync(`${store}${suffix}`, { force: true });
    copyFileSync(copy, store);

    const running = await start(data);
    for (let i = 0; i < 6; i++) expect(await running.status("/readyz")).toBe(503);
    expect(await told(running, "vidimus_store_behind")).toEqual(["1"]);
    for (let i = 0; i < 3; i++) {
      const key = await exchange(running, "POST", "/v2/example/kept/_trust/tuf/timestamp.key");
      expect([key.status, key.code]).toEqual([503, "STORE_BEHIND"]);
    }
    const loud = () =>
      running
        .log()
        .split("\n")
        .filter((line) => /"level":"(warn|error|fatal)"/.test(line));
    // What a process has said comes to the log a moment later than its answer.
    await expect.poll(() => loud().length, patient).toBeGreaterThanOrEqual(6);
    const lines = loud();
    const ofStart = lines.filter((line) => line.includes("THE STORE IS BEHIND ITS HIGH-WATER MARK"));
    expect(ofStart.map((line) => JSON.parse(line).process).sort()).toEqual(["reader", "reader", "writer"]);
    const others = lines.filter((line) => !ofStart.includes(line));
    expect(others.map((line) => JSON.parse(line))).toMatchObject(
      Array.from({ length: 3 }, () => ({ level: "warn", code: "STORE_BEHIND", repository: "example/kept" })),
    );
    expect(others.join("")).not.toContain("stack");
  },
  long,
);

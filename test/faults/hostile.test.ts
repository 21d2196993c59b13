/** Strangers who send what they like, from other addresses than the people who work: service to those goes on. */
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { multipart, multipartType, part } from "../support/multipart.ts";
import { manyChanges, mutated } from "../support/mutations.ts";
import { full, runs, seed, times } from "./support/chance.ts";
import type { Running } from "./support/daemon.ts";
import { Stranger } from "./support/stranger.ts";
import { Victim } from "./support/victim.ts";
import { World } from "./support/world.ts";

let world: World;
const strangers: Stranger[] = [];
afterEach(async () => {
  for (const stranger of strangers.splice(0)) stranger.leave();
  await world.dispose();
});

const hasty = { "limits.headersTimeout": "2s", "limits.requestTimeout": "4s", "limits.idleTimeout": "3s" };

const patient = {
  "limits.headersTimeout": "20s",
  "limits.requestTimeout": "20s",
  "limits.idleTimeout": "20s",
};

async function started(label: string, settings: Readonly<Record<string, string>> = {}): Promise<Running> {
  world = new World(label, 2, { settings: { ...hasty, ...settings } });
  const server = await world.start();
  await work(server, 4);
  return server;
}

async function work(server: Running, steps: number): Promise<void> {
  let left = steps;
  await world.work(server.line, () => left-- <= 0);
}

function stranger(server: Running, last: number): Stranger {
  const made = new Stranger(server.port, `127.0.0.${last}`);
  strangers.push(made);
  return made;
}

/** MiB of memory that a process has, and has had at most. */
function memory({ pid }: Running): { now: number; most: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const of = (name: string) =>
    Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]) / 1024);
  return { now: of("VmRSS"), most: of("VmHWM") };
}

const head = (more: string) => `POST /v2/hostile/_trust/tuf/ HTTP/1.1\r\nHost: x\r\n${more}`;
const upload = `Content-Type: ${multipartType}\r\n`;

/** An honest reader: how long each answer took, in milliseconds, until `over`. */
async function timedReads(server: Running, over: () => boolean): Promise<number[]> {
  const took: number[] = [];
  while (!over()) {
    const began = performance.now();
    const { status } = await server.line.client.request("/v2/example.org/0/_trust/tuf/timestamp.json");
    took.push(performance.now() - began);
    if (status !== 200 && status !== 404) throw new Error(`an honest reader got ${status}`);
    await new Promise((next) => setTimeout(next, 5));
  }
  return took.sort((a, b) => a - b);
}

/** The people work and read while `attack` lasts; what it did to them is printed. */
async function underAttack(
  server: Running,
  name: string,
  attack: () => Promise<unknown>,
  mostMemory = 512,
): Promise<void> {
  let over = false;
  const before = memory(server).now;
  const acknowledged = world.acknowledged;
  const [took] = await Promise.all([
    timedReads(server, () => over),
    world.work(server.line, () => over),
    attack().finally(() => {
      over = true;
    }),
  ]);
  const p99 = took[Math.floor(took.length * 0.99)] ?? 0;
  const { most } = memory(server);
  const statuses = new Map<number, number>();
  for (const each of strangers) {
    for (const [status, count] of each.statuses) statuses.set(status, (statuses.get(status) ?? 0) + count);
    expect(each.silent503).toBe(false);
  }
  console.info(
    `${name}: ${took.length} honest reads, p99 ${p99.toFixed(0)} ms; ${world.acknowledged - acknowledged} honest changes; ` +
      `memory ${before} MiB before, ${most} MiB at most; strangers got ${JSON.stringify([...statuses])}`,
  );
  expect([...statuses.keys()].filter((status) => status >= 500 && status !== 503)).toEqual([]);
  expect(world.watcher.faults).toEqual([]);
  expect(world.answers()).toEqual({});
  expect(world.acknowledged).toBeGreaterThan(acknowledged);
  // 64 MiB of uploads, as much of caches twice, and the process itself.
  expect(most).toBeLessThan(mostMemory);
  expect(await world.verdict(server.line)).toEqual([]);
}

test("slow heads, slow bodies, endless bodies and bombs, all at once", async () => {
  const server = await started("hostile mix");
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  const block = Buffer.concat([Buffer.from("10000\r\n"), Buffer.alloc(65_536, "x"), Buffer.from("\r\n")]);
  const endless = head(`${upload}Transfer-Encoding: chunked\r\n\r\n`);
  const attack = async () => {
    const slow = stranger(server, 2);
    const fast = stranger(server, 3);
    await Promise.all([
      ...Array.from({ length: times(40) }, () =>
        slow.drip("GET /v2/ HTTP/1.1\r\nHost: x\r\n", "X-A: b\r\n", 300),
      ),
      ...Array.from({ length: times(40) }, () =>
        slow.drip(head(`${upload}Content-Length: 100000\r\n\r\n`), "x", 300),
      ),
      ...Array.from({ length: 6 }, () => fast.flood(endless, block)),
      ...Array.from({ length: times(10) }, () =>
        fast.send(
          Buffer.concat([
            Buffer.from(head(`${upload}Content-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`)),
            bomb,
          ]),
        ),
      ),
    ]);
  };
  await underAttack(server, "mix", attack);
  const got = (last: number) => [...(strangers[last]?.statuses.keys() ?? [])].sort();
  expect(got(0)).toEqual([408]);
  // Endless bodies end at their bound, at the room for all uploads, or at their time, whichever comes first.
  expect(got(1)).toContain(415);
  expect(got(1).filter((status) => ![408, 413, 415, 503].includes(status))).toEqual([]);
});

/** Most descriptors of a process here: Node raises its own limit that far. */
function descriptors(): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  return hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard);
}

test("thousands of idle connections", async () => {
  const count = Math.floor(Math.min(full ? 10_000 : 1_500, descriptors() - 1_000) / 100) * 100;
  expect(count).toBeGreaterThan(0);
  const server = await started("idle", { "limits.connections": String(count + 500) });
  await underAttack(server, `${count} idle`, async () => {
    const idle = stranger(server, 4);
    for (let i = 0; i < count; i += 100) await Promise.all(Array.from({ length: 100 }, () => idle.open()));
    // Each is cut when its time is over.
    await expect.poll(() => idle.connected, { timeout: 60_000, interval: 100 }).toBe(0);
  });
});

test("idle connections over TLS, all of them open at one time", async () => {
  const count = Math.floor(Math.min(full ? 10_000 : 400, descriptors() - 1_000) / 50) * 50;
  expect(count).toBeGreaterThan(0);
  // Longer than it takes to shake hands with all of them.
  const patience = full ? "180s" : "15s";
  const server = await started("idle, TLS", {
    "server.plainHttp": "false",
    "limits.connections": String(count + 500),
    "limits.headersTimeout": patience,
    "limits.requestTimeout": patience,
    "limits.idleTimeout": patience,
  });
  await underAttack(
    server,
    `${count} idle over TLS`,
    async () => {
      const idle = stranger(server, 11);
      for (let i = 0; i < count; i += 50)
        await Promise.all(Array.from({ length: 50 }, () => idle.openSecurely()));
      expect(idle.connected).toBe(count);
      console.info(`${count} idle over TLS: ${memory(server).now} MiB with all of them open`);
      // Each is cut when its time is over.
      await expect.poll(() => idle.connected, { timeout: 240_000, interval: 100 }).toBe(0);
    },
    // Buffers and state of TLS for each.
    512 + count / 10,
  );
});

test.each(runs)(
  "more connections than are allowed: who is connected is served, who comes late is told so (%i)",
  async (run) => {
    const server = await started(`surplus ${run}`, { "limits.connections": "40", ...patient });
    const crowd = stranger(server, 5);
    let last = "";
    const held = await Promise.all(Array.from({ length: 60 }, () => crowd.open()));
    expect(held.every((socket) => socket !== undefined)).toBe(true);
    last = await crowd.send("GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(last).toMatch(/^HTTP\/1\.1 503 /);
    expect(last).toMatch(/\r\nretry-after: 5\r\n/);
    expect(last).toMatch(/\r\nvidimus-code: OVERLOADED\r\n/);
    crowd.leave();
    await expect
      .poll(async () => (await server.line.client.request("/livez").catch(() => undefined))?.status)
      .toBe(200);
    await work(server, 4);
    expect(await world.verdict(server.line)).toEqual([]);
  },
);

/** How uploads to one living repository ended, by code. */
async function mutate(
  server: Running,
  victim: Victim,
  count: number,
  told: (wrong: string) => void,
): Promise<ReadonlyMap<string, number>> {
  const drawn = fc.sample(fc.tuple(manyChanges, fc.nat(999), fc.nat(999)), {
    numRuns: Math.min(count, 20_000),
    seed,
  });
  const codes = new Map<string, number>();
  // What was refused need not all be remembered: the checker has to look for each of it in all that was seen.
  const every = Math.ceil(count / 2_000);
  let sent = 0;
  const sender = async (last: number) => {
    const from = stranger(server, last);
    while (sent < count) {
      const number = sent++;
      const [change, sort, which] = drawn[number % drawn.length] ?? [];
      if (change === undefined || sort === undefined || which === undefined)
        throw new Error("nothing was drawn");
      const next = victim.next(sort + number);
      const roles = [...next.files.keys()];
      const role = roles[which % roles.length] as string;
      const other = next.files.get(roles[(which + 1) % roles.length] as string) ?? Buffer.alloc(0);
      const valid = next.files.get(role) ?? Buffer.alloc(0);
      const bytes = change(valid, other);
      if (bytes.equals(valid)) continue;
      const files = new Map(next.files).set(role, bytes);
      const body = multipart([...files].map(([name, content]) => part(name, content)));
      // Now and then the envelope is cut as well.
      const cut = number % 8 === 0 ? body.subarray(0, world.chance.between(0, body.length - 1)) : body;
      const start = `POST /v2/${victim.repository}/_trust/tuf/ HTTP/1.1\r\nHost: x\r\n${upload}Connection: close\r\nContent-Length: ${cut.length}\r\n\r\n`;
      const began = world.history.tick();
      const text = await from.send(Buffer.concat([Buffer.from(start), cut]));
      const status = Number(/^HTTP\/1\.1 (200|4\d\d|503) /.exec(text)?.[1] ?? 0);
      expect(status).not.toBe(0);
      const code = /\r\nvidimus-code: (\S+)/.exec(text)?.[1] ?? "taken";
      codes.set(code, (codes.get(code) ?? 0) + 1);
      if (status !== 200 && number % every !== 0) continue;
      const wrong = victim.noted(next, files, began, status);
      if (wrong !== undefined) told(wrong);
    }
  };
  await Promise.all([6, 7, 8, 9].map(sender));
  return codes;
}

test("mutated uploads of what could be published next: a living repository stays what it was", async () => {
  const server = await started("mutated");
  const victim = await Victim.make(server.line, world.history);
  const count = full ? 150_000 : 1_500;
  const wrong: string[] = [];
  await underAttack(server, `${count} mutated`, async () => {
    const codes = await mutate(server, victim, count, (each) => wrong.push(each));
    console.info(`mutated: ${JSON.stringify(Object.fromEntries([...codes].sort(([, a], [, b]) => b - a)))}`);
    // Past the parser, up to the signatures.
    for (const code of ["NOT_JSON", "THRESHOLD", "BAD_UPLOAD"])
      expect(codes.get(code) ?? 0).toBeGreaterThan(count / 100);
  });
  expect(wrong).toEqual([]);
  expect(await victim.difference(server.line, world.watcher)).toEqual([]);
  // It was no other fault that kept them out.
  await victim.publish(server.line, victim.next(2));
  expect(await victim.difference(server.line, world.watcher)).toEqual([]);
  expect(await world.verdict(server.line)).toEqual([]);
});

test("planted: what is taken that its owner never signed so is found out", async () => {
  const server = await started("mutated, planted");
  const victim = await Victim.make(server.line, world.history);
  const next = victim.next(1);
  const other = Buffer.from(
    (next.files.get("targets") ?? Buffer.alloc(0)).toString("utf8").replace('"version":2', '"version":3'),
  );
  const began = world.history.tick();
  expect(victim.noted(next, new Map(next.files).set("targets", other), began, 200)).toContain("targets");
  expect(
    victim.noted(next, new Map([["targets", next.files.get("targets") ?? other]]), began, 200),
  ).toContain("a part");
  expect(victim.noted(next, next.files, began, 200)).toBeUndefined();
  // It was never sent.
  expect(await victim.difference(server.line, world.watcher)).toEqual([
    "targets is not what was acknowledged last",
    "targets/releases is not what was acknowledged last",
  ]);
  expect((await world.verdict(server.line)).some((each) => each.startsWith("LOST"))).toBe(true);
});

test("uploads of mutated files to a name that nobody has", async () => {
  const server = await started("mutated strangers");
  const count = full ? 50_000 : 500;
  const uploads = fc.sample(fc.array(mutated, { minLength: 1, maxLength: 4 }), {
    numRuns: Math.min(count, 20_000),
    seed,
  });
  let next = 0;
  await underAttack(server, `${count} mutated, of a name that nobody has`, async () => {
    const sender = async (last: number) => {
      const from = stranger(server, last);
      while (next < count) {
        const files = uploads[next++ % uploads.length] ?? [];
        const body = multipart(files.map(({ role, bytes }) => part(role, bytes)));
        // Every other time the envelope is cut as well.
        const bytes = next % 2 === 0 ? body : body.subarray(0, world.chance.between(0, body.length));
        const start = head(`${upload}Connection: close\r\nContent-Length: ${bytes.length}\r\n\r\n`);
        const text = await from.send(Buffer.concat([Buffer.from(start), bytes]));
        expect(text).toMatch(/^HTTP\/1\.1 (200|4\d\d|503) /);
      }
    };
    await Promise.all([6, 7, 8, 9].map(sender));
  });
});

describe("a request that two parsers could read in two ways", () => {
  const smuggled = "GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n";
  const chunked = `0\r\n\r\n${smuggled}`;
  const forms: Readonly<Record<string, string>> = {
    "a length and chunks": head(`Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${chunked}`),
    "chunks and a length": head(`Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${chunked}`),
    "two lengths that differ": head(
      `Content-Length: 0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    ),
    "two lengths that agree": head(`Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd${smuggled}`),
    "a list of lengths": head(`Content-Length: 4, 4\r\n\r\nabcd${smuggled}`),
    "a length with a sign": head(`Content-Length: +4\r\n\r\nabcd${smuggled}`),
    "a negative length": head(`Content-Length: -1\r\n\r\n${smuggled}`),
    "a length beyond all numbers": head(`Content-Length: 18446744073709551620\r\n\r\nabcd${smuggled}`),
    "a coding that is not chunked": head(`Transfer-Encoding: xchunked\r\n\r\n${chunked}`),
    "chunks under another coding": head(`Transfer-Encoding: chunked, identity\r\n\r\n${chunked}`),
    "two codings": head(
      `Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${chunked}`,
    ),
    "a space before the colon": head(`Transfer-Encoding : chunked\r\n\r\n${chunked}`),
    "a folded header": head(`X-A: b\r\n Content-Length: 4\r\nContent-Length: 0\r\n\r\n${smuggled}`),
    "a folded coding": head(`Transfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n\r\n${chunked}`),
    "bare line feeds": `POST /v2/a/_trust/tuf/ HTTP/1.1\nHost: x\nContent-Length: 0\n\n${smuggled}`,
    "a bare line feed in the head": head(`X-A: b\nContent-Length: 4\r\n\r\nabcd${smuggled}`),
    "a bare carriage return in the head": head(`X-A: b\rContent-Length: 4\r\n\r\nabcd${smuggled}`),
    "a null in a header": head(`X-A: b\0c\r\nContent-Length: 0\r\n\r\n${smuggled}`),
    "a chunk size with a sign": head(`Transfer-Encoding: chunked\r\n\r\n+4\r\nabcd\r\n${chunked}`),
    "a chunk size in other letters": head(`Transfer-Encoding: chunked\r\n\r\n0x4\r\nabcd\r\n${chunked}`),
    "a chunk size that overflows": head(
      `Transfer-Encoding: chunked\r\n\r\n10000000000000004\r\nabcd\r\n${chunked}`,
    ),
    "a chunk that ends in a bare line feed": head(
      `Transfer-Encoding: chunked\r\n\r\n4\nabcd\n0\n\n${smuggled}`,
    ),
    "a chunk that is longer than it says": head(`Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n${chunked}`),
    "a colon without a name": head(`: chunked\r\nContent-Length: 0\r\n\r\n${smuggled}`),
    "no host": `GET /v2/ HTTP/1.1\r\n\r\n${smuggled}`,
    "two hosts": `GET /v2/ HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n${smuggled}`,
    "another protocol": `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${smuggled}`,
  };

  test("is refused, once, and the connection is closed", async () => {
    const server = await started("smuggling");
    const one = stranger(server, 10);
    const answers = await Promise.all(
      Object.entries(forms).map(async ([name, bytes]) => {
        const text = await one.send(bytes);
        return [name, text.match(/HTTP\/1\.1 \d{3}/g) ?? []] as const;
      }),
    );
    const wrong = answers.filter(([, statuses]) => statuses.length !== 1 || !statuses[0]?.includes(" 4"));
    expect(wrong).toEqual([]);
    await work(server, 4);
    expect(await world.verdict(server.line)).toEqual([]);
  });
});

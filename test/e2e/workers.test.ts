/** A server of several processes, as its users start it: what is killed comes back, and nothing goes backwards. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { connect } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { type Issued, makeAuthority } from "../../src/serve/authority.ts";
import { ExchangeError, exchange } from "../support/bare/exchange.ts";
import { temporaryDirectory } from "../support/directory.ts";
import {
  ending,
  isAlive,
  KeepingClient,
  Publisher,
  SharedOrder,
  startWorkers,
  type Workers,
} from "../support/workers.ts";

const long = 120_000;
const patient = { timeout: 30_000 };
const servers: Workers[] = [];
const clients: KeepingClient[] = [];

async function start(...given: Parameters<typeof startWorkers>): Promise<Workers> {
  const server = await startWorkers(["--workers", "2", ...given[0]], given[1], given[2]);
  servers.push(server);
  return server;
}

function newClients(server: Workers, count: number): KeepingClient[] {
  const made = Array.from({ length: count }, () => new KeepingClient(server));
  clients.push(...made);
  return made;
}

function closeClients(): void {
  for (const client of clients.splice(0)) client.close();
}

async function endServers(): Promise<void> {
  closeClients();
  for (const server of servers.splice(0)) {
    const { supervisor } = server.processes();
    if (isAlive(supervisor)) process.kill(supervisor, "SIGKILL");
    await server.ended;
  }
}

/** The code of a publish: `done`, the server's own, or `UNREACHABLE` when the connection broke. */
async function outcome(publish: Promise<void>): Promise<string> {
  try {
    await publish;
    return "done";
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    return error.answer?.code ?? error.code;
  }
}

describe("while it runs", () => {
  let server: Workers;
  beforeAll(async () => {
    server = await start([]);
  }, long);
  afterEach(closeClients);
  afterAll(endServers);

  it("has a supervisor, a writer and as many readers as were asked for", async () => {
    const { supervisor, writer, readers } = server.processes();
    expect(readers).toHaveLength(2);
    expect(new Set([supervisor, writer, ...readers]).size).toBe(4);
    expect(await server.status("/readyz")).toBe(200);
    expect(readFileSync(join(server.data, "server.pid"), "utf8").trim()).toBe(String(writer));
  });

  it(
    "lets no client see less than anybody saw before, on connections to all readers, while publishes go on",
    async () => {
      const publisher = new Publisher(server, "example/order");
      await publisher.first();
      const order = new SharedOrder();
      order.seen(1);
      let publishing = true;
      const reading = newClients(server, 6).map(async (client) => {
        while (publishing) await order.look(() => client.version("example/order", "timestamp"));
      });
      for (let i = 0; i < 40; i++) {
        await publisher.next();
        // Targets and timestamp have the same versions here: what was acknowledged is seen from now on.
        order.seen(publisher.acknowledged);
      }
      publishing = false;
      await Promise.all(reading);
      expect(order.backwards).toEqual([]);
      expect(order.looks).toBeGreaterThan(100);
    },
    long,
  );

  it(
    "does as many publishes of many repositories at once as it is asked for, through all readers",
    async () => {
      const publishers = Array.from({ length: 8 }, (_, i) => new Publisher(server, `example/many-${i}`));
      await Promise.all(publishers.map((each) => each.first()));
      for (let i = 0; i < 3; i++) await Promise.all(publishers.map((each) => each.next()));
      for (const client of newClients(server, 4)) {
        for (const { repository } of publishers) expect(await client.version(repository, "targets")).toBe(4);
      }
    },
    long,
  );

  it(
    "gives one of two publishers of one version the conflict, whichever reader each is at",
    async () => {
      const publisher = new Publisher(server, "example/race");
      await publisher.first();
      for (let version = 1; version <= 5; version++) {
        const racing = Array.from({ length: 4 }, () => outcome(publisher.next(version)));
        expect((await Promise.all(racing)).sort()).toEqual(["ROLLBACK", "ROLLBACK", "ROLLBACK", "done"]);
      }
    },
    long,
  );

  it("answers for all processes in the metrics of any reader", async () => {
    const count = async () => {
      const { bytes } = await exchange(server, "GET", "/metrics");
      const line = /notary_server_http_requests_total\{operation="GetKey",method="GET",code="200"\} (\d+)/;
      return Number(line.exec(bytes.toString())?.[1] ?? 0);
    };
    const before = await count();
    for (let i = 0; i < 6; i++) {
      expect(await server.status("/v2/example/metrics/_trust/tuf/timestamp.key")).toBe(200);
    }
    expect([await count(), await count(), await count()]).toEqual([before + 6, before + 6, before + 6]);
  });

  it(
    "loses nothing that was acknowledged when the writer is killed, serves on, says so, and publishes again",
    async () => {
      const publisher = new Publisher(server, "example/writer");
      await publisher.first();
      const outcomes = new Map<string, number>();
      const order = new SharedOrder();
      let over = false;
      const reading = newClients(server, 4).map(async (client) => {
        // Not one read may fail.
        while (!over) await order.look(() => client.version("example/writer", "targets"));
      });
      const [looking] = newClients(server, 1);
      for (let kill = 0; kill < 4; kill++) {
        const { writer } = server.processes();
        const until = publisher.acknowledged + 5;
        while (publisher.acknowledged < until) {
          if (publisher.acknowledged === until - 3 && writer !== undefined && isAlive(writer)) {
            setTimeout(() => process.kill(writer, "SIGKILL"), kill * 3);
          }
          const result = await outcome(publisher.next());
          outcomes.set(result, (outcomes.get(result) ?? 0) + 1);
          if (result === "done") order.seen(publisher.acknowledged);
          else {
            const there = (await looking?.version("example/writer", "targets")) ?? 0;
            expect(there).toBeGreaterThanOrEqual(publisher.acknowledged);
            expect(there).toBeLessThanOrEqual(publisher.tried);
            publisher.acknowledged = there;
            await wait(20);
          }
        }
        await expect.poll(() => server.processes().writer ?? writer, patient).not.toBe(writer);
      }
      over = true;
      await Promise.all(reading);
      expect(order.backwards).toEqual([]);
      const allowed = ["done", "STORE_UNAVAILABLE", "SIGNER_UNAVAILABLE", "COMMIT_UNKNOWN"];
      expect([...outcomes.keys()].filter((each) => !allowed.includes(each))).toEqual([]);
      await expect.poll(() => server.status("/readyz"), patient).toBe(200);
    },
    long,
  );

  it(
    "is not ready while there is no writer, and says why",
    async () => {
      const { writer = 0 } = server.processes();
      process.kill(writer, "SIGKILL");
      const reason = async () => (await exchange(server, "GET", "/readyz")).bytes.toString();
      await expect.poll(reason, { interval: 5 }).toContain("The process that writes cannot be reached");
      await expect.poll(() => server.status("/readyz"), patient).toBe(200);
    },
    long,
  );

  it(
    "serves on when a reader is killed, and has another one soon",
    async () => {
      const publisher = new Publisher(server, "example/reader");
      await publisher.first();
      const { readers } = server.processes();
      process.kill(readers[0] ?? 0, "SIGKILL");
      await expect.poll(() => outcome(publisher.next()), patient).toBe("done");
      for (const client of newClients(server, 4)) {
        expect(await client.version("example/reader", "targets")).toBe(publisher.acknowledged);
      }
      // A process that was killed takes a while to be gone.
      await expect.poll(() => server.processes().readers, patient).not.toContain(readers[0]);
      await expect.poll(() => server.processes().readers.length, patient).toBe(2);
    },
    long,
  );

  it(
    "listens on the same port when all readers were killed at once",
    async () => {
      for (const reader of server.processes().readers) process.kill(reader, "SIGKILL");
      await expect.poll(() => server.status("/v2/"), patient).toBe(200);
      await expect.poll(() => server.processes().readers.length, patient).toBe(2);
    },
    long,
  );

  it(
    "refuses a port in use in one sentence, with the code of a single process, and leaves nobody behind",
    async () => {
      const { port } = new URL(server.url);
      const other = ["--data", join(temporaryDirectory(), "data"), "--port", port];
      const { code, stderr } = await ending(["--workers", "2", ...other]);
      expect(code).toBe(exitCodes.listen.code);
      expect(
        stderr
          .trim()
          .split("\n")
          .filter((line) => !line.includes("process is ready")),
      ).toEqual([expect.stringContaining(`Port ${port} on 127.0.0.1 is in use`)]);
    },
    long,
  );

  it("opens no inspector in any process on SIGUSR1, and lets no child be stopped past the supervisor", async () => {
    const { supervisor, writer = 0, readers } = server.processes();
    for (const pid of [supervisor, writer, ...readers]) process.kill(pid, "SIGUSR1");
    for (const pid of [writer, ...readers])
      for (const each of ["SIGTERM", "SIGHUP", "SIGINT"]) process.kill(pid, each);
    expect(await server.status("/readyz")).toBe(200);
    expect(server.processes()).toEqual({ supervisor, writer, readers });
    expect(server.log()).not.toContain("Debugger listening");
  });
});

// What a failed test has left.
afterAll(endServers);

describe("the end", () => {
  afterEach(endServers);

  it(
    "comes to every process within two seconds of kill -9 of the supervisor, and the next start works",
    async () => {
      const first = await start([]);
      const publisher = new Publisher(first, "example/app");
      await publisher.first();
      const { supervisor, writer = 0, readers } = first.processes();
      const storm = Array.from({ length: 10 }, (_, i) =>
        outcome(new Publisher(first, `example/${i}`).first()),
      );
      process.kill(supervisor, "SIGKILL");
      const left = () => [writer, ...readers].filter(isAlive);
      await expect.poll(left, { timeout: 2_000, interval: 20 }).toEqual([]);
      await Promise.all(storm);
      const second = await start([], first.data);
      const [client] = newClients(second, 1);
      expect(await client?.version("example/app", "targets")).toBe(1);
    },
    long,
  );

  it(
    "comes in good order with SIGTERM: publishes in flight are answered, the exit code is 0, nobody is left",
    async () => {
      const server = await start([]);
      const publishers = Array.from({ length: 8 }, (_, i) => new Publisher(server, `example/${i}`));
      await Promise.all(publishers.map((each) => each.first()));
      const { supervisor, writer = 0, readers } = server.processes();
      const outcomes: Promise<string>[] = publishers.map((each) => outcome(each.next()));
      // All of them are on their way once the first is answered.
      await Promise.race(outcomes);
      process.kill(supervisor, "SIGTERM");
      const results = await Promise.all(outcomes);
      expect(await server.ended).toBe(0);
      expect([writer, ...readers].filter(isAlive)).toEqual([]);
      expect(existsSync(join(server.data, "server.pid"))).toBe(false);
      expect(server.log()).not.toContain("ended unasked");
      const next = await start([], server.data);
      const [client] = newClients(next, 1);
      for (const [i, { repository }] of publishers.entries()) {
        const version = (await client?.version(repository, "targets")) ?? 0;
        if (results[i] === "done") expect(version).toBe(2);
      }
      expect(results.filter((each) => each !== "done" && each !== "UNREACHABLE")).toEqual([]);
    },
    long,
  );
});

it(
  "listens on a socket that only its group may use, also where one was left behind, and on a port of its own for probes",
  async () => {
    const data = join(temporaryDirectory(), "data");
    const socket = join(temporaryDirectory(), "socket");
    const args = ["--socket", socket, "--plain-http", "--operations"];
    const left = await start(args, data);
    process.kill(left.processes().supervisor, "SIGKILL");
    await left.ended;
    expect(existsSync(socket)).toBe(true);
    const server = await start(args, data);
    expect(statSync(socket).mode & 0o777).toBe(0o660);
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get({ socketPath: socket, path: "/v2/", agent: false }, resolve).on("error", reject);
    });
    expect(answer.resume().statusCode).toBe(200);
    const probes = { url: server.operations ?? "", ca: server.ca };
    for (let i = 0; i < 3; i++) expect((await exchange(probes, "GET", "/readyz")).status).toBe(200);
    await endServers();
  },
  long,
);

it(
  "has every reader use the operator's new certificate after SIGHUP to the supervisor",
  async () => {
    const folder = temporaryDirectory();
    const [file, key] = [join(folder, "c.pem"), join(folder, "k.pem")];
    const put = ({ certificate, key: secret }: Issued) => {
      writeFileSync(file, certificate);
      writeFileSync(key, secret, { mode: 0o600 });
    };
    const [own, next] = await Promise.all([makeAuthority(Date.now()), makeAuthority(Date.now())]);
    put(own);
    const server = await start(["--tls-certificate", file, "--tls-key", key]);
    const shown = () =>
      new Promise<string | undefined>((resolve, reject) => {
        const { port } = new URL(server.url);
        const socket = connect({ host: "127.0.0.1", port: Number(port), rejectUnauthorized: false }, () => {
          resolve(socket.getPeerX509Certificate()?.toString().trim());
          socket.destroy();
        });
        socket.on("error", reject);
      });
    expect(await shown()).toBe(own.certificate.trim());
    put(next);
    process.kill(server.processes().supervisor, "SIGHUP");
    const all = async () => [...new Set(await Promise.all(Array.from({ length: 12 }, shown)))];
    await expect.poll(all, patient).toEqual([next.certificate.trim()]);
    await endServers();
  },
  long,
);

it.runIf(existsSync("/proc/self"))(
  "gives the secret in a variable to the writer alone, each time it starts, and NODE_OPTIONS to nobody",
  async () => {
    const canary = "canary-passphrase-51c7";
    const server = await start(["--signer-secret", "env:CANARY"], undefined, {
      CANARY: canary,
      NODE_OPTIONS: "--no-deprecation",
    });
    const environmentOf = (pid = 0) => readFileSync(`/proc/${pid}/environ`, "utf8");
    const { writer = 0, readers } = server.processes();
    process.kill(writer, "SIGKILL");
    await expect.poll(() => server.processes().writer ?? writer, patient).not.toBe(writer);
    expect(environmentOf(server.processes().writer)).toContain(canary);
    expect(await outcome(new Publisher(server, "example/app").first())).toBe("done");
    for (const reader of readers) expect(environmentOf(reader)).not.toContain(canary);
    for (const pid of [server.processes().writer, ...readers]) {
      expect(environmentOf(pid)).not.toContain("NODE_OPTIONS");
      expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).toContain("--disable-sigusr1");
    }
    expect(server.log()).not.toContain(canary);
    await endServers();
  },
  long,
);

it(
  "only reads, with workers and without a writer, when told so",
  async () => {
    const first = await start([]);
    const publisher = new Publisher(first, "example/app");
    await publisher.first();
    const reading = await start(["--read-only"], first.data);
    expect(reading.processes().writer).toBeUndefined();
    expect(await reading.status("/readyz")).toBe(200);
    const [client] = newClients(reading, 1);
    expect(await client?.version("example/app", "targets")).toBe(1);
    expect(await outcome(new Publisher(reading, "example/app").next(1))).toBe("READ_ONLY");
    await endServers();
  },
  long,
);

/** Threads that die, hang, grow or are too few: each reading ends, the next one works, and the server goes on. */
import { setEnvironmentData } from "node:worker_threads";
import { afterEach, describe, expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import type { ListedKey } from "../../src/core/keys.ts";
import { type Reading, readingHere } from "../../src/service/reading.ts";
import { readingInThreads, type ThreadedOptions } from "../../src/threads/reading.ts";
import { readingProgram } from "../../src/wire/reading.ts";
import { currentFile, manifest } from "../support/fixtures.ts";
import { codeOf } from "../support/refusal.ts";
import { startServer, type TestServer } from "../support/server.ts";

const oddProgram = new URL("../support/children/odd-thread.ts", import.meta.url);
const none = async () => new Map<string, ListedKey>();
const repository = "example.org/large";

const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

/** What was logged as an error. */
let errors: unknown[];

function reading(
  testingOnly: ThreadedOptions["testingOnly"] = {},
  options: Partial<ThreadedOptions> = {},
): Reading {
  errors = [];
  const made = readingInThreads({
    format: notary,
    program: oddProgram,
    threads: 1,
    waiting: 100,
    uploadBytes: 1_000_000,
    logger: { error: (fields: unknown) => void errors.push(fields) },
    testingOnly: { largeFrom: 0, ...testingOnly },
    ...options,
  });
  opened.push(() => made.close());
  return made;
}

const dir = manifest.collections[0]?.dir ?? "";
const read = (of: Reading, role = "targets") =>
  of.upload([{ role, bytes: Buffer.from(currentFile(dir, "targets")) }], none);

/** A gate that the thread of `targets/waits` waits at. */
function gate() {
  const shared = new SharedArrayBuffer(8);
  const numbers = new Int32Array(shared);
  setEnvironmentData("gate", shared);
  return {
    async reached() {
      await Atomics.waitAsync(numbers, 0, 0).value;
    },
    open() {
      Atomics.store(numbers, 1, 1);
      Atomics.notify(numbers, 1);
    },
  };
}

describe("a thread that", () => {
  it.each([
    ["ends", "targets/exits", 1_000],
    ["never ends", "targets/hangs", 1_000],
    ["takes all memory", "targets/grows", 16],
  ])("%s is a refusal, told to the operator, and the next reading has a new one", async (_, role, heap) => {
    const failing = reading({ heap, time: role === "targets/hangs" ? 4_000 : 60_000 });
    expect((await read(failing))[0]?.role).toBe("targets");
    expect(await codeOf(read(failing, role))).toBe("EXAMINATION_FAILED");
    expect(errors.length).toBeGreaterThanOrEqual(1);
    expect((await read(failing))[0]?.role).toBe("targets");
  });

  it("fails otherwise is a fault of ours, no refusal, and goes on", async () => {
    const failing = reading();
    await expect(read(failing, "targets/throws")).rejects.toThrow(/planted/);
    expect((await read(failing))[0]?.role).toBe("targets");
  });

  it("cannot be started is a refusal, each time", async () => {
    const failing = reading({}, { program: new URL("no-such-program.ts", import.meta.url) });
    for (let i = 0; i < 3; i++) expect(await codeOf(read(failing))).toBe("EXAMINATION_FAILED");
    expect(errors).toHaveLength(3);
  });

  it("dies takes nobody with it who waits", async () => {
    const failing = reading();
    const dying = codeOf(read(failing, "targets/exits"));
    const waiting = [read(failing), codeOf(read(failing, "targets/exits")), read(failing)] as const;
    expect(await dying).toBe("EXAMINATION_FAILED");
    const [first, second, third] = await Promise.all(waiting);
    expect([first[0]?.role, second, third[0]?.role]).toEqual(["targets", "EXAMINATION_FAILED", "targets"]);
  });
});

it("more than may wait are told to come again, and those that wait are read", async () => {
  const { reached, open } = gate();
  const narrow = reading({}, { waiting: 2 });
  const first = read(narrow, "targets/waits");
  await reached();
  const waiting = [read(narrow), read(narrow)];
  expect(await codeOf(read(narrow))).toBe("OVERLOADED");
  open();
  const done = await Promise.all([first, ...waiting]);
  expect(done.map(([file]) => file?.role)).toEqual(["targets/waits", "targets", "targets"]);
});

it("small files are read here, whatever becomes of threads", async () => {
  const failing = reading({ largeFrom: 1_000_000 }, { program: new URL("none.ts", import.meta.url) });
  expect((await read(failing))[0]?.role).toBe("targets");
  expect(errors).toEqual([]);
});

it("stored bytes stay as they are, and a file is read from them again and again", async () => {
  const able = reading({}, { program: readingProgram });
  const bytes = currentFile(dir, "targets");
  const before = Buffer.from(bytes);
  for (let i = 0; i < 2; i++) expect((await able.stored("targets", bytes)).bytes.equals(before)).toBe(true);
  expect(bytes.equals(before)).toBe(true);
});

describe("closing", () => {
  it("ends what is under way and what waits, and whatever comes later", async () => {
    const { reached } = gate();
    const closing = reading();
    const codes = [codeOf(read(closing, "targets/waits"))];
    await reached();
    codes.push(codeOf(read(closing)));
    await closing.close();
    codes.push(codeOf(read(closing)));
    expect(await Promise.all(codes)).toEqual(Array(3).fill("EXAMINATION_FAILED"));
    await closing.close();
  });
});

describe("a server", () => {
  const serve = async (of: Reading): Promise<TestServer> => {
    const server = await startServer({ reading: of });
    opened.push(() => server.close());
    return server;
  };

  it("answers 503 and when to come again, stores nothing, and takes the next upload", async () => {
    const server = await serve(reading());
    const owner = await server.owner(repository);
    const first = owner.first();
    const bytes = owner.targetsFile();
    const refused = await server.publish(repository, new Map([["targets/exits", bytes]]));
    expect([refused.status, refused.code, refused.headers["retry-after"]]).toEqual([
      503,
      "EXAMINATION_FAILED",
      "5",
    ]);
    expect((await server.publish(repository, first)).status).toBe(200);
  });

  it("goes on answering readers while an upload is examined", async () => {
    const { reached, open } = gate();
    const server = await serve(reading());
    const owner = await server.owner(repository);
    owner.delegate("targets/waits");
    const publishing = server.publish(repository, owner.first());
    await reached();
    for (let i = 0; i < 100; i++) expect((await server.get("/v2/")).status).toBe(200);
    open();
    expect((await publishing).status).toBe(200);
  });

  it("that stops ends what is examined, stores nothing of it, and does not wait for it", async () => {
    const { reached } = gate();
    const server = await serve(reading());
    const owner = await server.owner(repository);
    owner.delegate("targets/waits");
    const publishing = server.publish(repository, owner.first());
    await reached();
    await server.service.close();
    const { status, code } = await publishing;
    expect([status, code]).toEqual([503, "EXAMINATION_FAILED"]);
  });

  /** Answers between the beginning and the end of reading 20,000 targets. */
  const answersDuring = async (of: Reading): Promise<number> => {
    let isReading = false;
    const server = await serve({
      ...of,
      async upload(files, known) {
        isReading = true;
        const done = await of.upload(files, known);
        isReading = false;
        return done;
      },
    });
    const owner = await server.owner(repository);
    for (let i = 0; i < 20_000; i++) owner.addTarget(`registry.example.org/team/image:${i}`);
    const files = owner.first();
    let answers = 0;
    let isPublishing = true;
    const publishing = server.publish(repository, files).finally(() => {
      isPublishing = false;
    });
    while (isPublishing) {
      await server.get("/v2/");
      if (isReading) answers++;
    }
    expect((await publishing).status).toBe(200);
    return answers;
  };

  it("answers while 20,000 targets are read in a thread, and would not if they were read here", async () => {
    const threads = reading({ largeFrom: 256 * 1024 }, { program: readingProgram });
    expect(await answersDuring(threads)).toBeGreaterThan(3);
    expect(await answersDuring(readingHere(notary))).toBeLessThan(3);
  });
});

/** A server with a policy file, as its operator runs it: SIGHUP, in one process and in several. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { defaultLimits, ExchangeError, exchange } from "../support/bare/exchange.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { multipart, multipartType, parts } from "../support/multipart.ts";
import { proposalBody } from "../support/proposing.ts";
import { listed, Owner } from "../support/publisher.ts";
import { ending, isAlive, Publisher, startWorkers, type Workers } from "../support/workers.ts";

const long = 120_000;
const patient = { timeout: 30_000 };
const servers: Workers[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    const { supervisor } = server.processes();
    if (isAlive(supervisor)) process.kill(supervisor, "SIGKILL");
    await server.ended;
  }
});

const allowing = (...names: readonly string[]) =>
  `repositories:\n${names.map((name) => `  - match: ${name}/**\n`).join("")}`;

let counter = 0;

/** What becomes of eight publications of new repositories, each on a connection of its own. */
async function outcomes(server: Workers, host: string): Promise<readonly string[]> {
  const all = Array.from({ length: 8 }, async () => {
    try {
      await new Publisher(server, `${host}/app${counter++}`).first();
      return "done";
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      return error.answer?.code ?? error.code;
    }
  });
  return [...new Set(await Promise.all(all))].sort();
}

it.each(["0", "2"])(
  "with %s workers every process has the newer policy after SIGHUP, and the old one when the newer is wrong",
  async (workers) => {
    const file = join(temporaryDirectory(), "policy.yaml");
    writeFileSync(file, allowing("a.test"));
    const server = await startWorkers(["--workers", workers, "--policy", file]);
    servers.push(server);
    const readiness = async () => (await exchange(server, "GET", "/readyz")).bytes.toString();
    const reload = () => process.kill(server.processes().supervisor, "SIGHUP");
    expect(await outcomes(server, "a.test")).toEqual(["done"]);
    expect(await outcomes(server, "b.test")).toEqual(["NO_RULE"]);

    writeFileSync(file, allowing("b.test"));
    reload();
    await expect.poll(() => outcomes(server, "b.test"), patient).toEqual(["done"]);
    expect(await outcomes(server, "a.test")).toEqual(["NO_RULE"]);

    writeFileSync(file, "repositories:\n  - mtach: a.test/**\n");
    reload();
    await expect.poll(() => server.log(), patient).toContain("the old one stays in force");
    expect(server.log()).toMatch(/policy\.yaml:2: .*mtach/);
    await expect.poll(readiness, patient).toContain("earlier one");
    expect(await outcomes(server, "b.test")).toEqual(["done"]);
    expect(await outcomes(server, "a.test")).toEqual(["NO_RULE"]);
    expect(await server.status("/readyz")).toBe(200);

    if (workers !== "0") {
      const [reader = 0] = server.processes().readers;
      process.kill(reader, "SIGKILL");
      await expect.poll(() => isAlive(reader), patient).toBe(false);
      await expect.poll(() => server.processes().readers.length, patient).toBe(2);
      expect(await outcomes(server, "a.test")).toEqual(["NO_RULE"]);
      expect(await outcomes(server, "b.test")).toEqual(["done"]);
    }
  },
  long,
);

it.each(["0", "2"])(
  "with %s workers a refusal has every reason, of a publication and of a proposal",
  async (workers) => {
    const file = join(temporaryDirectory(), "policy.yaml");
    const demands = "root: { minThreshold: 2 }, roles: { targets: { minThreshold: 2 } }";
    writeFileSync(file, `repositories:\n  - { match: a.test/**, ${demands} }\n`);
    const server = await startWorkers(["--workers", workers, "--policy", file]);
    servers.push(server);
    const repository = "a.test/app";
    const key = async (role: string) => {
      const { bytes } = await exchange(server, "GET", `/v2/${repository}/_trust/tuf/${role}.key`);
      const { keytype, keyval } = JSON.parse(bytes.toString());
      return listed(keytype, keyval.public);
    };
    const [timestamp, snapshot] = [await key("timestamp"), await key("snapshot")];
    const files = (await Owner.make(repository, { at: Date.now(), timestamp, snapshot })).first();
    const told = async (path: string, body: { type: string; bytes: Buffer }) => {
      const { status, bytes } = await exchange(server, "POST", path, defaultLimits, body);
      expect(status).toBe(400);
      return bytes.toString();
    };
    const published = await told(`/v2/${repository}/_trust/tuf/`, {
      type: multipartType,
      bytes: multipart(parts(files)),
    });
    const proposed = await told(`/api/v1/repositories/${encodeURIComponent(repository)}/proposals`, {
      type: "application/json",
      bytes: Buffer.from(JSON.stringify(proposalBody(files))),
    });
    for (const answer of [published, proposed]) {
      expect(answer).toMatch(/\broot\b[^.]* threshold/);
      expect(answer).toMatch(/\btargets\b[^.]* threshold/);
    }
  },
  long,
);

it("a policy that is wrong at the start ends it with the code of a bad configuration, and its line", async () => {
  const file = join(temporaryDirectory(), "policy.yaml");
  writeFileSync(file, "repositories:\n  - match: a.test/**\n    tofuu: true\n");
  const { code, stderr } = await ending(["--policy", file, "--data", join(temporaryDirectory(), "data")]);
  expect(code).toBe(exitCodes.configuration.code);
  expect(stderr).toMatch(/policy\.yaml:3: .*tofuu/);
});

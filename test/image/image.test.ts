/**
 * The image and compose.yaml, tried for real: built on bases made here, started by an engine, restarted, told to end.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { GenericContainer } from "testcontainers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readRepository } from "../../demo/reader.ts";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { waitUntil } from "../interop/support/process.ts";
import { importBases } from "./support/base-image.ts";
import { composeProgram, composeProject } from "./support/compose.ts";
import { type Engine, startEngine } from "./support/engine.ts";
import { publishUntilGone } from "./support/publishers.ts";
import { ask, type RunningService, readService, startService } from "./support/service.ts";

const image = "vidimus-test/server:local";
const volumes = ["vidimus-test-first", "vidimus-test-load"] as const;
const service = readService();
let engine: Engine;
let clean: () => Promise<void>;

beforeAll(async () => {
  const directory = mkdtempSync(join(tmpdir(), "vidimus-image-"));
  const started = await startEngine(join(directory, "engine"), [
    [composeProgram, "apt-get install docker-compose"],
  ]).catch((error: unknown) => {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  });
  engine = started.engine;
  clean = async () => {
    for (const container of await ours()) await engine.getContainer(container.Id).remove({ force: true });
    for (const volume of volumes)
      await engine
        .getVolume(volume)
        .remove()
        .catch(() => undefined);
    for (const name of [image, ...Object.values(bases)]) {
      await engine
        .getImage(name)
        .remove({ force: true })
        .catch(() => undefined);
    }
    await started.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  let bases: Readonly<Record<string, string>> = {};
  bases = await importBases(engine, join(directory, "bases"));
  await GenericContainer.fromDockerfile(resolve(import.meta.dirname, "../.."))
    .withBuildArgs(bases)
    .build(image, { deleteOnExit: false });
});
afterAll(async () => await clean?.());

/** Containers of this image, whoever lost sight of them. */
const ours = () => engine.listContainers({ all: true, filters: { ancestor: [image] } });

/** How a container ended: its exit code, and what it said. */
async function end(id: string): Promise<{ code: number; said: string }> {
  const container = engine.getContainer(id);
  const { State } = await container.inspect();
  const said = await container.logs({ stdout: true, stderr: true });
  await container.remove();
  return { code: State.ExitCode, said: said.toString("latin1") };
}

describe("the image", () => {
  it("runs Node directly, as a user of no rights, with its volume and its health check", async () => {
    const { Config } = await engine.getImage(image).inspect();
    expect(Config).toMatchObject({
      User: "1000:1000",
      Entrypoint: ["node", "--disable-sigusr1", "src/main.ts"],
      Cmd: ["serve"],
      Volumes: { "/data": {} },
      StopSignal: "SIGTERM",
      Healthcheck: { Test: service.healthcheck.test },
    });
  });

  it("does not start without authentication unless that is asked for", async () => {
    const container = await engine.createContainer({ Image: image, HostConfig: { NetworkMode: "host" } });
    await container.start();
    await container.wait();
    const { code, said } = await end(container.id);
    expect(code).toBe(exitCodes.configuration.code);
    expect(said).toContain("auth.acceptAnonymous");
  });
});

describe("a service as compose.yaml wants it", () => {
  let running: RunningService;
  let authority: string;

  beforeAll(async () => {
    running = await startService(service, { image, volume: volumes[0] });
    authority = running.ca;
  });
  afterAll(async () => await running?.container.stop().catch(() => undefined));

  it("becomes healthy on its first start", async () => {
    const { State } = await engine.getContainer(running.container.getId()).inspect();
    expect(State.Health?.Status).toBe("healthy");
    expect((await running.container.exec(["node", "src/main.ts", "healthcheck"])).output).toBe("ready\n");
  });

  it("is the first process, has no rights, and can gain none", async () => {
    const status = await ask(running.container, "require('fs').readFileSync('/proc/1/status', 'utf8')");
    const value = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, "m").exec(status)?.[1];
    expect(value("Name")).toMatch(/^(?:node|MainThread)$/);
    expect(value("Uid")?.split("\t")[0]).toBe("1000");
    expect([value("CapPrm"), value("CapEff"), value("CapBnd")]).toEqual(Array(3).fill("0".repeat(16)));
    expect(value("NoNewPrivs")).toBe("1");
    const limits = await ask(running.container, "require('fs').readFileSync('/proc/1/limits', 'utf8')");
    expect(limits).toMatch(/^Max core file size +0 +0 /m);
  });

  it("writes to its volume, with a mode for itself alone, and nowhere else", async () => {
    const attempt = (path: string) =>
      ask(
        running.container,
        `try { require('fs').writeFileSync('${path}', 'x'); 'written' } catch (error) { error.code }`,
      );
    expect(await attempt("/opt/vidimus/src/main.ts")).toBe("EROFS");
    expect(await attempt("/x")).toBe("EROFS");
    expect(await attempt("/tmp/x")).toBe("written");
    const mode = "(require('fs').statSync('/data').mode & 0o777).toString(8)";
    expect(await ask(running.container, mode)).toBe("700");
  });

  it("is found unhealthy by the exit code when another configuration is asked for", async () => {
    const other = ["node", "src/main.ts", "healthcheck", "--port", "1"];
    expect((await running.container.exec(other)).exitCode).toBe(exitCodes.noAnswer.code);
  });

  it("has the same CA and the same keys after it was thrown away and made anew on its volume", async () => {
    const { container } = running;
    await container.stop({ timeout: 20_000, remove: false, removeVolumes: false });
    expect(await end(container.getId())).toMatchObject({ code: 0 });
    running = await startService(service, { image, volume: volumes[0] });
    expect(running.ca).toBe(authority);
  });
});

it("docker compose starts it from compose.yaml, takes it down, and finds the same keys when it starts it again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "vidimus-compose-"));
  const { port, compose } = await composeProject(folder, "vidimus-test-compose", image);
  const well = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await compose(...args);
    if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
    return stdout;
  };
  const healthy = async () => {
    await well("up", "--detach");
    const [found] = await ours();
    const container = engine.getContainer(found?.Id ?? "");
    const health = async () => (await container.inspect()).State.Health?.Status;
    await waitUntil(async () => (await health()) === "healthy", 50, "the service is healthy");
    return await well(
      "exec",
      "-T",
      "vidimus",
      "node",
      "-p",
      "require('fs').readFileSync('/data/tls/ca.crt', 'utf8')",
    );
  };
  try {
    const authority = await healthy();
    expect(authority).toContain("BEGIN CERTIFICATE");
    expect(await well("logs", "--no-color")).toContain(`https://127.0.0.1:${port}`);
    await well("down");
    expect(await healthy()).toBe(authority);
  } finally {
    await compose("down", "--volumes");
    rmSync(folder, { recursive: true, force: true });
  }
}, 150_000);

// Without the place for temporary files that compose.yaml gives, for not everybody gives one.
it("told to end in the middle of publishing it ends with 0, and nothing acknowledged is lost", async () => {
  const narrow = { ...service, tmpfs: [] };
  const first = await startService(narrow, { image, volume: volumes[1] });
  let count = 0;
  const { promise: busy, resolve: enough } = Promise.withResolvers<void>();
  const publishers = Array.from({ length: 8 }, (_, index) =>
    publishUntilGone(first, `registry.example.test/team/app-${index}`, () => {
      count++;
      if (count === 100) enough();
    }),
  );
  await Promise.race([busy, Promise.all(publishers)]);
  await first.container.stop({ timeout: 20_000, remove: false, removeVolumes: false });
  const published = await Promise.all(publishers);
  expect(await end(first.container.getId())).toMatchObject({ code: 0 });
  expect(count).toBeGreaterThanOrEqual(100);

  const second = await startService(narrow, { image, volume: volumes[1] });
  try {
    for (const { repository, acknowledged, sent } of published) {
      const { targets } = await readRepository(second, repository);
      const version = targets.get("targets")?.signed.version;
      expect([acknowledged, sent], repository).toContain(version);
    }
  } finally {
    await second.container.stop();
  }
});

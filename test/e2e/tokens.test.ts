/** A server that wants tokens, as its operator runs it: in one process and in several, and with new keys after SIGHUP. */
import { writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { temporaryDirectory } from "../support/directory.ts";
import { bearing, entry, issuer, realm, service, TokenService } from "../support/token-service.ts";
import { isAlive, startWorkers, type Workers } from "../support/workers.ts";

const repository = "registry.example.test/team/app";
const servers: Workers[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    const { supervisor } = server.processes();
    if (isAlive(supervisor)) process.kill(supervisor, "SIGKILL");
    await server.ended;
  }
});

/** Statuses of eight requests, each on a connection of its own. */
async function statuses(server: Workers, token: string | undefined): Promise<readonly number[]> {
  const ask = () =>
    new Promise<number>((resolve, reject) => {
      const options = { ca: server.ca, agent: false, headers: token === undefined ? {} : bearing(token) };
      request(`${server.url}/v2/${repository}/_trust/tuf/root.json`, options, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on("error", reject)
        .end();
    });
  return [...new Set(await Promise.all(Array.from({ length: 8 }, ask)))];
}

it.each(["0", "2"])("with %s workers, and keys that change", { timeout: 120_000 }, async (workers) => {
  const folder = temporaryDirectory();
  const certificates = join(folder, "tokens.pem");
  const [first, second] = [await TokenService.make(Date.now), await TokenService.make(Date.now)];
  writeFileSync(certificates, first.certificate);
  const configuration = join(folder, "vidimus.yaml");
  writeFileSync(
    configuration,
    JSON.stringify({ auth: { mode: "token", token: { realm, service, issuer, certificates } } }),
  );
  const server = await startWorkers(["--workers", workers, "--config", configuration]);
  servers.push(server);
  const wish = { access: [entry(repository, "pull")] };
  const [good, other] = [await first.token(wish), await second.token(wish)];
  expect(await statuses(server, undefined)).toEqual([401]);
  expect(await statuses(server, good)).toEqual([404]);
  expect(await statuses(server, other)).toEqual([401]);
  expect(server.log()).not.toContain(good);

  const reload = () => process.kill(server.processes().supervisor, "SIGHUP");
  writeFileSync(certificates, second.certificate);
  reload();
  await expect.poll(() => statuses(server, other), { timeout: 30_000 }).toEqual([404]);
  // What was remembered of a key that is gone is gone with it.
  await expect.poll(() => statuses(server, good), { timeout: 30_000 }).toEqual([401]);

  writeFileSync(certificates, "nothing of use");
  reload();
  await expect.poll(() => server.log(), { timeout: 30_000 }).toContain("the old ones stay in force");
  expect(await statuses(server, other)).toEqual([404]);
});

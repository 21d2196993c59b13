/** Deletion, and what comes after it (threats W10 and V48). */
import { afterEach, describe, expect, test } from "vitest";
import { uploadOf } from "../support/multipart.ts";
import type { Owner } from "../support/publisher.ts";
import { backEnds, startServer, type TestServer } from "../support/server.ts";

const repository = "example.org/deleted";

let server: TestServer;
afterEach(async () => await server.close());

const remove = () => server.request(`/v2/${repository}/_trust/tuf/`, { method: "DELETE" });
const version = async (role: string) => (await server.store.state(repository)).current.get(role)?.version;

async function published(backEnd: "memory" | "sqlite"): Promise<Owner> {
  server = await startServer({ backEnd });
  const owner = await server.owner(repository);
  owner.delegate("targets/releases");
  await server.publish(repository, owner.first());
  await server.publish(repository, owner.next("targets"));
  await server.publish(repository, owner.next("targets"));
  return owner;
}

describe.each(backEnds)("deletion on %s", (backEnd) => {
  test("V48: every address is 404 at once, whatever a cache asks with", async () => {
    await published(backEnd);
    const { digests, versions } = await server.chainCheck(repository);
    const names = [...digests].flatMap(([role, digest]) => [
      `${role}.json`,
      `${versions.get(role)}.${role}.json`,
      `${role}.${digest}.json`,
    ]);
    const etags = await Promise.all(
      names.map(async (name) => (await server.file(repository, name)).headers.etag),
    );
    await remove();
    for (const [i, name] of names.entries()) {
      const plain = await server.file(repository, name);
      const conditional = await server.file(repository, name, {
        "if-none-match": String(etags[i]),
        "if-modified-since": new Date(server.clock.now()).toUTCString(),
      });
      const head = await server.request(`/v2/${repository}/_trust/tuf/${name}`, { method: "HEAD" });
      expect([name, plain.status, conditional.status, head.status]).toEqual([name, 404, 404, 404]);
    }
  });

  test("a repository whose name begins alike stays (D16)", async () => {
    await published(backEnd);
    for (const name of [`${repository}/sub`, `${repository}x`]) {
      await server.publish(name, (await server.owner(name)).first());
    }
    await remove();
    expect((await server.file(`${repository}/sub`, "root.json")).status).toBe(200);
    expect((await server.file(`${repository}x`, "root.json")).status).toBe(200);
  });

  test("the online keys go with it: the next ones are new", async () => {
    const owner = await published(backEnd);
    await remove();
    expect(await server.key(repository, "timestamp")).not.toEqual(owner.root.keys.timestamp[0]);
  });

  test("targets alone are refused afterwards: there is no root", async () => {
    const owner = await published(backEnd);
    await remove();
    expect((await server.publish(repository, owner.next("targets"))).code).toBe("NO_ROOT");
  });

  test("W10: a new incarnation starts at root 1, and what the server makes goes on above the tombstone", async () => {
    await published(backEnd);
    expect([await version("timestamp"), await version("snapshot")]).toEqual([3, 3]);
    await remove();
    const owner = await server.owner(repository);
    expect((await server.publish(repository, owner.first())).status).toBe(200);
    const versions = await Promise.all(["root", "targets", "snapshot", "timestamp"].map(version));
    expect(versions).toEqual([1, 1, 4, 4]);
    expect((await server.store.state(repository)).incarnation).toBe(2);
  });

  test("W10: nothing of the former incarnation is served in the next", async () => {
    await published(backEnd);
    const former = await server.chainCheck(repository);
    await remove();
    await server.publish(repository, (await server.owner(repository)).first());
    for (const [role, digest] of former.digests) {
      expect((await server.file(repository, `${role}.${digest}.json`)).status, role).toBe(404);
    }
    expect((await server.file(repository, "targets/releases.json")).status).toBe(404);
    expect((await server.file(repository, "3.targets.json")).status).toBe(404);
  });

  test("W10: versions that a publisher makes are as sent", async () => {
    await published(backEnd);
    await remove();
    const owner = await server.owner(repository, "client");
    expect((await server.publish(repository, owner.first())).status).toBe(200);
    expect([await version("snapshot"), await version("timestamp")]).toEqual([1, 4]);
  });

  test("the changefeed shows deletion and creation", async () => {
    await published(backEnd);
    await remove();
    await server.publish(repository, (await server.owner(repository)).first());
    const { body } = await server.get(`/v2/${repository}/_trust/changefeed?records=-2`);
    const categories = JSON.parse(body.toString()).records.map(
      ({ Category, Version }: { Category: string; Version: number }) => [Category, Version],
    );
    expect(categories).toEqual([
      ["deletion", 0],
      ["update", 4],
    ]);
  });

  test("deleting twice, and deleting what never was, writes nothing", async () => {
    await published(backEnd);
    await remove();
    await server.storesNothing(repository, remove);
    await server.storesNothing("never/was", () =>
      server.request("/v2/never/was/_trust/tuf/", { method: "DELETE" }),
    );
  });

  test("deletion beside publishes: afterwards all is there, or nothing", async () => {
    const owner = await published(backEnd);
    for (let round = 0; round < 10; round++) {
      const files = owner.next("targets");
      const [{ status }, deletion] = await Promise.all([
        server.request(`/v2/${repository}/_trust/tuf/`, uploadOf(files)),
        remove(),
      ]);
      expect([deletion.status, [200, 400].includes(status)]).toEqual([200, true]);
      const { exists } = await server.store.state(repository);
      expect((await server.file(repository, "timestamp.json")).status).toBe(exists ? 200 : 404);
      if (!exists) {
        Object.assign(owner.root.keys, (await server.owner(repository)).root.keys, {
          root: owner.root.keys.root,
          targets: owner.root.keys.targets,
        });
        owner.root.version = 1;
        await server.publish(repository, owner.first());
      }
    }
  });
});

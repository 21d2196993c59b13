/** A signer or a store that fails: what is answered, what is stored, and whether the next answer is right (threats W9 and M12). */
import { afterEach, describe, expect, test } from "vitest";
import { StoreError } from "../../src/core/errors.ts";
import type { Store } from "../../src/store/contract/store.ts";
import { uploadOf } from "../support/multipart.ts";
import { newKey, type Owner } from "../support/publisher.ts";
import { backEnds, startServer, type TestServer } from "../support/server.ts";

const repository = "example.org/faults";
/** What a driver could say, and nobody outside may read. */
const inside = "SQLITE_IOERR: disk I/O error at /var/lib/vidimus/store.db";

type Fault = "none" | "before" | "persisted" | "lost" | "driver";

let server: TestServer;
afterEach(async () => await server.close());

function faulty(state: { fault: Fault }) {
  const failing = async <T>(work: () => Promise<T>): Promise<T> => {
    const unknown = () =>
      new StoreError("COMMIT_UNKNOWN", "Nobody knows whether the change was made: read again.", {
        cause: new Error(inside),
      });
    switch (state.fault) {
      case "none":
        return await work();
      case "before":
        throw new StoreError("STORE_UNAVAILABLE", "The store cannot be used now: try again later.", {
          cause: new Error(inside),
        });
      case "persisted":
        await work();
        throw unknown();
      case "lost":
        throw unknown();
      case "driver":
        throw new Error(inside);
    }
  };
  return (store: Store): Store => ({
    ...store,
    commit: (publication) => failing(() => store.commit(publication)),
    remove: (request) => failing(() => store.remove(request)),
  });
}

async function published(backEnd: "memory" | "sqlite", state: { fault: Fault }): Promise<Owner> {
  server = await startServer({ backEnd, wrapStore: faulty(state) });
  const owner = await server.owner(repository);
  await server.publish(repository, owner.first());
  // So that everything is at hand, as on a server that has been asked.
  await server.chainCheck(repository);
  return owner;
}

describe.each(backEnds)("a store that fails, on %s", (backEnd) => {
  test("before anything is written: 503 with Retry-After, nothing stored", async () => {
    const state = { fault: "none" as Fault };
    const owner = await published(backEnd, state);
    state.fault = "before";
    const files = owner.next("targets");
    const { status, error, code, headers } = await server.publish(repository, files);
    expect([status, error?.code, code, headers["retry-after"]]).toEqual([
      503,
      "UNAVAILABLE",
      "STORE_UNAVAILABLE",
      "5",
    ]);
    state.fault = "none";
    expect((await server.publish(repository, files)).status).toBe(200);
  });

  test("W9: it says that it failed, and did not persist: the same upload goes through afterwards", async () => {
    const state = { fault: "none" as Fault };
    const owner = await published(backEnd, state);
    state.fault = "lost";
    const files = owner.next("targets");
    const { status, error, code } = await server.publish(repository, files);
    expect([status, error?.code, code]).toEqual([500, "UPDATING", "COMMIT_UNKNOWN"]);
    state.fault = "none";
    expect((await server.publish(repository, files)).status).toBe(200);
  });

  test("W9: it says that it failed, and persisted: readers see it, the same upload is VERSION", async () => {
    const state = { fault: "none" as Fault };
    const owner = await published(backEnd, state);
    state.fault = "persisted";
    const files = owner.next("targets");
    const { status, error } = await server.request(...request(files));
    expect([status, error?.code]).toEqual([500, "UPDATING"]);
    state.fault = "none";
    expect((await server.file(repository, "targets.json")).body).toEqual(files.get("targets"));
    await server.chainCheck(repository);
    expect((await server.publish(repository, files)).error?.code).toBe("VERSION");
    expect((await server.publish(repository, owner.next("targets"))).status).toBe(200);
  });

  test("W9: a renewal that persisted although it failed is what readers get", async () => {
    const state = { fault: "none" as Fault };
    await published(backEnd, state);
    server.clock.advance(15 * 86_400_000);
    state.fault = "persisted";
    await server.file(repository, "timestamp.json");
    state.fault = "none";
    await server.chainCheck(repository);
  });

  test("W9: a deletion that persisted although it failed leaves nothing to be read", async () => {
    const state = { fault: "none" as Fault };
    await published(backEnd, state);
    state.fault = "persisted";
    const { status } = await server.request(`/v2/${repository}/_trust/tuf/`, { method: "DELETE" });
    expect(status).toBe(500);
    state.fault = "none";
    for (const name of ["root.json", "timestamp.json", "1.targets.json"]) {
      expect((await server.file(repository, name)).status).toBe(404);
    }
  });

  test.each<Fault>(["before", "lost", "driver"])(
    "M12: an answer says nothing of the inside (%s)",
    async (fault) => {
      const state = { fault: "none" as Fault };
      const owner = await published(backEnd, state);
      state.fault = fault;
      const { status, body, headers } = await server.publish(repository, owner.next("targets"));
      expect(status).toBeGreaterThanOrEqual(500);
      expect(`${body.toString()}${JSON.stringify(headers)}`).not.toMatch(
        /SQLITE|\/var\/lib|store\.db|at .*\.ts/,
      );
      expect(server.log.some((line) => line.includes("SQLITE_IOERR"))).toBe(true);
    },
  );
});

describe("a signer that is down", () => {
  const down = async (what: "sign" | "generate") => {
    let failing = false;
    server = await startServer({
      wrapSigner: (signer) => ({
        async generate(algorithm, binding) {
          if (failing && what === "generate") throw new Error("connect ECONNREFUSED 127.0.0.1:4444");
          return await signer.generate(algorithm, binding);
        },
        adopt: (privateKey, binding) => signer.adopt(privateKey, binding),
        async sign(key, message) {
          if (failing && what === "sign") throw new Error("connect ECONNREFUSED 127.0.0.1:4444");
          return await signer.sign(key, message);
        },
        async check() {
          if (failing) throw new Error("connect ECONNREFUSED 127.0.0.1:4444");
        },
        close: () => signer.close(),
      }),
    });
    const owner = await server.owner(repository);
    await server.publish(repository, owner.first());
    failing = true;
    return { owner, repair: () => (failing = false) };
  };

  test("that throws what its contract does not name: 5xx, nothing stored, no internals (D13)", async () => {
    const { owner, repair } = await down("sign");
    const files = owner.next("targets");
    const { status, body } = await server.publish(repository, files);
    expect(status).toBeGreaterThanOrEqual(500);
    expect(body.toString()).not.toMatch(/ECONN|4444/);
    repair();
    expect((await server.publish(repository, files)).status).toBe(200);
  });

  test("a key route: no internals", async () => {
    await down("generate");
    const { status, body } = await server.get("/v2/other/_trust/tuf/timestamp.key");
    expect(status).toBeGreaterThanOrEqual(500);
    expect(body.toString()).not.toMatch(/ECONN|4444/);
  });

  test("health is 503 and names the component, in the original's words", async () => {
    await down("sign");
    const { status, body } = await server.get("/_notary_server/health");
    expect([status, body.toString()]).toEqual([503, '{"Trust operational":"the signer cannot be used"}']);
  });

  test("probes say it in the log once, and once that it is over", async () => {
    const { repair } = await down("sign");
    const before = server.log.length;
    const loud = () =>
      server.log
        .slice(before)
        .map((line) => JSON.parse(line))
        .filter(({ level }) => level > 20)
        .map(({ level, part }) => [level, part]);
    for (let i = 0; i < 3; i++) expect((await server.get("/readyz")).status).toBe(503);
    expect(loud()).toEqual([[50, "Trust operational"]]);
    repair();
    for (let i = 0; i < 3; i++) expect((await server.get("/readyz")).status).toBe(200);
    expect(loud()).toEqual([
      [50, "Trust operational"],
      [30, "Trust operational"],
    ]);
  });
});

test("a signer that is closed: 503 SIGNER_UNAVAILABLE with Retry-After, nothing stored", async () => {
  let close = async () => {};
  server = await startServer({
    wrapSigner: (signer) => {
      close = () => signer.close();
      return signer;
    },
  });
  const owner = await server.owner(repository);
  await server.publish(repository, owner.first());
  await close();
  const { status, error, code, headers } = await server.publish(repository, owner.next("targets"));
  expect([status, error?.code, code, headers["retry-after"]]).toEqual([
    503,
    "UNAVAILABLE",
    "SIGNER_UNAVAILABLE",
    "5",
  ]);
});

test("a signer whose signature does not verify: 503, nothing stored", async () => {
  let lying = false;
  const liar = newKey("ecdsa");
  server = await startServer({
    wrapSigner: (signer) => ({
      generate: (algorithm, binding) => signer.generate(algorithm, binding),
      adopt: (privateKey, binding) => signer.adopt(privateKey, binding),
      sign: async (key, message) => (lying ? liar.sign(message).signature : await signer.sign(key, message)),
      check: () => signer.check(),
      close: () => signer.close(),
    }),
  });
  const owner = await server.owner(repository);
  await server.publish(repository, owner.first());
  lying = true;
  expect((await server.publish(repository, owner.next("targets"))).code).toBe("SIGNER_UNAVAILABLE");
});

function request(files: Parameters<typeof uploadOf>[0]): [string, ReturnType<typeof uploadOf>] {
  return [`/v2/${repository}/_trust/tuf/`, uploadOf(files)];
}

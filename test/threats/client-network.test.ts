/** Answers that never end, drip, stall and break off (docs/threats.md: S5, S6, S10, V29), through a proxy that does it. */
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Simulator } from "../support/simulator.ts";
import { someTarget } from "../support/simulator.ts";
import { startProxy, type ToxicProxy } from "../support/toxic-proxy.ts";
import { codeOf, stances, startVisit, type Visit } from "../support/visits.ts";

let visit: Visit;
let sim: Simulator;
let proxy: ToxicProxy;

beforeEach(async () => {
  visit = await startVisit({ limits: { requestTime: 800, updateTime: 3_000 } });
  sim = visit.sim;
  proxy = await startProxy(visit.site.url);
  visit.server = proxy.url;
  sim.delegate("targets/releases");
  sim.publish();
});
afterEach(async () => {
  await visit.close();
  await proxy.close();
});

const files: Record<string, RegExp> = {
  timestamp: /^timestamp/,
  snapshot: /^snapshot/,
  targets: /^targets\.[0-9a-f]/,
  "targets/releases": /^targets\/releases/,
  "next root": /^[0-9]+\.root/,
};

/** Everything below the root is new, so that it is asked for. */
function publishNews(): void {
  for (const state of sim.targets.values()) state.names.set("other", someTarget("other"));
  sim.publish();
}

describe.each(stances)("to %s", (stance) => {
  describe.each(Object.keys(files))("%s", (file) => {
    const pattern = files[file] as RegExp;
    const prepared = async () => {
      const client = await visit.client(stance);
      publishNews();
      return client;
    };

    test("S5: bytes without end are left at the limit, and recovered from", async () => {
      const client = await prepared();
      proxy.poison({ kind: "endless" }, pattern);
      expect(await codeOf(visit.ask(client))).toBe("ANSWER_TOO_LARGE");
      // The limit, and what was on its way.
      expect(proxy.taken).toBeLessThan(24 * 1_048_576);
      visit.expectHonestState();
      proxy.heal();
      await visit.recovers(client);
    });

    test("S6: a byte now and then is left at the time, and recovered from", async () => {
      const client = await prepared();
      proxy.poison({ kind: "slow", pause: 100 }, pattern);
      const began = performance.now();
      expect(await codeOf(visit.ask(client))).toBe("TIMEOUT");
      expect(performance.now() - began).toBeLessThan(6_000);
      proxy.heal();
      await visit.recovers(client);
    });

    test.each([
      ["silent", { kind: "silent" } as const, ["TIMEOUT"]],
      ["cut before the head", { kind: "cut", after: 0 } as const, ["UNREACHABLE"]],
      ["cut in the head", { kind: "cut", after: 20 } as const, ["UNREACHABLE", "BAD_ANSWER"]],
      ["reset", { kind: "reset", after: 50 } as const, ["UNREACHABLE"]],
    ])("S10, S12: an answer that is %s is refused, and recovered from", async (_what, toxin, codes) => {
      const client = await prepared();
      proxy.poison(toxin, pattern);
      expect(codes).toContain(await codeOf(visit.ask(client)));
      visit.expectHonestState();
      proxy.heal();
      await visit.recovers(client);
    });
  });

  test("S10, S12: an answer that is cut in its body is refused, and recovered from", async () => {
    const client = await visit.client(stance);
    publishNews();
    proxy.poison({ kind: "cut", after: 400 }, /^timestamp/);
    expect(await codeOf(visit.ask(client))).toBe("UNREACHABLE");
    proxy.heal();
    await visit.recovers(client);
  });

  test("S6: many slow files together are no longer than one update may be", async () => {
    const client = await visit.client(stance, { limits: { requestTime: 60_000, updateTime: 700 } });
    for (let root = 0; root < 8; root++) {
      sim.root.expires += 1_000;
      sim.publish();
    }
    visit.site.answer = (file, response) => {
      const bytes = sim.served.get(file.replace(".json", "")) ?? sim.roots.get(Number.parseInt(file, 10));
      setTimeout(() => (bytes === undefined ? response.writeHead(404).end() : response.end(bytes)), 250);
      return true;
    };
    const began = performance.now();
    expect(await codeOf(visit.ask(client))).toBe("TIMEOUT");
    expect(performance.now() - began).toBeLessThan(5_000);
    await visit.recovers(client);
  });

  test("V29: a compressed answer is refused", async () => {
    const client = await visit.client(stance);
    publishNews();
    visit.site.answer = (file, response) => {
      if (file !== "timestamp.json") return false;
      const body = gzipSync(sim.served.get("timestamp") as Buffer);
      return !!response.writeHead(200, { "content-encoding": "gzip" }).end(body);
    };
    expect(await codeOf(visit.ask(client))).toBe("BAD_ANSWER");
    await visit.recovers(client);
  });

  test.each([301, 302, 307, 308])("S10: a redirect (%i) in a circle ends", async (status) => {
    const client = await visit.client(stance);
    visit.site.answer = (file, response) =>
      !!response.writeHead(status, { location: `/v2/${sim.repository}/_trust/tuf/${file}` }).end();
    expect(await codeOf(visit.ask(client))).toBe("BAD_ANSWER");
    await visit.recovers(client);
  });

  test.each(["file:///etc/passwd", "http://example.test/x", "ftp://127.0.0.1/x", "//user@127.0.0.1/x", ""])(
    "S10: a redirect to %j is not followed",
    async (location) => {
      const client = await visit.client(stance);
      visit.site.answer = (_file, response) => !!response.writeHead(302, { location }).end();
      expect(await codeOf(visit.ask(client))).toBe("BAD_ANSWER");
      await visit.recovers(client);
    },
  );
});

test("S10: a server that is busy once is asked again", async () => {
  const client = await visit.open({ limits: { tries: 2 } });
  let first = true;
  visit.site.answer = (_file, response) => {
    const busy = first;
    first = false;
    return busy && !!response.writeHead(503).end();
  };
  expect((await visit.ask(client)).role).toBe("targets");
});

test("S9: a file is held against its length and every digest that is signed", async () => {
  const { writeFileSync } = await import("node:fs");
  const path = `${visit.cacheDir}/file`;
  const client = await visit.open();
  const question = { repository: sim.repository, target: "app" };
  writeFileSync(path, "app");
  expect((await client.verifyFile(path, question)).target).toBe("app");
  for (const content of ["apq", "apps", "ap", ""]) {
    writeFileSync(path, content);
    expect(await codeOf(client.verifyFile(path, question))).toBe("FILE_MISMATCH");
  }
  const target = { ...someTarget("app"), sha512: "0".repeat(128) };
  sim.targetsOf("targets").names.set("app", target);
  sim.publish();
  writeFileSync(path, "app");
  expect(await codeOf(client.verifyFile(path, question))).toBe("FILE_MISMATCH");
});

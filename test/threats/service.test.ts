/** The service around the files: caches, metrics, logs (threats V31, M14 and L1). */
import { afterAll, beforeAll, expect, test } from "vitest";
import { multipart, multipartType, part } from "../support/multipart.ts";
import { startServer, type TestServer } from "../support/server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  await server.publish("a", (await server.owner("a")).first());
});
afterAll(async () => await server.close());

const post = {
  method: "POST",
  headers: { "content-type": multipartType },
  body: multipart([part("foo", "{}")]),
};

test("V31: names, methods and paths make no new series", async () => {
  const series = async () =>
    (await server.get("/metrics")).body
      .toString()
      .split("\n")
      .filter((line) => /^(notary_server|vidimus)_/.test(line)).length;
  const visit = async (name: string) => {
    await server.get(`/v2/${name}/_trust/tuf/root.json`);
    await server.get(`/${name}`);
    await server.request(`/v2/${name}/_trust/tuf/`, post);
    await server.request(`/v2/${name}`, { method: "PROPFIND" });
    await server.get(`/v2/${name}/_trust/changefeed?records=${name}`);
  };
  await visit("first");
  // The page of metrics counts itself from its second request on.
  await series();
  const before = await series();
  for (let i = 0; i < 300; i++) await visit(`name${i}`);
  expect(await series()).toBe(before);
});

test("M14: an error may not be kept by anybody", async () => {
  const answers = [
    await server.get("/v2/nobody/_trust/tuf/root.json"),
    await server.get("/nowhere"),
    await server.request("/v2/a/_trust/tuf/", post),
    await server.get("/v2/_trust/changefeed?records=x"),
  ];
  for (const { headers } of answers) expect(headers["cache-control"]).toBe("no-store");
});

test("M14: what may change may not be kept without asking", async () => {
  for (const name of ["root.json", "timestamp.json", "snapshot.json", "targets.json", "1.root.json"]) {
    expect((await server.file("a", name)).headers["cache-control"], name).toBe("public, no-cache");
  }
});

const evil = '\r\n{"level":60,"msg":"forged"}\u001b[31m\u2028\u0000';

test("L1: a request is one line of the log, whatever it carries", async () => {
  server.log.length = 0;
  await server.request(`/v2/${encodeURIComponent(evil)}/_trust/tuf/`, post);
  await server.raw(
    `GET /v2/a/_trust/tuf/root.json?${encodeURIComponent(evil)} HTTP/1.1\r\nHost: x\r\nUser-Agent: \u001b[31mred\r\nConnection: close\r\n\r\n`,
  );
  await server.request("/v2/a/_trust/tuf/", {
    ...post,
    body: multipart([part("targets/\u001b[31m\u2028", "{}")]),
  });
  expect(server.log.length).toBeGreaterThan(2);
  for (const line of server.log) {
    expect(line.trimEnd().split("\n").length).toBe(1);
    expect(JSON.parse(line).msg).not.toBe("forged");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    expect(line.trimEnd()).not.toMatch(/[\u0000-\u001f]/);
  }
});

/** What fails without a word about why is told by a name, under which the log has the reason. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { startServer, type TestServer } from "../../support/server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer({
    wrapStore: (store) => ({
      ...store,
      proposals: { ...store.proposals, list: () => Promise.reject(new Error("planted")) },
      current: () => Promise.reject(new Error("planted")),
    }),
  });
});
afterAll(async () => await server?.close());

it.each(["/api/v1/proposals", "/v2/registry.example.test/app/_trust/tuf/root.json"])("%s", async (path) => {
  server.log.length = 0;
  const answer = await server.get(path);
  expect([answer.status, answer.code]).toEqual([500, "INTERNAL"]);
  const incident = String(answer.headers["vidimus-incident"]);
  expect(incident).toMatch(/^[0-9a-f]{8}$/);
  const lines = server.log.map((line) => JSON.parse(line) as Record<string, { message?: string }>);
  const [found] = lines.filter((line) => String(line.incident) === incident);
  expect(found?.err?.message).toBe("planted");
  const said = answer.body.toString();
  expect(said).not.toContain("planted");
  // Stock clients are told as ever; the other API says what to do with it.
  expect(said.includes(incident)).toBe(path.startsWith("/api/"));
});

it("a refusal that says it all has none", async () => {
  const answer = await server.get("/api/v1/nothing");
  expect([answer.status, answer.headers["vidimus-incident"]]).toEqual([404, undefined]);
});

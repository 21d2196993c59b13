/** What the log says of a server that asks nobody who they are. */
import { pino } from "pino";
import { expect, it } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { warnAnonymous } from "../../src/serve/server.ts";

function warnings(file: string): readonly string[] {
  const lines: string[] = [];
  const { config } = loadConfig({
    flags: [],
    env: {},
    readFile: () => file,
    file: "vidimus.yaml",
  });
  warnAnonymous(config, pino({}, { write: (line: string) => void lines.push(line) }));
  return lines.map((line) => JSON.parse(line)).map(({ level, msg }) => `${level} ${msg}`);
}

it("warns in capitals where others can reach it", () => {
  expect(warnings("server: { host: 0.0.0.0 }\nauth: { acceptAnonymous: true }")).toEqual([
    "40 NO AUTHENTICATION: everybody who reaches this address may publish, rotate keys and delete",
  ]);
});

it.each([
  ["on a loopback address", "server: { host: 127.0.0.1 }"],
  ["on a Unix socket", "server: { socket: /run/vidimus.sock }"],
  [
    "where callers are authenticated",
    `server: { host: 0.0.0.0 }
auth:
  mode: token
  token: { realm: "https://auth.example.test/token", service: a, issuer: b, jwks: keys.json }`,
  ],
])("is silent %s", (_, file) => {
  expect(warnings(file)).toEqual([]);
});

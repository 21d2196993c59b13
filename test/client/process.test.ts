/** What the library does to the process it runs in: nothing. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startChild } from "../support/child.ts";
import { deadPort } from "../support/fetching.ts";
import { simulatedNow } from "../support/simulator.ts";
import type { Answering } from "../support/trust-site.ts";
import { emptyFolder, simulated, siteOf } from "../support/trusting.ts";

const name = "registry.example.test/acme/kernel";
const references = [`${name}:1`, `${name}:2`, `${name}:none`, "registry.example.test/absent/x:1", "UPPER"];

/** Runs a session to its end; it has to end by itself, say nothing of its own, and leave no rejection alone. */
async function session(url: string): Promise<void> {
  const child = startChild(
    "client-session.ts",
    [url, emptyFolder(), String(simulatedNow), ...references],
    ["--unhandled-rejections=strict"],
  );
  await child.line("closed");
  const closed = performance.now();
  expect(await child.ended).toBe(0);
  expect(performance.now() - closed).toBeLessThan(5_000);
  expect([child.output(), child.complaint()]).toEqual(["closed\n", ""]);
}

/** One answer in `every` is spoilt. */
function spoiling(every: number, spoil: Answering): Answering {
  let count = 0;
  return (...of) => ++count % every === 0 && spoil(...of);
}

const spoils: readonly (readonly [string, Answering])[] = [
  ["is honest", () => false],
  [
    "breaks off every connection",
    (_file, response) => {
      response.destroy();
      return true;
    },
  ],
  [
    "breaks off every third",
    spoiling(3, (_file, response) => {
      response.destroy();
      return true;
    }),
  ],
  [
    "breaks off in the middle of every second answer",
    spoiling(2, (_file, response) => {
      response.writeHead(200, { "content-length": 1_000 });
      response.write("{", () => response.destroy());
      return true;
    }),
  ],
  [
    "fails with every second answer",
    spoiling(2, (_file, response) => {
      response.writeHead(503).end();
      return true;
    }),
  ],
  [
    "never ends its answers",
    (_file, response) => {
      response.writeHead(200);
      response.write("{");
      return true;
    },
  ],
  [
    "answers with nonsense",
    (_file, response) => {
      response.writeHead(200).end("nonsense");
      return true;
    },
  ],
];

describe("a process that uses the library ends by itself, and no rejection is left alone, where the server", () => {
  it.concurrent.each(spoils)("%s", async (_, answer) => {
    const site = await siteOf(await simulated(name, "1", "2"));
    site.answer = answer;
    await session(site.url);
  });

  it.concurrent("is not there", async () => {
    await session(`http://127.0.0.1:${await deadPort()}`);
  });
});

it("nothing but the commands speaks to a terminal", () => {
  const folder = join(import.meta.dirname, "../../src/client");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && !file.startsWith("cli/"),
  );
  expect(files.length).toBeGreaterThan(50);
  const printing = /\bconsole\.|\bprocess\.(?:stdout|stderr|emitWarning|exit)/;
  expect(files.filter((file) => printing.test(readFileSync(join(folder, file), "utf8")))).toEqual([]);
});

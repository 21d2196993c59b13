import pino from "pino";
import { afterEach, expect, it, vi } from "vitest";
import { type Config, loadConfig } from "../../src/config.ts";
import type { Reloader } from "../../src/serve/reloader.ts";
import { openTls } from "../../src/serve/tls.ts";
import { systemClock } from "../../src/service/clock.ts";
import { temporaryDirectory } from "../support/directory.ts";

let reloader: Reloader | undefined;
afterEach(() => reloader?.stop());

function configure(names: string): Config {
  return loadConfig({
    flags: [{ flag: "--set", key: "tls.names", text: names }],
    env: {},
    readFile: () => "",
  }).config;
}

const open = (directory: string, names: string, reading: boolean) =>
  openTls({
    config: configure(names),
    given: undefined,
    directory,
    clock: systemClock,
    logger: pino({ enabled: false }),
    reading,
  });

it("a reader makes no certificate: CERTIFICATE_MISSING", async () => {
  await expect(open(temporaryDirectory(), "localhost", true)).rejects.toMatchObject({
    code: "CERTIFICATE_MISSING",
  });
});

it("a reader uses the one that is there, and the next one soon after it was made", async () => {
  const directory = temporaryDirectory();
  const made = await open(directory, "localhost", false);
  const reading = await open(directory, "localhost", true);
  expect(reading?.pair).toEqual(made?.pair);
  const apply = vi.fn();
  reloader = reading?.keepFresh(apply);
  const renewed = await open(directory, "localhost,example.test", false);
  await expect.poll(() => apply.mock.lastCall, { timeout: 10_000 }).toEqual([renewed?.pair]);
});

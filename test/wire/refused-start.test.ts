/** A start that is refused after the store was opened closes what it opened: nothing of it is left to Node's garbage collection. */
import { chmodSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pino from "pino";
import { expect, it } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { serve } from "../../src/wire.ts";
import { temporaryDirectory } from "../support/directory.ts";

/** Files below a directory that this process has open. */
function openBelow(directory: string): readonly string[] {
  return readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${descriptor}`);
      return path.startsWith(directory) ? [path] : [];
    } catch {
      return [];
    }
  });
}

it("leaves no file open when the secret of a webhook is known to others, and the next start goes well", async () => {
  const directory = temporaryDirectory();
  const secret = join(directory, "webhook");
  writeFileSync(secret, `whsec_${Buffer.alloc(32, 7).toString("base64")}\n`);
  chmodSync(secret, 0o644);
  const data = join(directory, "data");
  const settings = {
    data,
    "server.port": "0",
    "server.plainHttp": "true",
    "webhooks.urls": "https://127.0.0.1:1/hook",
    "webhooks.secrets": `file:${secret}`,
    "webhooks.allowPrivate": "true",
  };
  const flags = Object.entries(settings).map(([key, text]) => ({ flag: "--set", key, text }));
  const { config } = loadConfig({ flags, env: {}, readFile: () => "" });
  const start = () => serve(config, pino({ enabled: false }));
  await expect(start()).rejects.toMatchObject({ code: "WEBHOOK_UNUSABLE" });
  expect(openBelow(data)).toEqual([]);
  chmodSync(secret, 0o600);
  const server = await start();
  await server.stop();
});

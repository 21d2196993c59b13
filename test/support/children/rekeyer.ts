/** Exchanges the secret of a data directory and dies by kill -9 as soon as the named step is done. */
import { writeSync } from "node:fs";
import { loadConfig } from "../../../src/config.ts";
import { rekey } from "../../../src/wire/rekey.ts";

const [directory = "", deadly = "", newSource] = process.argv.slice(2);
const flags = [{ flag: "--data", key: "data", text: directory }];
const { config } = loadConfig({ flags, env: {}, readFile: () => "" });
await rekey(config, newSource === "" ? undefined : newSource, (step) => {
  writeSync(1, `${step}\n`);
  if (step !== deadly) return;
  process.kill(process.pid, "SIGKILL");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});

/** packaging/vidimus.service and the drop-in of docs/operations.md, read by systemd itself. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { temporaryDirectory } from "../support/directory.ts";

const repository = resolve(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(repository, path), "utf8");
const dropIn = /```ini\n# \/etc\/systemd\/system\/vidimus\.service\.d\/mark\.conf\n([^`]+)```/.exec(
  read("docs/operations.md"),
)?.[1];

/** Values of a key, in their order. */
function valuesOf(text: string, key: string): string[] {
  return [...text.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map(([, value = ""]) => value);
}

const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;

describe.runIf(hasSystemd)("systemd takes", () => {
  let unit: string;
  beforeEach(() => {
    const directory = temporaryDirectory();
    unit = join(directory, "vidimus.service");
    // It looks whether the program is there.
    writeFileSync(
      unit,
      read("packaging/vidimus.service").replace(/^(ExecStart=)\S+/m, `$1${process.execPath}`),
    );
    mkdirSync(`${unit}.d`);
  });

  const verified = () => {
    const { status, stdout, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", unit], {
      encoding: "utf8",
    });
    return { status, said: `${stdout}${stderr}` };
  };

  it("the unit", () => {
    expect(verified()).toEqual({ status: 0, said: "" });
  });

  it("the drop-in for a mark on another volume", () => {
    writeFileSync(join(`${unit}.d`, "mark.conf"), dropIn ?? "");
    expect(verified()).toEqual({ status: 0, said: "" });
  });

  it("neither with a key that it does not know", () => {
    writeFileSync(join(`${unit}.d`, "mark.conf"), "[Service]\nReadWritePath=/srv/mark\n");
    expect(verified().said).toContain("ReadWritePath");
  });
});

it("the drop-in opens the very place that it configures, on the volume that it waits for", () => {
  const [writable = ""] = valuesOf(dropIn ?? "", "ReadWritePaths");
  const [mounted = ""] = valuesOf(dropIn ?? "", "RequiresMountsFor");
  const [variable = ""] = valuesOf(dropIn ?? "", "Environment");
  const [name = "", ...path] = variable.split("=");
  const { config } = loadConfig({ flags: [], env: { [name]: path.join("=") }, readFile: () => "" });
  expect(writable).toMatch(/^\/./);
  expect(config.store.highWaterMark).toBe(`${writable}/high-water-mark`);
  expect(writable.startsWith(`${mounted}/`)).toBe(true);
  // What the unit itself leaves closed.
  expect(valuesOf(read("packaging/vidimus.service"), "ProtectSystem")).toEqual(["strict"]);
});

import { randomInt } from "node:crypto";
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

const here = import.meta.dirname;
const report = process.env.VIDIMUS_TEST_REPORT;
const full = process.env.VIDIMUS_FAULTS === "full";

process.env.VIDIMUS_SEED ??= String(randomInt(1, 2 ** 31));

export default defineConfig({
  root: resolve(here, "../.."),
  test: {
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
    include: ["test/faults/**/*.test.ts"],
    globalSetup: [resolve(here, "support/setup.ts")],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: full ? 7_200_000 : 1_200_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
  },
});

import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

const here = import.meta.dirname;

const report = process.env.VIDIMUS_TEST_REPORT;

export default defineConfig({
  root: resolve(here, "../.."),
  test: {
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
    include: ["test/interop/**/*.test.ts"],
    globalSetup: [resolve(here, "support/setup.ts")],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 90_000,
    hookTimeout: 60_000,
    teardownTimeout: 60_000,
  },
});

import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

const report = process.env.VIDIMUS_TEST_REPORT;

export default defineConfig({
  root: resolve(import.meta.dirname, "../.."),
  test: {
    reporters: report ? ["default", ["json", { outputFile: report }]] : ["default"],
    include: ["test/image/**/*.test.ts"],
    pool: "forks",
    // Each file has an engine of its own, and both wait more than they work.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 240_000,
    teardownTimeout: 60_000,
  },
});
